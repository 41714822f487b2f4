// deploy/remote/auto_deploy.h: a model that is nowhere is deployed because somebody asks it (spec/remote §10). However
// many ask at once, on however many nodes, one plan is written; who asked gets the model as soon as this node has it,
// or is told to ask another, where this one is not to have it. Nobody waits beyond their deadline. Notices of plans and
// placements wake those who wait; no thread does.
// Threads: any. Obtain does not block; the plan is written on `background`.
#pragma once

#include <memory>
#include <string_view>

#include "core/executor.h"
#include "deploy/cluster/router.h"
#include "deploy/deploy_service.h"
#include "serving/local_models.h"

namespace mlnode::deploy {

// Error.reason: others hold the model, and this node will not (router.h knows them).
inline constexpr std::string_view kHeldElsewhere = "held_elsewhere";

// All borrowed; they outlive it.
struct AutoDeployEnvironment {
  DeployService& deploys;
  Membership& membership;
  serving::LocalModels& local;
  storage::Store& store;
  config::Settings& settings;
  Executor& background;
  Executor& timers;
  const Clock& clock;
  Router* router = nullptr;  // null: this node is alone
};

class AutoDeploy {
 public:
  static constexpr std::size_t kMaxWaiting = 10'000;  // over all models; beyond: kResourceExhausted
  // A model whose deploy has just failed is not deployed again by the next request: each would leave a task behind. The
  // pause doubles with each load that fails in a row, until it is what a client who put something right elsewhere may
  // be asked to wait for: then a model that never loads leaves 288 tasks a day and node. A load that succeeds, a change
  // of the model's document, its connector's or of a setting begins anew.
  static constexpr Duration kFailurePause = std::chrono::seconds(1);
  static constexpr Duration kLongestPause = std::chrono::minutes(5);

  explicit AutoDeploy(const AutoDeployEnvironment& environment);
  ~AutoDeploy();  // Stop()
  void Start();
  void Stop();  // who waits gets kUnavailable

  using Done = UniqueFunction<void(Result<std::shared_ptr<serving::Servable>>)>;
  // Errors: why the deploy or the load failed, kUnavailable (undeployed meanwhile, deployed on other nodes only:
  // kHeldElsewhere; stopping), kDeadlineExceeded, kResourceExhausted. `done` once: here, on `background` or on
  // `timers`.
  void Obtain(const ModelId& model, Deadline deadline, Done done);
  std::size_t waiting() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::unique_ptr<storage::Subscription> subscription_;
};

}  // namespace mlnode::deploy
