// deploy/predict_gate.h: may this prediction run, and where: the ordered checks of spec/predict-local §1 as one table,
// then the choice of a worker. Reads the replica and the local table only, on an io thread: each look-up
// takes the replica's or the settings' lock for as long as a pointer is copied, never while a document is read into a
// Model, and nobody holds those locks while waiting for the store. Find and Admit each read the document.
#pragma once

#include <memory>

#include "config/settings.h"
#include "deploy/membership.h"
#include "models/model_repository.h"
#include "serving/local_models.h"

namespace mlnode::deploy {

// kInvalidArgument when models of this function are switched off by a setting: the peer's texts.
Status CheckFunctionEnabled(models::FunctionName function, const config::Snapshot& settings);

struct GatePass {
  std::shared_ptr<serving::Servable> servable;  // here; other nodes come with the cluster
};

class PredictGate {
 public:
  PredictGate(models::ModelRepository& models, serving::LocalModels& local, config::Settings& settings);
  // Checks 1 to 3 and 6 to 10 (the body was parsed in between by the caller, whose order is: Find, parse, Admit).
  // Find: kNotFound "Failed to find model" (404), disabled features. Returns the model's function, which chooses the
  // parser.
  Result<models::FunctionName> Find(const ModelId& model) const;
  // kPermissionDenied "Model is disabled.", kInvalidArgument "Model not ready yet. Please deploy the model first.",
  Result<GatePass> Admit(const ModelId& model) const;

 private:
  Result<models::Model> Read(const ModelId& model) const;

  models::ModelRepository& models_;
  serving::LocalModels& local_;
  config::Settings& settings_;
};

}  // namespace mlnode::deploy
