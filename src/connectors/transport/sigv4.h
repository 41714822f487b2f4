// connectors/transport/sigv4.h: AWS Signature Version 4 over OpenSSL's HMAC (spec/remote §4; the algorithm:
// docs.aws.amazon.com, "Signature Version 4 signing process"). Why our own: libcurl 7.88's is wrong for paths with ':'.
// Pure; any thread.
#pragma once

#include "connectors/transport/remote_caller.h"

namespace mlnode::connectors {

// Adds Authorization, X-Amz-Date and, with a session token, X-Amz-Security-Token to the request's headers; host comes
// from the URL. Each path segment is encoded twice but for service "s3", as AWS asks. kInvalidArgument: no URL.
Status SignV4(OutgoingRequest& request, EpochMillis now);
// Fills body_hash in, if the request is to be signed with it, so that no attempt reads the whole body on a thread that
// all calls share. For whoever makes the body, or changes it.
void HashBody(OutgoingRequest& request);

}  // namespace mlnode::connectors
