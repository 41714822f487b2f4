// connectors/testing/caller_harness.h: a RemoteCaller with all that it needs, against servers on this machine.
// Threads: one caller at a time; Call blocks until the answer or kPatience.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "connectors/transport/remote_caller.h"
#include "core/executor.h"

namespace mlnode::connectors {

// Trusts every URL, and every address but those that `check` refuses.
class OpenRules : public EndpointRules {
 public:
  using Check = std::function<Status(const sockaddr* address)>;
  explicit OpenRules(Check check = {}) : check_(std::move(check)) {}
  Status CheckUrl(std::string_view) const override { return {}; }
  void Guard(net::ClientRequest& request) const override {
    request.addresses = net::AddressPolicy::kAny;
    request.check_address = check_;
  }

 private:
  const Check check_;
};

class CallerHarness {
 public:
  static constexpr std::chrono::seconds kPatience{30};

  CallerHarness() = default;
  // kDeadlineExceeded with "the test's patience" when nothing came.
  Result<net::ClientReply> Call(OutgoingRequest request);
  Result<net::ClientReply> Post(const std::string& url, const std::string& body = "{}");
  static OutgoingRequest PostRequest(const std::string& url, const std::string& body = "{}");

  CallOptions options{.pool = "test", .rules = std::make_shared<OpenRules>()};
  SystemClock clock;
  SystemRandom random;
  Metrics metrics;
  ThreadPool timers{{.name = "timers", .threads = 1, .queue = 100'000}};
  std::unique_ptr<net::HttpClient> client = net::HttpClient::Create();
  std::unique_ptr<RemoteCaller> caller = RemoteCaller::Create({*client, timers, clock, random, metrics});
};

// Descriptors that this process has open.
std::size_t OpenDescriptors();

}  // namespace mlnode::connectors
