// models/model_repository.h: models and model groups in the store.
// Threads: any; may block on the store: run on `background`.
// Sagas: registering touches a group's counter, then the model. A crash in between leaves a counter that skipped a number or an
// empty group: both are legal states. Deleting removes plan, chunks and controller after the model: what is left over without its
// model is removed by RepairRegistrations (registration_repair.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "models/model.h"
#include "storage/store.h"

namespace mlnode::models {

struct Group {
  GroupId id;
  std::string name;
  std::optional<std::string> description;
  std::int64_t latest_version = 0;
  EpochMillis created_time = 0, last_updated_time = 0;
};

class ModelRepository {
 public:
  ModelRepository(storage::Store& store, RandomSource& random, const Clock& clock)
      : store_(store), random_(random), clock_(clock) {}

  Result<Model> Get(const ModelId& id) const;  // kNotFound "Failed to find model"
  // Model documents, by id.
  std::vector<Model> List() const;
  Status Create(const Model& model);  // kAlreadyExists
  // Changes one model by compare-and-swap; `change` may run several times. kNotFound.
  Result<Model> Update(const ModelId& id, const std::function<Status(Model&)>& change);
  // Removes the document, then its chunks. The caller has checked that it is not deployed. kNotFound.
  Result<storage::Written> Remove(const ModelId& id);

  // --- groups. Names are unique through a reservation key.
  Result<Group> GetGroup(const GroupId& id) const;  // kNotFound
  std::vector<Group> ListGroups() const;
  Result<Group> CreateGroup(const std::string& name, const std::optional<std::string>& description);  // kInvalidArgument: name taken, with the id
  std::optional<Group> FindGroupByName(const std::string& name) const;
  // latest_version + 1, stored. kNotFound.
  Result<std::int64_t> NextVersion(const GroupId& id);
  Result<storage::Written> RemoveGroup(const GroupId& id);  // kConflict when models belong to it: the peer's text

  storage::Store& store() const { return store_; }

 private:
  storage::Store& store_;
  RandomSource& random_;
  const Clock& clock_;
};

json::object GroupForm(const Group& group);

}  // namespace mlnode::models
