// models/rules/controller_repository.h: controllers in the store. Threads: any; may block on the store: run on
// `background`. Saga: a controller is written after its model was seen and dies with it. A controller whose model went
// meanwhile is taken back by who wrote it (deploy/controller_service.h), else by RepairRegistrations
// (registration_repair.h).
#pragma once

#include <vector>

#include "core/id.h"
#include "models/rules/controller.h"
#include "storage/store.h"

namespace mlnode::models {

class ControllerRepository {
 public:
  ControllerRepository(storage::Store& store, RandomSource& random) : store_(store), random_(random) {}

  Result<Controller> Get(const ModelId& model) const;  // kNotFound
  std::vector<Controller> List() const;                // by model
  // Replaces the one there is, if any; kDataLoss when a newer version wrote it. Its revision and version are returned.
  Result<storage::Written> Put(const Controller& controller);
  struct Merge {
    storage::Written written;
    bool changed = false;  // false: all was so already, nothing was written
  };
  // Adds users and replaces the halves given of those that are there. kNotFound; kTooLarge beyond kMaxControllerUsers.
  Result<Merge> Update(const ModelId& model, const UserRateLimiters& users);
  Result<storage::Written> Remove(const ModelId& model);  // kNotFound
  // Only as it was read: kConflict when it changed since.
  Result<storage::Written> Remove(const ModelId& model, std::uint64_t revision);

 private:
  storage::Store& store_;
  RandomSource& random_;
};

}  // namespace mlnode::models
