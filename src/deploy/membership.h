// deploy/membership.h: who is here: this node's lease, and which others live.
// Threads: Start/Stop from the composition root; reads from any thread.
#pragma once

#include <memory>
#include <vector>

#include "config/settings.h"
#include "core/executor.h"
#include "deploy/plan.h"
#include "models/function_traits.h"
#include "storage/store.h"

namespace mlnode::deploy {

struct NodeIdentity {
  NodeId id;
  std::uint64_t incarnation = 0;  // random, new for every process
  std::string name;
  std::string cluster_name;
  std::string cluster_uuid;
  std::vector<std::string> roles;  // sorted
  std::string address;             // host:port
  std::string version;             // of mlnode
  EpochMillis started_at = 0;
};

class Membership {
 public:
  Membership(NodeIdentity self, storage::Store& store, RandomSource& random, const Clock& clock, Executor& background);
  ~Membership();
  // Writes the lease and goes on doing so each kLeaseBeat. kUnavailable when the first write fails.
  Status Start();
  void Stop();  // removes the lease: others need not wait for its death
  const NodeIdentity& self() const { return self_; }
  // By id: this node from Start to Stop, whether or not its own beats get through (a node that runs need not ask the
  // store whether it does), and the others whose lease changed within kLeaseDeath on this node's steady clock.
  std::vector<Lease> Live() const;
  // Eligible for local models (spec/deploy §1): role ml when only_run_on_ml_node, else a role of
  // task_dispatcher.eligible_node_role.local_model; not named in exclude_nodes._name. By id.
  std::vector<NodeId> EligibleForLocal(const config::Snapshot& settings) const;
  // For remote ones: a role of task_dispatcher.eligible_node_role.remote_model, whatever only_run_on_ml_node says; not
  // named in exclude_nodes._name. By id.
  std::vector<NodeId> EligibleForRemote(const config::Snapshot& settings) const;
  std::vector<NodeId> Eligible(models::FunctionName function, const config::Snapshot& settings) const {
    return models::TraitsOf(function).local ? EligibleForLocal(settings) : EligibleForRemote(settings);
  }

 private:
  std::vector<NodeId> WithRole(const std::vector<std::string>& roles, const config::Snapshot& settings) const;
  Lease OwnLease() const;
  Status Beat();

  const NodeIdentity self_;
  storage::Store& store_;
  RandomSource& random_;
  const Clock& clock_;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlnode::deploy
