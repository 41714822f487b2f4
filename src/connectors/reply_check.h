// connectors/reply_check.h: whether a provider's reply is a success, and the error that it is otherwise (spec/remote
// §5.5). Pure; any thread.
#pragma once

#include "connectors/redactor.h"
#include "net/http_client.h"

namespace mlnode::connectors {

// kUpstream, reason "status_exception", upstream_status: the provider's, or 500 when the peer has no such status, or
// 502 for a success without body. kInvalidArgument: longer than `max_json_bytes` (-1: any). A secret that the provider
// repeats in its error is shown as "***".
Status CheckReply(const net::ClientReply& reply, std::int64_t max_json_bytes, const Redactor& redactor);

}  // namespace mlnode::connectors
