// simulation/invariants.h: what must hold, at any moment and at rest (docs/invariants.md, by these names).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "deploy/plan.h"
#include "models/model_repository.h"
#include "simulation/world.h"
#include "tasks/task.h"

namespace mlnode::simulation {

// What the authority holds.
struct Facts {
  std::vector<deploy::Plan> plans;
  std::vector<deploy::Placement> placements;
  std::vector<tasks::TaskRecord> tasks;
  std::vector<deploy::Lease> leases;
  std::vector<models::Group> groups;
  std::set<ModelId> models;
  std::map<ModelId, GroupId> group_of;
  std::set<UploadId> uploads_owned;
};
Facts ReadFacts(World& world);

// Between any two tasks of the nodes.
void CheckAlways(World& world);
// Once nothing went wrong for 30 s and what hung had its deadline. What does not hold, as texts; empty: all does.
std::vector<std::string> FindUnrest(World& world);
// After a restart that follows the grace of uploads.
void CheckNoOrphans(World& world);

}  // namespace mlnode::simulation
