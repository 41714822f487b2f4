// serving/testing/fake_remote.h: a provider without a socket and a connector without templates, for tests of remote
// models. Threads: one (a ManualExecutor).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/redactor.h"
#include "core/executor.h"
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

// An executor whose queue is full when the test says so.
class FullableExecutor final : public Executor {
 public:
  explicit FullableExecutor(Executor& under) : under_(under) {}
  bool Post(Task task) override { return !full && under_.Post(std::move(task)); }
  Timer PostAfter(Duration delay, Task task) override { return under_.PostAfter(delay, std::move(task)); }

  bool full = false;

 private:
  Executor& under_;
};

class TrustingRules final : public connectors::EndpointRules {
 public:
  Status CheckUrl(std::string_view) const override { return {}; }
  void Guard(net::ClientRequest&) const override {}
};

// Each document, or else the parameters, becomes one call whose body is it; an answer becomes one tensor "response"
// with the number of its bytes as data and itself as dataAsMap. A body "refuse me" is not made. Its secret is kSecret.
// A connector's parameter charset makes the body "encoded"; with parameter "together" all documents are one call, its
// body the texts with a comma between them.
class EchoConnector final : public connectors::CompiledConnector {
 public:
  explicit EchoConnector(connectors::Connector connector) : connector_(std::move(connector)) {}
  bool TakesAllDocuments(const connectors::RemoteInput&) const override {
    return connector_.parameters.contains("together");
  }
  const connectors::Connector& connector() const override { return connector_; }
  static constexpr const char* kSecret = "sk-secret-1";

  bool Has(connectors::ActionType) const override { return true; }
  Result<std::vector<connectors::PreparedCall>> Prepare(const connectors::RemoteInput& input,
                                                        const connectors::EndpointRules& rules,
                                                        const Wanted& wanted) const override;
  Result<connectors::RemoteOutput> Interpret(const connectors::PreparedCall& call, const net::ClientReply& reply,
                                             std::int64_t max_json_bytes) const override;
  std::string Redact(std::string_view text) const override { return redactor_.Shown(text); }
  void HideSecrets(std::string& body) const override { redactor_.HideInAnswer(body); }

  std::function<void()> on_call = {};  // when set, run before each call is made

 private:
  const connectors::Redactor redactor_{connectors::Secrets{{"key", kSecret}}};
  const connectors::Connector connector_;
};

}  // namespace mlnode::serving::testing
