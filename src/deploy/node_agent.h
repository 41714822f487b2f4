// deploy/node_agent.h: makes this node's part of the plans so, and says what it made of them.
// Runs on its own strand of `background`: on every notice of plans and models, every change of a local model, and each
// second. Failed loads that may work later are retried after 10 s, doubling to 10 min.
#pragma once

#include <memory>
#include <optional>

#include "config/circuit_breakers.h"
#include "deploy/membership.h"
#include "deploy/reconcile.h"
#include "models/model_repository.h"
#include "serving/local_models.h"

namespace mlnode::deploy {

// All borrowed; they outlive the agent.
struct NodeAgentEnvironment {
  Membership& membership;
  models::ModelRepository& models;
  serving::LocalModels& local;
  models::ActionStats& actions;  // deploys and undeploys of this node are counted there
  config::Settings& settings;
  RandomSource& random;
  const Clock& clock;
  Executor& background;
  config::ResourceProbe resources = [] { return config::Resources(); };  // asked before a requested load begins
};

class NodeAgent {
 public:
  explicit NodeAgent(NodeAgentEnvironment environment);
  ~NodeAgent();  // writes nothing: what it had begun to load counts as begun and not ended (plan.h: attempts)
  void Start();
  // No action begins after this returns; loads under way are the LocalModels' to cancel, and are not held against their
  // models by the next process.
  void Stop();
  // True once every model that was wanted when the node started has a terminal result here, or 60 s have passed.
  bool Settled() const;
  struct Retry {
    int attempts = 0;
    EpochMillis next_at = 0;
  };
  std::optional<Retry> RetryOf(const ModelId& model) const;  // for `mlnode explain`

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlnode::deploy
