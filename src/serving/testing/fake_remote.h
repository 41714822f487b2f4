// serving/testing/fake_remote.h: a provider without a socket and a connector without templates, for tests of remote
// models. Threads: one (a ManualExecutor).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "serving/remote/remote_environment.h"

namespace mlnode::serving::testing {

// Takes calls and answers them when the test says so.
class FakeCaller final : public connectors::RemoteCaller {
 public:
  struct Call {
    connectors::OutgoingRequest request;
    connectors::CallOptions options;
    Done done;
  };
  void Send(connectors::OutgoingRequest request, connectors::CallOptions options, Done done) override;
  void Stop() override {}
  std::vector<EndpointState> Endpoints() const override { return {}; }

  // Answers the oldest call that has none yet.
  void Answer(const std::string& body, int status = 200);
  void Fail(Error error);
  std::size_t waiting() const { return calls.size(); }

  std::deque<Call> calls;           // without an answer
  std::vector<std::string> bodies;  // of all calls, in the order they were sent
  std::function<void()> on_send;    // when set, called for each
};

class TrustingRules final : public connectors::EndpointRules {
 public:
  Status CheckUrl(std::string_view) const override { return {}; }
  void Guard(net::ClientRequest&) const override {}
};

// Each document, or else the parameters, becomes one call whose body is it; an answer becomes one tensor "response"
// with the number of its bytes as data and itself as dataAsMap. A body "refuse me" is not made.
class EchoConnector final : public connectors::CompiledConnector {
 public:
  explicit EchoConnector(connectors::Connector connector) : connector_(std::move(connector)) {}
  const connectors::Connector& connector() const override { return connector_; }
  bool Has(connectors::ActionType) const override { return true; }
  Result<std::vector<connectors::PreparedCall>> Prepare(const connectors::RemoteInput& input,
                                                        const connectors::EndpointRules& rules) const override;
  Result<connectors::RemoteOutput> Interpret(const connectors::PreparedCall& call, const net::ClientReply& reply,
                                             std::int64_t max_json_bytes) const override;

 private:
  const connectors::Connector connector_;
};

}  // namespace mlnode::serving::testing
