#include "deploy/predict_gate.h"

namespace mlnode::deploy {

Status CheckFunctionEnabled(models::FunctionName function, const config::Snapshot& settings) {
  if (models::TraitsOf(function).local) {
    if (settings.Bool("plugins.ml_commons.local_model.enabled")) return {};
    return MakeError(Code::kInvalidArgument,
                     "Local Model is currently disabled. To enable it, update the setting "
                     "\"plugins.ml_commons.local_model.enabled\" to true.");
  }
  if (settings.Bool("plugins.ml_commons.remote_inference.enabled")) return {};
  return MakeError(Code::kInvalidArgument,
                   "Remote Inference is currently disabled. To enable it, update the setting "
                   "\"plugins.ml_commons.remote_inference_enabled\" to true.");
}

PredictGate::PredictGate(models::ModelRepository& models, serving::LocalModels& local, config::Settings& settings)
    : models_(models), local_(local), settings_(settings) {}

// From the replica alone: this runs where nothing may wait for the store.
Result<models::Model> PredictGate::Read(const ModelId& model) const {
  const auto document = models_.store().Get({storage::Collection::kModels, model.str()});
  if (document) return models::ReadModel(**document);
  if (document.error().code != Code::kNotFound) return document.error();
  return MakeError(Code::kNotFound, "Failed to find model");
}

Result<models::FunctionName> PredictGate::Find(const ModelId& model) const {
  ASSIGN_OR_RETURN(const models::Model document, Read(model));
  RETURN_IF_ERROR(CheckFunctionEnabled(document.function, *settings_.Current()));
  return document.function;
}

Result<GatePass> PredictGate::Admit(const ModelId& model) const {
  GatePass pass{.servable = local_.Find(model)};
  if (!pass.servable) {
    return MakeError(Code::kInvalidArgument, "Model not ready yet. Please deploy the model first.");
  }
  // From the document, not from what was loaded: a change is in force at once.
  ASSIGN_OR_RETURN(const models::Model document, Read(model));
  if (!document.is_enabled.value_or(true)) return MakeError(Code::kPermissionDenied, "Model is disabled.");
  return pass;
}

}  // namespace mlnode::deploy
