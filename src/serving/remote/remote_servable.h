// serving/remote/remote_servable.h: the flow of a prediction by a model that is hosted elsewhere (spec/remote §5):
// on `cpu` the connector makes the calls, the input guardrail judges them, the transport sends them all at once (as
// many as the connector's max_connection), the output guardrail judges the answers, and on `cpu` they become tensors,
// in order. Any failure fails the prediction. No thread waits for a provider.
#pragma once

#include <memory>

#include "serving/remote/remote_environment.h"
#include "serving/remote/remote_terms.h"
#include "serving/served_model.h"

namespace mlnode::serving {

// `model.remote` is set. Errors reach `done`: what CompiledConnector::Prepare and Interpret, RemoteCaller::Send and
// RemoteTermsSource::Now say, "guardrails triggered for ..." (kInvalidArgument), kResourceExhausted (`cpu` is full).
std::shared_ptr<Servable> MakeRemoteServable(std::shared_ptr<ServedModel> model, LoadSpec spec,
                                             const RemoteEnvironment& environment);

// A model that is not in service, for calls that do not need it to be (a batch job that goes on without it).
std::shared_ptr<Servable> MakeUndeployedRemote(const ModelId& model, const RemoteEnvironment& environment);

}  // namespace mlnode::serving
