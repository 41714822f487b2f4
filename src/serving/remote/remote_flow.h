// serving/remote/remote_flow.h: what predictions and streams of remote models share: the steps up to the calls that go
// out. Internal to serving/remote. Kept alive by whoever runs its next step; one thread at a time.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "connectors/transport/embedding_batcher.h"
#include "connectors/transport/usage.h"
#include "core/guarded.h"
#include "serving/remote/remote_costs.h"
#include "serving/remote/remote_environment.h"
#include "serving/remote/remote_terms.h"
#include "serving/servable.h"
#include "serving/served_model.h"

namespace mlnode::serving {

// What one remote model's predictions work with; outlives them.
struct RemoteSite : std::enable_shared_from_this<RemoteSite> {
  RemoteSite(const RemoteEnvironment& e, std::shared_ptr<ServedModel> m);

  const RemoteEnvironment& environment;
  const std::shared_ptr<ServedModel> model;
  RemoteCosts costs;
  const std::shared_ptr<Counter> calls, failures;  // mlnode_model_remote_{calls,failures}_total
  struct Batching {
    RemoteTermsPtr terms;  // that it was made for
    std::shared_ptr<connectors::EmbeddingBatcher> batcher;
  };
  Guarded<Batching> batching;
  void Used() const { model->last_used.store(environment.clock.Now(), std::memory_order_relaxed); }
  void CountCall(std::size_t documents);
  void CountAnswer(const Result<net::ClientReply>& reply);
  // Returns their sum.
  std::uint64_t CountTokens(const connectors::Usage& usage);
};

// kCancelled, kDeadlineExceeded: nobody waits for the answer any more.
Status StillAwaited(const RemoteSite& site, const PredictRequest& request);
// Before the provider is asked; also kUnavailable: the model was withdrawn.
Status StillWanted(const RemoteSite& site, const PredictRequest& request);

struct PreparedCalls {
  RemoteTermsPtr terms;
  std::shared_ptr<const connectors::EndpointRules> rules;
  std::vector<connectors::PreparedCall> calls;
};
// On `cpu`; ends early, as StillWanted says, when nobody waits any more. A request's parameter charset does not count
// for a model with guardrails. kInternal without a remote input: a caller's bug.
Result<PreparedCalls> PrepareCalls(const RemoteSite& site, const PredictRequest& request);
// Is what this action sends and gets for the guardrails: all but looking at a batch job and cancelling one, which carry
// no text of a user.
bool IsGuarded(connectors::ActionType action);
// Judges what goes out, as UTF-8.
void GuardInput(const RemoteSite& site, const PreparedCalls& prepared, const PredictRequest& request,
                UniqueFunction<void(Status)> done);
// For answers that are read when they are whole: not longer than plugins.ml_commons.max_json_size, or than the
// transport's own limit when that is -1.
connectors::CallOptions OptionsOfWhole(const RemoteSite& site, const PreparedCalls& prepared,
                                       const PredictRequest& request);
connectors::CallOptions OptionsOf(const PreparedCalls& prepared, const PredictRequest& request);

}  // namespace mlnode::serving
