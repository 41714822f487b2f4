// net/testing/certificates.h: certificates made while a test runs, so that none expires in the tree. Elliptic keys,
// valid for an hour. Any failure ends the test process. Threads: any.
#pragma once

#include <string>

namespace mlnode::net {

struct KeyAndCertificate {
  std::string certificate, key;  // PEM
};

KeyAndCertificate MakeAuthority(const std::string& name);
// For 127.0.0.1 as a server, and as a client with this common name.
KeyAndCertificate Issue(const KeyAndCertificate& authority, const std::string& name);
std::string ToPkcs12(const KeyAndCertificate& pair, const std::string& password);

}  // namespace mlnode::net
