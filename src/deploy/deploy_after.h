// deploy/deploy_after.h: the deploy that a registration asked for (?deploy=true). Nobody waits for it, and between the
// model and its plan the wish is in this process alone: what refuses it for now (the store, others' changes) is tried
// again for half a minute. Afterwards, or when the process ends, it is lost, and the log says so; the client, who sees
// the model REGISTERED, deploys it. Threads: any; Begin blocks on the store.
#pragma once

#include <memory>
#include <vector>

#include "core/executor.h"
#include "deploy/deploy_service.h"

namespace mlnode::deploy {

class DeployAfter {
 public:
  // 1, 2, 4, 8 and 16 s lie between six tries: longer than the election of a store's leader takes, shorter than a
  // client waits for a model before he looks.
  static constexpr int kTries = 6;
  static constexpr Duration kFirstPause = std::chrono::seconds(1);

  // All borrowed; they outlive the work that is posted.
  DeployAfter(DeployService& deploys, Executor& background, Executor& timers);
  ~DeployAfter();  // what waits for its next try is lost

  // `nodes` as in DeployService::Deploy. An undeploy that came since was acknowledged and counts: where a plan says so,
  // nothing is deployed. `before`: DeployService::Generation when the registration was asked for; a plan that was there
  // then is of an earlier model with this id.
  void Begin(const ModelId& model, const std::vector<NodeId>& nodes, std::uint64_t before);
  std::size_t waiting() const;  // for their next try

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mlnode::deploy
