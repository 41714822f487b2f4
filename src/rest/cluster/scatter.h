// rest/cluster/scatter.h: one prediction of many documents, cut up and computed by several nodes that hold its model
// (mlnode.predict.scatter_documents). The answer is byte for byte what one node would give: the parts' results stand in
// it as the nodes printed them.
//
// Each part is a forwarded prediction (forwarder.h), tried once more where its node failed; this node computes one part
// itself if it holds the model. A part that fails is the answer, at once, and the others are cut off. Only JSON in and
// out, and functions whose documents do not depend on each other; models without an interface, which may judge the
// whole. Threads: any; `answer` is called once, on any.
#pragma once

#include <memory>
#include <vector>

#include "deploy/node_core.h"
#include "rest/cluster/forwarder.h"
#include "rest/cluster/peer_reply.h"
#include "rest/request_context.h"
#include "serving/predict.h"

namespace mlnode::rest {

struct ScatterTask {
  ModelId model;
  std::shared_ptr<RequestContext> context;
  serving::PredictRequest request;          // of all documents; `cancelled` is set when a part has failed
  std::shared_ptr<serving::Servable> here;  // null: this node does not hold the model
  std::vector<deploy::Worker> workers;      // others that do
};

// Could a request of so many documents be scattered: whether anybody else holds the model is not asked yet.
bool MayScatter(const RequestContext& context, models::FunctionName function, bool has_interface, std::size_t documents,
                std::int64_t more_than);

// Begins it. False, and nothing was done (the task is as it was): there are no two nodes for it, or the documents'
// texts cannot be told apart.
bool Scatter(Forwarder& forwarder, deploy::NodeCore& node, ScatterTask& task, std::int64_t more_than,
             ReplyTaker answer);

}  // namespace mlnode::rest
