// deploy/predict_gate.h: may this prediction run, and where: the ordered checks of spec/predict-local §1 as one table
// (predict_gate.cc), then the choice of a worker. Reads the replica and the local table only: short locks in memory
// (replica, settings, buckets), no wait for the store; called on an io thread.
#pragma once

#include <memory>
#include <string_view>

#include "config/settings.h"
#include "deploy/membership.h"
#include "deploy/rate_limits.h"
#include "models/model_repository.h"
#include "models/model_rules.h"
#include "serving/local_models.h"

namespace mlnode::deploy {

// kInvalidArgument when models of this function are switched off by a setting: the peer's texts.
Status CheckFunctionEnabled(models::FunctionName function, const config::Snapshot& settings);

struct GatePass {
  std::shared_ptr<serving::Servable> servable;  // here; other nodes come with the cluster
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
  // Find: kNotFound "Failed to find model" (404), disabled features. Returns the model's function, which chooses the
  // parser.
  Result<models::FunctionName> Find(const ModelId& model) const;
  // kInvalidArgument "Model not ready yet. Please deploy the model first.", kPermissionDenied "Model is disabled.",
  // kResourceExhausted "Request is throttled at model level." or "... at user level. ..." with retry_after. Charges the
  // model's rate limit, then that of `user` (empty: nobody known, who has none); call it once a request. What the
  // documents say now counts: a change is in force with the next call.
  Result<GatePass> Admit(const ModelId& model, std::string_view user);

 private:
  struct Admission;  // one request on its way down the table

  Result<storage::DocumentPtr> Read(const ModelId& model) const;
  Status CheckLoaded(Admission& admission);
  Status CheckEnabled(Admission& admission);
  Status ChargeModel(Admission& admission);
  Status ChargeUser(Admission& admission);
  std::size_t Nodes(const ModelId& model) const;

  const Environment environment_;
  RateLimits limits_;
};

}  // namespace mlnode::deploy
