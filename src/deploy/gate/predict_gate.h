// deploy/gate/predict_gate.h: may this prediction run, and where: the ordered checks of spec/predict-local §1 as one
// table (predict_gate.cc), then the choice of a worker. Reads the replica, the local table and the buckets only: each
// look-up takes a lock in memory for as long as a pointer is copied, never while a document is read into a Model, and
// nobody holds those locks while waiting for the store. Find and Admit each read the document. Called on an io thread,
// but for Admit of a model that has an interface: that is work for `cpu`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "deploy/gate/interface_cache.h"
#include "deploy/gate/rate_limits.h"
#include "deploy/membership.h"
#include "models/model_repository.h"
#include "models/rules/model_rules.h"
#include "serving/local_models.h"

namespace mlnode::deploy {

// kInvalidArgument when models of this function are switched off by a setting: the peer's texts.
Status CheckFunctionEnabled(models::FunctionName function, const config::Snapshot& settings);

struct GateModel {
  models::FunctionName function;  // chooses the parser of the body
  bool has_interface = false;     // Admit will judge the request by it
};

struct AdmitRequest {
  ModelId model;
  std::string_view user = {};  // who asks; empty: nobody is known
  // The request as the model's interface sees it, JSON text: printed only if there is an input schema to check it by,
  // which it is given.
  std::function<std::string(std::string_view schema)> instance = {};
  bool by_interface = true;  // false: it judges neither request nor answer (batch predictions)
};

struct GatePass {
  // Here; other nodes come with the cluster. Null: the model is to be deployed first, because it is asked
  // (deploy/remote/auto_deploy.h).
  std::shared_ptr<serving::Servable> servable;
  // Set when it has an output schema, by which the answer is to be checked.
  std::shared_ptr<const models::ModelInterface> interface;
};

class PredictGate {
 public:
  struct Environment {
    models::ModelRepository& models;
    serving::LocalModels& local;
    config::Settings& settings;
    Membership& membership;
    const Clock& clock;
  };
  explicit PredictGate(const Environment& environment);
  // The caller's order is: Find, parse the body, Admit.
  // Find: kNotFound "Failed to find model" (404), disabled features.
  Result<GateModel> Find(const ModelId& model) const;
  // kInvalidArgument "Model not ready yet. Please deploy the model first.", "Auto deployment disabled for this model,
  // please deploy model first Model ID: <id>", kPermissionDenied "Model is disabled.",
  // kResourceExhausted "Request is throttled at model level." or "... at user level. ..." with retry_after, and what
  // ModelInterface::CheckInput says. Charges the model's rate limit, then that of the user, if one is known; call it
  // once a request, however many calls of a provider it takes. What the documents say now counts: a change is in force
  // with the next call.
  Result<GatePass> Admit(const AdmitRequest& request);

 private:
  struct Admission;  // one request on its way down the table

  Result<storage::DocumentPtr> Read(const ModelId& model) const;
  Status CheckLoaded(Admission& admission);
  Status CheckEnabled(Admission& admission);
  Status ChargeModel(Admission& admission);
  Status ChargeUser(Admission& admission);
  Status CheckInput(Admission& admission);
  std::size_t Nodes(const Admission& admission) const;

  const Environment environment_;
  RateLimits limits_;
  InterfaceCache interfaces_;
};

}  // namespace mlnode::deploy
