// models/input/model_update.h: changes to a registered model (spec/lifecycle §9): the body of PUT models/{id}, parsed
// and applied. Deployed models need no telling: predictions read the document (deploy/gate/predict_gate.h). What went
// into the engine at load (model_config) changes with the next load. Blocks on the store: run on `background`.
// Saga of a move to another group: its counter, the model, then the group again, which tells a removal of it to look
// for models once more. A crash in between leaves a skipped number, which is legal.
#pragma once

#include <optional>
#include <string>

#include "models/input/common_fields.h"
#include "models/model_repository.h"
#include "models/remote/connector_change.h"

namespace mlnode::models {

struct ModelUpdate {
  std::optional<std::string> name, description;
  std::optional<GroupId> group;              // empty string counts as absent
  std::optional<json::object> config;        // as given; merged with the stored one when applied
  Behaviour behaviour;                       // merged key by key
  std::optional<ConnectorChange> connector;  // prepared before it is applied
};

// kInvalidArgument in the peer's words, its reason "parse_exception" for a field of another type. Unknown fields are
// ignored, and none at all is a change of last_updated_time.
Result<ModelUpdate> ParseModelUpdate(const json::object& body);

// The model as it is after the change. kNotFound (model or group, with the id asked for), kPermissionDenied (functions
// whose models cannot be changed), kInvalidArgument (connector of a local model or of the other kind, a connector or a
// configuration that is wrong once merged), kConflict (the new group was removed meanwhile: the model stays in the old
// one, other changes are made).
Result<Model> UpdateModel(ModelRepository& models, const Clock& clock, const ModelId& id, const ModelUpdate& update);

Error NoModelToUpdate(const ModelId& id);

}  // namespace mlnode::models
