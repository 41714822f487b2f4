#include "connectors/testing/provider_double.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <deque>
#include <utility>

#include "connectors/testing/provider_session.h"
#include "core/executor.h"
#include "core/guarded.h"

namespace mlnode::connectors {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

struct FaultName {
  std::string_view name;
  Fault fault;
};
constexpr FaultName kFaultNames[] = {
    {"none", Fault::kNone},         {"slow", Fault::kSlow},        {"429", Fault::kTooMany},
    {"500", Fault::kServerError},   {"503", Fault::kUnavailable},  {"throttled", Fault::kThrottled},
    {"401", Fault::kUnauthorized},  {"cut", Fault::kCut},          {"cut-body", Fault::kCutWithinBody},
    {"huge", Fault::kHuge},         {"bad-json", Fault::kBadJson}, {"empty", Fault::kEmpty},
    {"redirect", Fault::kRedirect}, {"silent", Fault::kSilent},
};
constexpr std::string_view kPrefix = "/fault/";

class Host final : public SessionHost {
 public:
  explicit Host(ProviderDouble::Options given) : options_(std::move(given)) {}

  const ProviderDouble::Options& options() const override { return options_; }
  Fault Receive(ReceivedRequest& request) override {
    const auto state = state_.Lock();
    ++state->requests;
    state->most_at_once = std::max(state->most_at_once, ++state->under_way);
    state->received.push_back(request);
    if (state->received.size() > ProviderDouble::kRemembered) state->received.pop_front();
    if (const auto named = FaultNamed(request.headers.Find("X-Fault").value_or(""))) return *named;
    if (request.target.starts_with(kPrefix)) {
      const std::string rest = request.target.substr(kPrefix.size());
      const auto slash = std::min(rest.find('/'), rest.size());
      request.target = rest.substr(slash);
      return FaultNamed(rest.substr(0, slash)).value_or(Fault::kNone);
    }
    if (state->failing == 0) return Fault::kNone;
    --state->failing;
    return state->fault;
  }
  void Answered() override { --state_.Lock()->under_way; }
  void Accepted() { ++state_.Lock()->connections; }

  struct State {
    std::uint64_t requests = 0, connections = 0;
    std::size_t under_way = 0, most_at_once = 0, failing = 0;
    Fault fault = Fault::kNone;
    std::deque<ReceivedRequest> received;
  };
  State Copy() const { return *state_.Lock(); }
  void FailNext(Fault fault, std::size_t times) {
    const auto state = state_.Lock();
    state->fault = fault;
    state->failing = times;
  }

 private:
  const ProviderDouble::Options options_;
  Guarded<State> state_;
};

class AsioDouble final : public ProviderDouble {
 public:
  explicit AsioDouble(Options options) : host_(std::make_shared<Host>(std::move(options))), acceptor_(io_) {}
  AsioDouble(const AsioDouble&) = delete;
  AsioDouble& operator=(const AsioDouble&) = delete;
  ~AsioDouble() override {
    io_.stop();
    pool_.Stop();
  }

  Status Listen() {
    boost::system::error_code error;
    const Tcp::endpoint endpoint(asio::ip::address_v4::loopback(), host_->options().port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return MakeError(Code::kFailedPrecondition,
                       fmt::format("cannot listen on port {}: {}", host_->options().port, error.message()));
    }
    port_ = acceptor_.local_endpoint().port();
    Accept();
    if (pool_.Post([this] { io_.run(); })) return {};
    return MakeError(Code::kResourceExhausted, "the provider double has no thread");
  }

  void FailNext(Fault fault, std::size_t times) override { host_->FailNext(fault, times); }
  std::uint16_t port() const override { return port_; }
  std::string Url(std::string_view target) const override {
    return fmt::format("http://127.0.0.1:{}{}", port_, target);
  }
  std::vector<ReceivedRequest> received() const override {
    const auto state = host_->Copy();
    return {state.received.begin(), state.received.end()};
  }
  std::uint64_t requests() const override { return host_->Copy().requests; }
  std::uint64_t connections() const override { return host_->Copy().connections; }
  std::size_t under_way() const override { return host_->Copy().under_way; }
  std::size_t most_at_once() const override { return host_->Copy().most_at_once; }

 private:
  void Accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) {
        boost::system::error_code ignored;
        socket.set_option(Tcp::no_delay(true), ignored);
        host_->Accepted();
        std::make_shared<ProviderSession>(std::move(socket), host_)->ReadNext();
      }
      Accept();
    });
  }

  const std::shared_ptr<Host> host_;
  asio::io_context io_{1};
  Tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  ThreadPool pool_{{.name = "provider", .threads = 1, .queue = 1}};
};

}  // namespace

std::optional<Fault> FaultNamed(std::string_view name) {
  const auto* found = std::ranges::find(kFaultNames, name, &FaultName::name);
  return found == std::end(kFaultNames) ? std::nullopt : std::optional(found->fault);
}

Result<std::unique_ptr<ProviderDouble>> ProviderDouble::Start(Options options) {
  auto provider = std::make_unique<AsioDouble>(std::move(options));
  RETURN_IF_ERROR(provider->Listen());
  return std::unique_ptr<ProviderDouble>(std::move(provider));
}

}  // namespace mlnode::connectors
