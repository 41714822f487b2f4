// deploy/remote/model_asker.h: asks a model as a client would, through the same checks and with auto-deploy: for
// guardrails that ask another model. Threads: any; not an io thread (the model's interface may be compiled).
#pragma once

#include "deploy/gate/predict_gate.h"
#include "deploy/remote/auto_deploy.h"
#include "serving/remote/remote_environment.h"

namespace mlnode::deploy {

// All outlive what is asked. Only REMOTE models can be asked so: kInvalidArgument for others. One that other nodes hold
// is asked from here all the same: its connector is all there is of it. A model that is asked this way asks no third
// one: its own guardrails of type "model" reject (PredictRequest::judging).
serving::AskModel MakeModelAsker(PredictGate& gate, AutoDeploy& deploys, const serving::RemoteEnvironment& remote);

}  // namespace mlnode::deploy
