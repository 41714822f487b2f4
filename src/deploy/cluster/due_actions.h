// deploy/cluster/due_actions.h: which cluster actions this node applies. One node leads: it applies all at once. The
// next one applies what has been due for kGrace unchanged, for then nobody leads as it should; the one after it what
// has been due for twice as long, and so on up to kLongestGrace, so that a leader that has much to do does not get all
// others for rivals. Placements of the dead, which may be thousands, are shared out: for each another node is the
// first. Two that act are harmless (reconcile.h); this only keeps them from doing everything as often as there are
// nodes. Pure but for the time given to it. Threads: none of its own; of one loop.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/clock.h"
#include "deploy/reconcile.h"

namespace mlnode::deploy {

// The live node with the lowest id that does not leave; where all leave, or none is seen, everybody.
bool Leads(const NodeId& self, const std::vector<Lease>& live);

// What an action names and the revision that it was derived from: while that is due, it is the same action.
std::string IdentityOf(const ClusterAction& action);

// The how manyth a node is of those that act: that live and do not leave, by id.
struct Place {
  std::size_t before = 0;  // 0: it leads
  std::size_t of = 1;
};
Place PlaceOf(const NodeId& self, const std::vector<Lease>& live);

class DueActions {
 public:
  static constexpr Duration kGrace = std::chrono::seconds(3);
  static constexpr Duration kLongestGrace = std::chrono::seconds(30);

  // Those of `actions`, which are all that is due now, that this node applies. What was due and is no more is
  // forgotten.
  std::vector<ClusterAction> Take(std::vector<ClusterAction> actions, Place place, SteadyTime now);

 private:
  std::map<std::string, SteadyTime> since_;
};

}  // namespace mlnode::deploy
