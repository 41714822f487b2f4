// deploy/membership.h: who is here: this node's lease, and which others live.
//
// Silence is death only where it was listened to: while the store does not follow, or takes no beats of this node, or
// this process stood still, the set of the living stays what it was (new leases come, removed ones go), and for
// kLeaseDeath after that nobody new is judged dead. A node that leaves is shown, but is eligible for nothing.
// Two processes with one node id (a copied data folder): the one that came second finds the first one's lease in place
// of its own; it writes no more leases, is no member any more and says so (Environment::displaced). A lease that an
// earlier process left and that nobody rewrites is no rival.
// Threads: Start/Stop/Leave from the composition root; reads from any thread. Cost of reads: O(leases), about a
// microsecond for ten; a lease is parsed once for each of its beats.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
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
  std::map<std::string, std::string> attributes = {};  // mlnode.node.attributes
  // NodeCore fills these in: what the node can bear (plan.h, Lease).
  std::uint64_t memory_bytes = 0;
  std::uint64_t lanes = 0;
  std::string fast_precision = {};
};

using LivePtr = std::shared_ptr<const std::vector<Lease>>;  // by id; never null

class Membership {
 public:
  // A node that neither listened nor looked for so long stood still: what it heard by then says nothing of others.
  static constexpr Duration kUnheard = std::chrono::milliseconds(2500);
  // Leases of the dead go after this (deploy/reconciler.h); a node that was only away writes its own anew.
  static constexpr Duration kForgotten = std::chrono::minutes(1);

  // `executor` runs the beats, which block on the store; what keeps it busy for seconds gets this node taken for dead.
  Membership(NodeIdentity self, storage::Store& store, RandomSource& random, const Clock& clock, Executor& executor);
  ~Membership();
  // Called once, on the executor, when another process of this node's id was there first. Before Start.
  void OnDisplaced(std::function<void()> displaced);
  // Writes the lease and goes on doing so each kLeaseBeat. kUnavailable when the first write fails.
  Status Start();
  // Tells the others to send nothing more here: the lease says `leaving` from now on. Returns when that is written or
  // refused; blocks no longer than the store does. Idempotent.
  void Leave();
  void Stop();  // removes the lease: others need not wait for its death
  const NodeIdentity& self() const { return self_; }
  enum class Standing : std::uint8_t {
    kOutside,    // not started, or stopped
    kMember,     //
    kLeaving,    // serves what comes, begins nothing
    kDisplaced,  // another process is this node: it acts on no plan and writes nothing of a node's own
  };
  Standing standing() const;
  // By id: this node from Start to Stop, whether or not its own beats get through (a node that runs need not ask the
  // store whether it does), and the others whose lease changed within kLeaseDeath on this node's steady clock, those
  // that leave among them.
  LivePtr LiveNow() const;
  std::vector<Lease> Live() const { return *LiveNow(); }
  // Leases of nodes that are dead for longer than kForgotten.
  std::vector<Lease> Forgotten() const;
  // Eligible for local models (spec/deploy §1): live and not leaving; role ml when only_run_on_ml_node, else a role of
  // task_dispatcher.eligible_node_role.local_model, where role data counts only if attribute box_type is absent or hot;
  // not named in exclude_nodes._name. By id.
  std::vector<NodeId> EligibleForLocal(const config::Snapshot& settings) const {
    return EligibleForLocal(*LiveNow(), settings);
  }
  static std::vector<NodeId> EligibleForLocal(const std::vector<Lease>& live, const config::Snapshot& settings);
  // For remote ones: a role of task_dispatcher.eligible_node_role.remote_model, whatever only_run_on_ml_node says; not
  // named in exclude_nodes._name. By id.
  std::vector<NodeId> EligibleForRemote(const config::Snapshot& settings) const {
    return EligibleForRemote(*LiveNow(), settings);
  }
  static std::vector<NodeId> EligibleForRemote(const std::vector<Lease>& live, const config::Snapshot& settings);
  std::vector<NodeId> Eligible(models::FunctionName function, const config::Snapshot& settings) const {
    return models::TraitsOf(function).local ? EligibleForLocal(settings) : EligibleForRemote(settings);
  }

 private:
  Lease OwnLease() const;
  Result<storage::DocumentPtr> StoredLease(bool fresh) const;
  Status Beat();
  void Step();
  void BeDisplaced(const std::string& rival);

  const NodeIdentity self_;
  storage::Store& store_;
  RandomSource& random_;
  const Clock& clock_;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlnode::deploy
