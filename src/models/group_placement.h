// models/group_placement.h: finds or makes the group a new model belongs to and takes its version there (spec/lifecycle
// §3). Blocks on the store.
#pragma once

#include <cstdint>

#include "models/input/register_input.h"
#include "models/model_repository.h"

namespace mlnode::models {

struct GroupPlacement {
  GroupId group;
  std::int64_t version = 0;
  bool created = false;  // the group was made by this call
};

// The group named by the input, else the one with the model's name, else a new one. kNotFound "Fail to find model
// group"; kInvalidArgument when a new group is needed and the input wants access control, which is off.
Result<GroupPlacement> PlaceInGroup(ModelRepository& models, const RegisterInput& input);
// The second half of that rule alone, without changing anything.
Status CheckPlacement(const ModelRepository& models, const RegisterInput& input);
// The document of a model that was placed, as of now: an id where it has none, its group, version, times and an upload
// of its own.
Model Placed(Model model, const GroupPlacement& placement, RandomSource& random, const Clock& clock);
// Makes the model's document in the group it was placed in. Errors: ModelRepository::Create's, then the placement is
// undone unless the write may have happened (kUnavailable: the version it took stays taken, a skipped one is legal);
// kConflict when the group was removed meanwhile, then nothing of the model is left.
Status CreateInGroup(ModelRepository& models, const Model& model, const GroupPlacement& placement);
// Undoes PlaceInGroup for a model that was not made: removes the group if it was new and nobody else uses it, else
// gives the version back. Best effort: a skipped version and an empty group are legal.
void UndoPlacement(ModelRepository& models, const GroupPlacement& placement);

}  // namespace mlnode::models
