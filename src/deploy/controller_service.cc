#include "deploy/controller_service.h"

#include <fmt/format.h>

#include <utility>

#include "core/log.h"

namespace mlnode::deploy {
namespace {

Error NoModel() {
  return MakeError(Code::kNotFound,
                   "Failed to find model to create the corresponding model controller with the provided model ID");
}

// What the peer says where the controller itself is missing.
Error Translate(Error error, std::string_view missing) {
  return error.code == Code::kNotFound ? MakeError(Code::kNotFound, std::string(missing)) : std::move(error);
}

}  // namespace

Status ControllerService::CheckEnabled() const {
  if (settings_.Current()->Bool("plugins.ml_commons.controller_enabled")) return {};
  return Error{.code = Code::kInvalidArgument,
               .message =
                   "Controller is currently disabled. To enable it, update the setting "
                   "\"plugins.ml_commons.controller_enabled\" to true.",
               .reason = "status_exception"};
}

Status ControllerService::CheckModel(const ModelId& id) const {
  const Result<models::Model> model = models_.Get(id);
  if (!model) return model.error().code == Code::kNotFound ? NoModel() : model.error();
  if (model->function == models::FunctionName::kTextEmbedding || model->function == models::FunctionName::kRemote)
    return {};
  return MakeError(Code::kPermissionDenied,
                   fmt::format("Creating model controller on this operation on the function category {} is not "
                               "supported.",
                               models::TraitsOf(model->function).name));
}

Result<ControllerService::Saved> ControllerService::Create(const ModelId& model, models::UserRateLimiters users) {
  RETURN_IF_ERROR(CheckEnabled());
  RETURN_IF_ERROR(CheckModel(model));
  const Result<DeployService::View> view = deploys_.Get(model);
  if (view && view->deployment.state == ModelState::kDeploying)
    return MakeError(Code::kConflict,
                     fmt::format("Creating a model controller during its corresponding model in DEPLOYING state is not "
                                 "allowed, please either create the model controller after it is deployed or before "
                                 "deploying it. Model ID: {}",
                                 model.str()));
  ASSIGN_OR_RETURN(const storage::Written written,
                   models_.controllers().Put({.model = model, .users = std::move(users)}));
  const Result<models::Model> still = models_.GetFresh(model);
  if (still || still.error().code != Code::kNotFound) return Saved{.written = written, .created = written.version == 1};
  const auto taken_back = models_.controllers().Remove(model, written.revision);
  if (!taken_back)
    LOG_WARN("deploy", "controller of deleted model {} stays for now: {}", model.str(), taken_back.error().message);
  return NoModel();
}

Result<models::ControllerRepository::Merge> ControllerService::Update(const ModelId& model,
                                                                      const models::UserRateLimiters& users) {
  RETURN_IF_ERROR(CheckEnabled());
  RETURN_IF_ERROR(CheckModel(model));
  auto merged = models_.controllers().Update(model, users);
  if (merged || merged.error().code != Code::kNotFound) return merged;
  return MakeError(Code::kConflict,
                   fmt::format("Model controller haven't been created for the model. Consider calling create model "
                               "controller api instead. Model ID: {}",
                               model.str()));
}

Result<models::Controller> ControllerService::Get(const ModelId& model) const {
  RETURN_IF_ERROR(CheckEnabled());
  auto found = models_.controllers().Get(model);
  if (!found) return Translate(std::move(found).error(), "Failed to find model controller with the provided model ID");
  return found;
}

Result<storage::Written> ControllerService::Delete(const ModelId& model) {
  RETURN_IF_ERROR(CheckEnabled());
  auto removed = models_.controllers().Remove(model);
  if (!removed) return Translate(std::move(removed).error(), "Failed to find model controller");
  return removed;
}

}  // namespace mlnode::deploy
