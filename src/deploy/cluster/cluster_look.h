// deploy/cluster/cluster_look.h: what the reconciler looks at in a step. Of a hundred nodes with a thousand models each
// there are a hundred thousand placements: all of them are read where what is judged by them all has changed (who
// lives, who is eligible, the settings), after a lost notice, and once a minute; else only what may have something to
// be done: models and plans that were written, open deploys, what had an action the last time, all tasks in progress
// with their plans, once more when they have ended, and placements whose writer does not live, or that say that their
// model is unused (Placement::expired). Threads: Note from any; the rest from the step alone. Reads the replica. Cost
// of a step: of what it looks at.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/guarded.h"
#include "deploy/membership.h"
#include "deploy/reconcile.h"
#include "models/model_repository.h"
#include "tasks/task_repository.h"

namespace mlnode::deploy {

class ClusterLook {
 public:
  static constexpr Duration kReread = std::chrono::minutes(1);

  ClusterLook(Membership& membership, models::ModelRepository& models, tasks::TaskRepository& tasks,
              config::Settings& settings, const Clock& clock)
      : membership_(membership), models_(models), tasks_(tasks), settings_(settings), clock_(clock) {}

  // A notice of plans, placements or models, from before the first look on.
  void Note(const storage::Change& change);
  // For Reconcile. What is left out has nothing to be done.
  ClusterView Look();
  // What Reconcile made of it, done or not: is looked at again.
  void Keep(const std::vector<ClusterAction>& actions);

 private:
  struct News {
    bool everything = false;
    std::set<ModelId> models = {};          // that were written, or their plans
    std::set<std::string> placements = {};  // by the ids of their keys
  };
  // What all placements and plans are judged by.
  struct Basis {
    std::vector<std::tuple<NodeId, std::uint64_t, bool, std::string>> nodes = {};
    std::vector<NodeId> eligible, eligible_for_remote;
    bool mixed_precision = false;
    bool operator==(const Basis&) const = default;
  };
  static Basis BasisOf(const ClusterView& view);

  void ReadAll(ClusterView& view) const;
  void ReadSome(ClusterView& view, News news) const;
  void ReadNodes(ClusterView& view) const;
  std::map<TaskId, ModelId> Registered(const std::vector<tasks::TaskRecord>& running) const;

  Membership& membership_;
  models::ModelRepository& models_;
  tasks::TaskRepository& tasks_;
  config::Settings& settings_;
  const Clock& clock_;
  Guarded<News> news_;
  std::optional<Basis> basis_;  // of the last look at everything; nullopt: there was none
  SteadyTime reread_at_;
  std::set<ModelId> unfinished_;  // at the last look: open deploys, and tasks in progress
  News kept_;
};

}  // namespace mlnode::deploy
