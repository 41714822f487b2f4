// net/testing/tls_server.h: HTTP/1.1 over TLS on 127.0.0.1. Each request is answered with the common name of the
// client's certificate ("nobody" without one). Threads: any; one of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/testing/certificates.h"

namespace mlnode::net {

class TlsServer {
 public:
  // `client_authorities`: PEM; when set, a client must show a certificate of theirs.
  static std::unique_ptr<TlsServer> Start(const KeyAndCertificate& identity,
                                          const std::string& client_authorities = {});
  virtual ~TlsServer() = default;
  virtual std::string Url(const std::string& target) const = 0;
  virtual int connections() const = 0;         // whose handshake was completed
  virtual bool http2_was_offered() const = 0;  // by a client, in ALPN
};

}  // namespace mlnode::net
