// net/http_client.h: the one HTTP client: downloads, connectors and forwarding use it. libcurl multi on one thread of
// its own. Threads: any; callbacks run on the client's thread and must not block it (BodySink may write a file). No
// wait is endless: every transfer has connect, idle and total limits.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/executor.h"
#include "core/result.h"
#include "net/address_guard.h"
#include "net/http_message.h"

namespace mlnode::net {

struct ClientRequest {
  std::string method = "GET";
  std::string url;  // http or https; anything else is kInvalidArgument
  Headers headers;
  std::string body;
  AddressPolicy addresses = AddressPolicy::kPublicOnly;
  // Judges each address besides `addresses`, where and when those do; its error is the request's. On the client's
  // thread: must not block.
  std::function<Status(const sockaddr* address)> check_address = {};
  int max_redirects =
      0;  // 0: a redirect is a reply. Headers of the caller, but for Authorization, go along to other hosts
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};  // without a byte
  std::chrono::milliseconds total_timeout{60'000};
  std::size_t max_response_bytes = 100UL * 1024 * 1024;  // beyond: kTooLarge
  bool verify_tls = true;
  // When set, a 2xx body goes here piece by piece and ClientReply.body stays empty. An error stops the transfer with
  // it. Of the body of any other status the first 64 KiB are kept, for the message.
  std::function<Status(std::string_view piece)> body_sink = {};
};

struct ClientReply {
  int status = 0;
  Headers headers;
  std::string body;
};

class HttpClient {
 public:
  static std::unique_ptr<HttpClient> Create();
  virtual ~HttpClient() = default;  // fails what is under way with kCancelled, then joins
  using Done = UniqueFunction<void(Result<ClientReply>)>;
  // Any HTTP status is a reply; errors: kInvalidArgument (URL), kPermissionDenied (address), kUnavailable (no
  // connection), kDeadlineExceeded, kTooLarge, kUpstream (broken HTTP), kCancelled. `done` is called exactly once.
  // Returns a token for Cancel.
  virtual std::uint64_t Send(ClientRequest request, Done done) = 0;
  virtual void Cancel(std::uint64_t token) = 0;
  // Blocks until done. Not from the client's own thread. `keep_going`, when set, is asked in the calling thread every
  // kAskEvery while the answer is awaited, however silent the peer is; an error from it cancels the request and is what
  // Call returns.
  Result<ClientReply> Call(ClientRequest request, const std::function<Status()>& keep_going = {});
  // Who cancels waits this long at most; 4 wake-ups a second cost nothing beside a transfer.
  static constexpr std::chrono::milliseconds kAskEvery{250};
};

}  // namespace mlnode::net
