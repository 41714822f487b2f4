// deploy/controller_service.h: what the REST layer asks of controllers (spec/controllers §1). Texts are the peer's.
// Threads: any; blocks on the store: run on `background`. Saga of Create: controller, then the model is looked at once
// more: one that was deleted meanwhile takes its controller with it. A crash in between leaves a controller without a
// model: models::RepairRegistrations removes it.
#pragma once

#include "config/settings.h"
#include "deploy/deploy_service.h"
#include "models/model_repository.h"

namespace mlnode::deploy {

class ControllerService {
 public:
  ControllerService(models::ModelRepository& models, DeployService& deploys, config::Settings& settings)
      : models_(models), deploys_(deploys), settings_(settings) {}

  // kInvalidArgument when controllers are switched off: asked before a body is read; all below ask it too.
  Status CheckEnabled() const;

  // Makes or replaces. kNotFound (the model), kPermissionDenied (its function has no controllers), kConflict (it is
  // DEPLOYING).
  struct Saved {
    storage::Written written;
    bool created = false;
  };
  Result<Saved> Create(const ModelId& model, models::UserRateLimiters users);
  // Merges. As Create, but for a model that is DEPLOYING; kConflict when there is no controller.
  Result<models::ControllerRepository::Merge> Update(const ModelId& model, const models::UserRateLimiters& users);
  Result<models::Controller> Get(const ModelId& model) const;  // kNotFound
  Result<storage::Written> Delete(const ModelId& model);       // kNotFound; also when the model is gone

 private:
  Status CheckModel(const ModelId& model) const;

  models::ModelRepository& models_;
  DeployService& deploys_;
  config::Settings& settings_;
};

}  // namespace mlnode::deploy
