// Two gates of connectors/transport against the provider double (label long: they need a quiet machine, or minutes).
//   throughput: 64 calls at once through one connector, 50 ms upstream, at least 95 % of max_connection / 50 ms; the
//               double's own ceiling, without delay, is measured first and must be at least twice that.
//   faults N:   N calls that fail in every way leave no descriptor.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <string>

#include "connectors/testing/caller_harness.h"
#include "connectors/testing/provider_double.h"

namespace mlnode::connectors {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using Clock = std::chrono::steady_clock;

constexpr int kAtOnce = 64;
constexpr auto kUpstream = 50ms;
constexpr auto kMeasured = 5s;
constexpr const char* kBody = R"({"input":["a short text","and another"],"model":"m"})";

// Keeps so many calls under way for a while; how many were answered with 200 per second.
class Load {
 public:
  Load(CallerHarness& harness, std::string url) : harness_(harness), url_(std::move(url)) {}

  double Run() {
    const auto begun = Clock::now();
    until_ = begun + kMeasured;
    under_way_ = kAtOnce;
    for (int i = 0; i < kAtOnce; ++i) Next();
    ended_.get_future().wait();
    return good_.load() / std::chrono::duration<double>(Clock::now() - begun).count();
  }

 private:
  void Next() {
    harness_.caller->Send(CallerHarness::PostRequest(url_, kBody), harness_.options,
                          [this](const Result<net::ClientReply>& reply) {
                            if (reply && reply->status == 200) ++good_;
                            if (Clock::now() < until_) return Next();
                            if (--under_way_ == 0) ended_.set_value();
                          });
  }

  CallerHarness& harness_;
  const std::string url_;
  Clock::time_point until_;
  std::atomic<int> good_{0}, under_way_{0};
  std::promise<void> ended_;
};

double Measure(std::chrono::milliseconds delay, std::int64_t max_connection) {
  const auto provider = ProviderDouble::Start({.delay = delay});
  if (!provider) return 0;
  CallerHarness harness;
  harness.options.config.max_connection = max_connection;
  return Load(harness, (*provider)->Url("/v1/embeddings")).Run();
}

int Throughput() {
  int failed = 0;
  const double ceiling = Measure(0ms, kAtOnce);
  fmt::print("ceiling of double and caller without delay: {:.0f} calls/s\n", ceiling);
  for (const std::int64_t limit : {std::int64_t{30}, std::int64_t{64}}) {
    const double possible = static_cast<double>(limit) / std::chrono::duration<double>(kUpstream).count();
    const double reached = Measure(kUpstream, limit);
    const bool good = reached >= 0.95 * possible && ceiling >= 2 * possible;
    fmt::print("max_connection {}: {:.0f} of {:.0f} calls/s, {:.1f} %: {}\n", limit, reached, possible,
               100 * reached / possible, good ? "good" : "TOO SLOW");
    failed += good ? 0 : 1;
  }
  return failed;
}

int Faults(int times) {
  const char* const faults[] = {"cut",      "cut-body", "500",  "429",      "throttled",
                                "bad-json", "empty",    "huge", "redirect", "silent"};
  const auto provider = ProviderDouble::Start({.huge_bytes = 1024UL * 1024});
  if (!provider) return 1;
  std::size_t before = 0;
  std::size_t after = 0;
  {
    CallerHarness harness;
    harness.options.config.read_timeout = 5ms;
    harness.options.max_response_bytes = 64UL * 1024;
    const auto fail = [&](int i) {
      const auto* const fault = faults[static_cast<std::size_t>(i) % std::size(faults)];
      harness.options.pool = fault;
      harness.options.rules = std::make_shared<OpenRules>();
      (void)harness.Post((*provider)->Url(fmt::format("/fault/{}/v1/embeddings", fault)), kBody);
    };
    for (int i = 0; i < 50; ++i) fail(i);
    before = OpenDescriptors();
    for (int i = 0; i < times; ++i) fail(i);
    after = OpenDescriptors();
    for (const auto& endpoint : harness.caller->Endpoints()) {
      fmt::print("{}: {} requests, {} without an answer, circuit {}\n", endpoint.endpoint, endpoint.calls,
                 endpoint.failures, endpoint.circuit_open ? "open" : "closed");
    }
  }
  fmt::print("{} faults: {} descriptors before, {} after\n", times, before, after);
  return after <= before + 2 ? 0 : 1;
}

}  // namespace
}  // namespace mlnode::connectors

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "throughput") return mlnode::connectors::Throughput();
  if (what == "faults" && argc > 2) return mlnode::connectors::Faults(std::stoi(argv[2]));
  fmt::print(stderr, "usage: bench_remote_caller throughput | faults N\n");
  return 2;
}
