#include "models/input/model_update.h"

#include <utility>

#include "core/log.h"
#include "models/model_config.h"

namespace mlnode::models {
namespace {

Error StatusError(Code code, std::string message) {
  Error error = MakeError(code, std::move(message));
  error.reason = "status_exception";
  return error;
}

// This route tells a wrong kind of value as the text it could not parse.
Error AsParseError(Error error) {
  if (error.reason == "parsing_exception") error.reason = "parse_exception";
  return error;
}

Result<ModelUpdate> ReadFields(const json::object& body) {
  ModelUpdate update;
  ASSIGN_OR_RETURN(update.name, StringField(body, "name"));
  ASSIGN_OR_RETURN(update.description, StringField(body, "description"));
  ASSIGN_OR_RETURN(std::optional<std::string> group, StringField(body, "model_group_id"));
  if (group && !group->empty()) update.group = GroupId(std::move(*group));
  ASSIGN_OR_RETURN(update.behaviour, ReadBehaviour(body));
  ASSIGN_OR_RETURN(const json::object* config, ObjectField(body, "model_config"));
  if (config != nullptr) update.config = *config;
  ASSIGN_OR_RETURN(update.connector, ParseConnectorChange(body));
  return update;
}

// Values of `given` win; objects that both have are merged the same way, `levels` deep.
void Merge(const json::object& given, json::object& into, int levels) {
  for (const json::key_value_pair& entry : given) {
    if (entry.value().is_null()) continue;
    json::value& slot = into[entry.key()];
    if (levels > 0 && slot.is_object() && entry.value().is_object()) {
      Merge(entry.value().get_object(), slot.get_object(), levels - 1);
    } else {
      slot = entry.value();
    }
  }
}

Result<json::object> MergeConfig(const Model& model, const json::object& given) {
  json::object merged = model.config.value_or(json::object());
  Merge(given, merged, 1);  // additional_config by its keys
  return NormalizeModelConfig(model.function, merged);
}

Error NoSuchGroup(const GroupId& id) {
  return MakeError(Code::kNotFound,
                   "Failed to find the model group with the provided model group id in the update model input, "
                   "MODEL_GROUP_ID: " +
                       id.str());
}

// After a move: a removal of the new group that is under way looks for models again; one that was faster sends the
// model back to where it was.
Status KeepInGroup(ModelRepository& models, const Model& before, const GroupId& group) {
  const Status marked = models.MarkUsed(group);
  // A store that does not answer now says nothing about the group.
  if (marked || marked.error().code != Code::kNotFound) return {};
  const Result<Model> back = models.Update(before.id, [&](Model& model) -> Status {
    if (model.group != group) return {};  // moved on since
    model.group = before.group;
    model.version = before.version;
    return {};
  });
  if (!back) LOG_WARN("models", "model {} of a removed group stays there: {}", before.id.str(), back.error().message);
  return MakeError(Code::kConflict,
                   "model group " + group.str() + " was removed while the model was being moved to it");
}

Status CheckChangeable(const Model& model, const ModelUpdate& update) {
  if (model.function != FunctionName::kTextEmbedding && model.function != FunctionName::kRemote)
    return MakeError(Code::kPermissionDenied, "The function category " + std::string(TraitsOf(model.function).name) +
                                                  " is not supported at this time.");
  if (update.connector && TraitsOf(model.function).local)
    return StatusError(Code::kInvalidArgument,
                       "Trying to update the connector or connector_id field on a local model.");
  return {};
}

// Everything but the group. Fails without having changed anything that matters: the caller drops the model then.
Status Apply(const ModelUpdate& update, EpochMillis now, Model& model) {
  RETURN_IF_ERROR(CheckChangeable(model, update));
  if (update.config) {
    ASSIGN_OR_RETURN(model.config, MergeConfig(model, *update.config));
  }
  if (update.connector) RETURN_IF_ERROR(ApplyConnectorChange(*update.connector, model));
  if (update.name) model.name = *update.name;
  if (update.description) model.description = update.description;
  if (update.behaviour.is_enabled) model.is_enabled = update.behaviour.is_enabled;
  Merge(update.behaviour.settings, model.passthrough, 1);
  model.shows_id = true;
  model.last_updated_time = now;
  return {};
}

}  // namespace

Result<ModelUpdate> ParseModelUpdate(const json::object& body) {
  Result<ModelUpdate> update = ReadFields(body);
  if (!update) return AsParseError(std::move(update).error());
  TextCheck texts;
  if (update->name) texts.Allowed("Model Name", *update->name);
  if (update->description) texts.Allowed("Model Description", *update->description);
  RETURN_IF_ERROR(texts.Outcome());
  return update;
}

Error NoModelToUpdate(const ModelId& id) {
  return MakeError(Code::kNotFound, "Failed to find model to update with the provided model id: " + id.str());
}

Result<Model> UpdateModel(ModelRepository& models, const Clock& clock, const ModelId& id, const ModelUpdate& update) {
  const EpochMillis now = clock.WallMillis();
  Result<Model> before = models.Get(id);
  if (!before) return before.error().code == Code::kNotFound ? NoModelToUpdate(id) : before.error();
  const GroupId old_group = before->group;
  RETURN_IF_ERROR(Apply(update, now, *before));  // so that what is refused takes no version
  std::optional<std::int64_t> version;
  if (update.group && *update.group != old_group) {
    const Result<std::int64_t> next = models.NextVersion(*update.group);
    if (!next) return next.error().code == Code::kNotFound ? NoSuchGroup(*update.group) : next.error();
    version = *next;
  }
  Result<Model> updated = models.Update(id, [&](Model& model) -> Status {
    RETURN_IF_ERROR(Apply(update, now, model));
    if (!version) return {};
    model.group = *update.group;
    model.version = std::to_string(*version);
    return {};
  });
  if (updated && version) RETURN_IF_ERROR(KeepInGroup(models, *before, *update.group));
  if (updated) return updated;
  // An unknown write may have happened: the version it took stays taken then.
  if (version && updated.error().code != Code::kUnavailable) models.GiveBackVersion(*update.group, *version);
  return updated.error().code == Code::kNotFound ? NoModelToUpdate(id) : updated.error();
}

}  // namespace mlnode::models
