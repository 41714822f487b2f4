// deploy/remote/batch_actions.h: actions by which a batch job of a known service is looked at and cancelled, where the
// connector names none (spec/remote §11). Pure; any thread. Sources: the services' API references (SageMaker
// DescribeTransformJob and StopTransformJob; OpenAI "Retrieve batch" and "Cancel batch"; Cohere "Get embed job" and
// "Cancel embed job"; Bedrock GetModelInvocationJob and StopModelInvocationJob).
#pragma once

#include <optional>

#include "connectors/connector.h"

namespace mlnode::deploy {

// The connector with a BATCH_PREDICT_STATUS and a CANCEL_BATCH_PREDICT action added where it has a BATCH_PREDICT
// action, lacks them and its URL is of a service that is known; else as it was.
connectors::Connector WithBatchActions(connectors::Connector connector);

// What the status and cancel calls of a job know: the members of the answer that began it, as text, with
// TransformJobName of a TransformJobArn and processedJobArn of a jobArn.
json::object JobParameters(const json::object& remote_job);

}  // namespace mlnode::deploy
