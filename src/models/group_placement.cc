#include "models/group_placement.h"

#include "core/log.h"
#include "models/input/common_fields.h"

namespace mlnode::models {
namespace {

constexpr int kAttempts = 8;  // groups of this name made or removed by others meanwhile

bool LostRace(const Error& error) { return error.code == Code::kConflict || error.code == Code::kInvalidArgument; }

Result<GroupPlacement> PlaceByName(ModelRepository& models, const RegisterInput& input) {
  Error last = MakeError(Code::kConflict, "the model group changed at the same time; try again");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    GroupPlacement placement;
    Result<Group> group = models.FindGroupByName(input.model.name);
    if (!group) {
      if (group.error().code != Code::kNotFound) return group.error();
      if (input.wants_access_control) return AccessControlIsOff();
      group = models.CreateGroup(input.model.name, input.model.description);
      placement.created = group.has_value();
      if (!group) {
        last = group.error();
        if (LostRace(last)) continue;
        return last;
      }
    }
    placement.group = group->id;
    const Result<std::int64_t> version = models.NextVersion(group->id);
    if (version) {
      placement.version = *version;
      return placement;
    }
    if (version.error().code != Code::kNotFound) return version.error();
  }
  return last;
}

}  // namespace

Result<GroupPlacement> PlaceInGroup(ModelRepository& models, const RegisterInput& input) {
  if (!input.group) return PlaceByName(models, input);
  ASSIGN_OR_RETURN(const std::int64_t version, models.NextVersion(*input.group));
  return GroupPlacement{.group = *input.group, .version = version};
}

Status CheckPlacement(const ModelRepository& models, const RegisterInput& input) {
  if (input.group || !input.wants_access_control) return {};
  const Result<Group> group = models.FindGroupByName(input.model.name);
  if (group) return {};
  return group.error().code == Code::kNotFound ? AccessControlIsOff() : group.error();
}

Model Placed(Model model, const GroupPlacement& placement, RandomSource& random, const Clock& clock) {
  if (model.id.empty()) model.id = ModelId(NewDocumentId(random));
  model.group = placement.group;
  model.version = std::to_string(placement.version);
  model.created_time = clock.WallMillis();
  model.last_updated_time = model.created_time;
  model.upload = UploadId(NewDocumentId(random));
  return model;
}

Status CreateInGroup(ModelRepository& models, const Model& model, const GroupPlacement& placement) {
  Status created = models.Create(model);
  if (!created) {
    if (created.error().code != Code::kUnavailable) UndoPlacement(models, placement);
    return created;
  }
  const Status marked = models.MarkUsed(placement.group);
  // A store that does not answer now says nothing about the group: the registration goes on.
  if (marked || marked.error().code != Code::kNotFound) return {};
  const Result<storage::Written> removed = models.Remove(model.id);
  if (!removed) LOG_WARN("models", "model {} of a removed group stays: {}", model.id.str(), removed.error().message);
  return MakeError(Code::kConflict,
                   "model group " + placement.group.str() + " was removed while the model was being registered");
}

void UndoPlacement(ModelRepository& models, const GroupPlacement& placement) {
  if (placement.created) {
    const Result<storage::Written> removed = models.RemoveGroup(placement.group);
    if (removed || removed.error().code == Code::kNotFound) return;
    LOG_DEBUG("models", "group {} stays after a failed registration: {}", placement.group.str(),
              removed.error().message);
  }
  models.GiveBackVersion(placement.group, placement.version);
}

}  // namespace mlnode::models
