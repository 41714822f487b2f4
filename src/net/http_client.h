// net/http_client.h: the one HTTP client: downloads, connectors and forwarding use it. libcurl multi on one thread of
// its own. Threads: any; callbacks run on the client's thread and must not block it (BodySink may write a file). No
// wait is endless: every transfer has connect, idle and total limits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/executor.h"
#include "core/result.h"
#include "net/address_guard.h"
#include "net/http_message.h"

namespace mlnode::net {

// Mutual TLS and own authorities; texts are PEM, pkcs12 is the bytes of a PKCS#12 file. Never logged.
struct ClientCertificate {
  std::string certificate = {}, key = {};  // empty: no client certificate, unless pkcs12 holds one
  std::string authorities = {};            // empty: the system's
  std::string pkcs12 = {}, password = {};  // password: of pkcs12, or of an encrypted key
};

// HTTP/2 is used where the server offers it over TLS; several requests then share one connection. Redirects, proxies of
// the environment, cookies and .netrc play no part unless a field says so. Header fields that frame a message
// (Content-Length, Transfer-Encoding, Connection and the like) are the client's own: a caller's are left out, for a
// wrong one would shift the answers of everybody who shares the connection.
struct ClientRequest {
  std::string method = "GET";
  std::string url;  // http or https; anything else is kInvalidArgument
  Headers headers;
  std::string body;
  // Set: goes out in place of `body`, without a copy; `borrowed_owner` keeps it alive until `done`.
  std::string_view borrowed_body = {};
  std::shared_ptr<const void> borrowed_owner = {};
  AddressPolicy addresses = AddressPolicy::kPublicOnly;
  int max_redirects =
      0;  // 0: a redirect is a reply. Headers of the caller, but for Authorization, go along to other hosts
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};  // without a byte
  std::chrono::milliseconds total_timeout{60'000};
  std::size_t max_response_bytes = 100UL * 1024 * 1024;  // beyond: kTooLarge
  bool verify_tls = true;
  // False: the request goes out once at most, for it costs money or is refused the second time. libcurl sends one again
  // by itself when a connection kept from earlier ends before the first byte of an answer; then it ends with kUpstream
  // instead, and connections that were idle for long, whose server may just be closing them, are not used for it.
  bool may_resend = true;
  bool path_as_is = false;  // "." and ".." in the URL's path go out as they are; else they are resolved first
  // When set, a 2xx body goes here piece by piece and ClientReply.body stays empty. An error stops the transfer with
  // it. Of the body of any other status the first 64 KiB are kept, for the message. A piece comes as soon as it has
  // been read from the connection, so the first call tells that a 2xx has begun.
  std::function<Status(std::string_view piece)> body_sink = {};
  // Asked, besides `addresses`, about the resolved address when a socket is opened for this request, and again before
  // the request goes out on a connection kept from an earlier one. Its error ends the request. IPv4 or IPv6, forms that
  // carry IPv4 as they are; on the client's thread.
  std::function<Status(const sockaddr* address)> check_address = {};
  // Called once when the first line of an answer, of whatever status, has come: the server is there. On the client's
  // thread.
  std::function<void()> on_answer = {};
  // A connection is shared only by requests of equal identity, key and password included, and equal verify_tls.
  std::shared_ptr<const ClientCertificate> identity = {};
};

// Message of the kUnavailable of a server that was reached, and whose certificate or protocol `identity`'s or the
// system's authorities, or verify_tls, do not accept.
inline constexpr std::string_view kTlsRefused =
    "no TLS connection to the remote server: its certificate or protocol is not accepted";

// Message of the kUnavailable of a server whose connection, TLS included, did not stand within the request's limits.
inline constexpr std::string_view kNotConnectedInTime =
    "no connection to the remote server within the time that it may take";

struct ClientReply {
  int status = 0;
  Headers headers = {};
  std::string body = {};
};

class HttpClient {
 public:
  static std::unique_ptr<HttpClient> Create();
  virtual ~HttpClient() = default;  // Stop()
  // Fails what is under way and what comes later with kCancelled, then joins: afterwards nothing is called back but by
  // Send itself. For whoever must outlive the callbacks' objects. Blocks for a callback's time at most; idempotent; not
  // from the client's own thread, and from one thread. Nothing to do for a client without a thread.
  virtual void Stop() {}
  using Done = UniqueFunction<void(Result<ClientReply>)>;
  // Any HTTP status is a reply; errors: kInvalidArgument (URL, identity), kPermissionDenied (address), kUnavailable (no
  // connection, in time or at all: nothing of the request went out, to nobody), kDeadlineExceeded, kTooLarge, kUpstream
  // (broken HTTP), kCancelled. `done` is called exactly once.
  // Returns a token for Cancel.
  virtual std::uint64_t Send(ClientRequest request, Done done) = 0;
  virtual void Cancel(std::uint64_t token) = 0;
  // Blocks until done. Not from the client's own thread. `keep_going`, when set, is asked in the calling thread every
  // kAskEvery while the answer is awaited, however silent the peer is; an error from it cancels the request and is what
  // Call returns.
  Result<ClientReply> Call(ClientRequest request, const std::function<Status()>& keep_going = {});
  // Who cancels waits this long at most; 4 wake-ups a second cost nothing beside a transfer.
  static constexpr std::chrono::milliseconds kAskEvery{250};
  // Idle connections kept for later requests, over all servers: eight connectors with the peer's 30 connections each.
  static constexpr int kKeptConnections = 256;
};

}  // namespace mlnode::net
