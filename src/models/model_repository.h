// models/model_repository.h: models and model groups in the store.
// Threads: any; may block on the store: run on `background`.
// Sagas: registering touches a group's counter, then the model. A crash in between leaves a counter that skipped a
// number or an empty group: both are legal states. Deleting removes the model's document, then its chunks and its
// controller; those left over without their model are removed by RepairRegistrations (registration_repair.h), the plan
// and the placements of a model that is gone by the reconcilers of deploy.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "models/model.h"
#include "models/rules/controller_repository.h"
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
      : store_(store), random_(random), clock_(clock), controllers_(store, random) {}

  Result<Model> Get(const ModelId& id) const;       // kNotFound "Failed to find model"
  Result<Model> GetFresh(const ModelId& id) const;  // the same from the authority; kUnavailable
  // Model documents, by id.
  std::vector<Model> List() const;
  Status Create(const Model& model);  // kAlreadyExists: the id is taken
  // Changes one model by compare-and-swap; `change` may run several times. kNotFound.
  Result<Model> Update(const ModelId& id, const std::function<Status(Model&)>& change);
  // Removes the document, then its chunks and its controller. The caller has checked that it is not deployed.
  // kNotFound. `still` (when given) judges each version of the document just before it goes: an error keeps it and is
  // returned.
  Result<storage::Written> Remove(const ModelId& id, const std::function<Status(const Model&)>& still = {});

  // --- groups. Names are unique through a reservation key.
  Result<Group> GetGroup(const GroupId& id) const;  // kNotFound
  std::vector<Group> ListGroups() const;
  // kInvalidArgument: the name is taken, with the holder's id. A crash leaves at most a reservation without a group,
  // which the next group of that name takes over, or an empty group that nobody finds by name.
  Result<Group> CreateGroup(const std::string& name, const std::optional<std::string>& description);
  // Gives a new name or description; nullopt keeps the old. kNotFound; kInvalidArgument: the name is taken, with the
  // holder's id.
  Result<Group> UpdateGroup(const GroupId& id, const std::optional<std::string>& name,
                            const std::optional<std::string>& description);
  // kNotFound when there is none.
  Result<Group> FindGroupByName(const std::string& name) const;
  // latest_version + 1, stored. kNotFound.
  Result<std::int64_t> NextVersion(const GroupId& id);
  // Takes a version back whose model was not made. Does nothing when a later one was given out meanwhile or the group
  // is gone.
  void GiveBackVersion(const GroupId& id, std::int64_t version);
  // A model of the group was just made: a RemoveGroup under way looks for models again. kNotFound: it was there first.
  Status MarkUsed(const GroupId& id);
  Result<storage::Written> RemoveGroup(const GroupId& id);  // kConflict when models belong to it: the peer's text

  storage::Store& store() const { return store_; }
  ControllerRepository& controllers() { return controllers_; }
  const ControllerRepository& controllers() const { return controllers_; }

 private:
  Result<std::uint64_t> ReserveName(const std::string& name, const GroupId& id);
  bool HoldsName(const std::string& name, const GroupId& id) const;
  void FreeName(const std::string& name, const GroupId& id);

  storage::Store& store_;
  RandomSource& random_;
  const Clock& clock_;
  ControllerRepository controllers_;
};

Result<Group> ReadGroup(const storage::Document& document);  // kDataLoss names the field
json::object GroupForm(const Group& group);                  // what is stored and shown

}  // namespace mlnode::models
