// serving/remote/remote_environment.h: what remote models are served with. Threads: any.
#pragma once

#include <functional>
#include <memory>

#include "config/settings.h"
#include "connectors/compiled_connector.h"
#include "core/executor.h"
#include "core/metrics.h"
#include "serving/predict.h"
#include "storage/store.h"

namespace mlnode::serving {

// From a connector's document, or a model's that holds its connector inline: secrets unsealed, templates and scripts
// parsed. Errors: CompiledConnector::Compile. Up to milliseconds: not for an io thread.
using ConnectorCompiler =
    std::function<Result<std::shared_ptr<const connectors::CompiledConnector>>(const storage::Document& holder)>;

// Asks another model through the same checks as a client (a guardrail of type "model"). `done` once, any thread.
using AskModel = std::function<void(const ModelId& model, json::object parameters, Deadline deadline,
                                    CancelFlag cancelled, PredictDone done)>;

// All borrowed; they outlive what is served with them, and what of it is still under way.
struct RemoteEnvironment {
  const storage::Store& store;  // its replica is read: never waits
  connectors::RemoteCaller& caller;
  Executor& cpu;
  Executor& timers;
  const Clock& clock;
  Metrics& metrics;
  config::Settings& settings;
  ConnectorCompiler compile;
  std::function<std::shared_ptr<const connectors::EndpointRules>()> rules;  // by the settings now
  // What the provider's answers to one request may take in memory, together; beyond, the request fails. Five of the
  // longest ones.
  std::size_t max_reply_bytes = 512UL * 1024 * 1024;
  AskModel ask = {};  // empty: guardrails of type "model" reject all (they fail closed)
};

}  // namespace mlnode::serving
