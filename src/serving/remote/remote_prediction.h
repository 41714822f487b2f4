// serving/remote/remote_prediction.h: one prediction on its way through the steps of remote_servable.h. Internal to
// serving/remote.
#pragma once

#include <memory>

#include "serving/remote/remote_flow.h"

namespace mlnode::serving {

// `self` keeps the model until `done`, which is called once, whatever happens.
void StartRemotePrediction(const std::shared_ptr<RemoteSite>& site, PredictRequest request,
                           std::shared_ptr<Servable> self, PredictDone done);
void StartRemoteStream(const std::shared_ptr<RemoteSite>& site, StreamRequest request, std::shared_ptr<Servable> self,
                       StreamSink sink);

}  // namespace mlnode::serving
