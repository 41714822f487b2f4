// POST models/{id}/_batch_predict: begins a job at a model's provider and gives the task that stands for it
// (spec/remote §11). The way: background → gate.Admit → Servable::Predict with the connector's BATCH_PREDICT action →
// background → the task. In a cluster, where other nodes hold the model: to one of them, once.
#include <utility>

#include "core/log.h"
#include "rest/cluster/peer_reply.h"
#include "rest/json_reply.h"
#include "rest/remote/from_background.h"
#include "rest/remote/remote_body.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

struct BatchSite {
  deploy::NodeCore& node;
  const Peers* const peers;              // null: this node is alone
  std::unique_ptr<Forwarder> forwarder;  // null: the same
};

struct BatchCall {
  deploy::NodeCore& node;
  std::shared_ptr<RequestContext> context;
  OnceAnswer answer;
  ModelId model;
  std::optional<json::object> dlq;
};
using BatchCallPtr = std::shared_ptr<const BatchCall>;

Status CheckEnabled(const config::Snapshot& settings) {
  if (settings.Bool("plugins.ml_commons.offline_batch_inference_enabled")) return {};
  return MakeError(Code::kInvalidArgument,
                   "Offline Batch Inference is currently disabled. To enable it, update the setting "
                   "\"plugins.ml_commons.offline_batch_inference_enabled\" to true.");
}

Result<net::HttpReply> Recorded(const BatchCall& call, const serving::PredictResult& result) {
  ASSIGN_OR_RETURN(const tasks::TaskRecord task, call.node.batch_jobs().Record(call.model, result, call.dlq));
  return JsonReply(*call.context, json::object{{"task_id", task.id.str()},
                                               {"status", tasks::TaskStateName(task.state)},
                                               {"remote_job", task.remote_job.value_or(json::object())}});
}

// On the provider's answer: the store is written on `background`.
void Finish(const BatchCallPtr& call, Result<serving::PredictResult> result) {
  if (!result) return call->answer(std::move(result).error());
  const auto begun = std::make_shared<const serving::PredictResult>(*std::move(result));
  const bool posted = call->node.executors().background.Post([call, begun] { call->answer(Recorded(*call, *begun)); });
  if (posted) return;
  const Error full = MakeError(Code::kResourceExhausted, "too much work waits on this node");
  call->answer(deploy::NotRecorded(call->model, *begun, full));
}

void Predict(const BatchCallPtr& call, const std::shared_ptr<serving::Servable>& servable,
             serving::PredictRequest request) {
  servable->Predict(std::move(request), servable,
                    [call](Result<serving::PredictResult> result) { Finish(call, std::move(result)); });
}

// To one of the nodes that hold the model.
void Forward(const BatchSite& site, const BatchCallPtr& call, std::vector<deploy::Worker> workers, Deadline deadline,
             bool charged) {
  ForwardPrediction(*site.forwarder, site.node, call->context,
                    {.model = call->model, .workers = std::move(workers), .deadline = deadline, .charged = charged},
                    [call](Result<net::HttpReply> reply) { call->answer(std::move(reply)); });
}

void NotObtained(const BatchSite& site, const BatchCallPtr& call, Error error, Deadline deadline) {
  std::vector<deploy::Worker> workers;
  if (error.reason == deploy::kHeldElsewhere && site.forwarder) workers = site.node.router().Candidates(call->model);
  if (workers.empty()) return call->answer(std::move(error));
  Forward(site, call, std::move(workers), deadline, true);
}

Status Begin(const std::shared_ptr<BatchSite>& site, const std::shared_ptr<RequestContext>& context,
             const OnceAnswer& answer) {
  deploy::NodeCore& node = site->node;
  const config::SnapshotPtr settings = node.settings().Current();
  RETURN_IF_ERROR(CheckEnabled(*settings));
  const ModelId model(context->PathParam("model_id"));
  ASSIGN_OR_RETURN(const deploy::GateModel found, node.gate().Find(model));
  if (found.function != models::FunctionName::kRemote)
    return MakeError(Code::kInvalidArgument, "Batch prediction is only supported for remote models");
  ASSIGN_OR_RETURN(RemoteBody body, ParseRemoteBody(models::FunctionName::kRemote, context->body()));
  RETURN_IF_ERROR(node.batch_jobs().CheckRoom());
  ASSIGN_OR_RETURN(deploy::GatePass pass, node.gate().Admit({.model = model,
                                                             .by_interface = false,
                                                             .forwarded = context->peer.has_value(),
                                                             .charged = IsCharged(*context)}));
  body.input.action = connectors::ActionType::kBatchPredict;
  serving::PredictRequest request;
  request.deadline = AnswerBy(*context, std::chrono::milliseconds(settings->Int("mlnode.predict.deadline_ms")));
  request.remote = std::make_shared<const connectors::RemoteInput>(std::move(body.input));
  const BatchCallPtr call(
      new BatchCall{.node = node, .context = context, .answer = answer, .model = model, .dlq = std::move(body.dlq)});
  if (pass.servable) {
    Predict(call, pass.servable, std::move(request));
    return {};
  }
  const Deadline deadline = request.deadline;
  if (!pass.elsewhere.empty()) {
    Forward(*site, call, std::move(pass.elsewhere), deadline, false);
    return {};
  }
  node.auto_deploy().Obtain(model, deadline,
                            [site, call, deadline, request = std::move(request)](
                                Result<std::shared_ptr<serving::Servable>> servable) mutable {
                              if (!servable) return NotObtained(*site, call, std::move(servable).error(), deadline);
                              Predict(call, *servable, std::move(request));
                            });
  return {};
}

}  // namespace

void AddBatchRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers) {
  const std::shared_ptr<BatchSite> site(
      new BatchSite{.node = node, .peers = peers, .forwarder = MakeForwarder(peers, node)});
  const AsyncHandler begin =
      FromBackground(node, [site](const std::shared_ptr<RequestContext>& context, const OnceAnswer& answer) {
        return Begin(site, context, answer);
      });
  // The peer is told by whoever answers: once the job has begun, the context is theirs.
  table.Add({.method = "POST",
             .pattern = fmt::format("{}/models/{{model_id}}/_batch_predict", kMlBase),
             .async =
                 [site, begin](const std::shared_ptr<RequestContext>& context, Answer answer) {
                   begin(context, [site, context, answer = std::move(answer)](Result<net::HttpReply> reply) mutable {
                     TellPeer(*context, site->node, site->peers, reply ? nullptr : &reply.error());
                     answer(std::move(reply));
                   });
                 },
             .body = BodyUse::kJson});
}

}  // namespace mlnode::rest
