// GET /_health (is the process alive), /_ready (does it want requests), /metrics. Not the peer's: docs/operations.md.
#include "core/log.h"
#include "rest/json_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

// Empty when ready.
std::string WhyNotReady(deploy::NodeCore& node, const Readiness& readiness) {
  switch (readiness.stage()) {
    case Readiness::Stage::kStarting:
      return "the node is starting";
    case Readiness::Stage::kStopping:
      return "the node is stopping";
    case Readiness::Stage::kServing:
      break;
  }
  if (!node.agent().Settled()) {
    return "models that were deployed before the start are still being loaded";
  }
  return {};
}

net::HttpReply Ready(const RequestContext& context, deploy::NodeCore& node, const Readiness& readiness) {
  const std::string reason = WhyNotReady(node, readiness);
  if (reason.empty()) return JsonReply(context, json::object{{"status", "ready"}});
  net::HttpReply reply = JsonReply(context, json::object{{"status", "not_ready"}, {"reason", reason}}, 503);
  reply.headers.Add("Retry-After", "1");
  return reply;
}

// Gauges that are read, not kept: set just before the text is made.
void ReadGauges(deploy::NodeCore& node) {
  double loading = 0, failed = 0;
  for (const serving::LocalModel& model : node.local_models().List()) {
    if (model.state == serving::LocalState::kLoading) ++loading;
    if (model.state == serving::LocalState::kFailed) ++failed;
  }
  Metrics& metrics = node.metrics();
  metrics.GetGauge("mlnode_loading_models", "Models being loaded on this node, or waiting for it.").Set(loading);
  metrics.GetGauge("mlnode_failed_models", "Models whose last load on this node failed.").Set(failed);
  metrics.GetGauge("mlnode_memory_reserved_bytes", "Memory reserved for the process and its models.")
      .Set(static_cast<double>(node.budget().Reserved()));
  metrics.GetGauge("mlnode_memory_limit_bytes", "Memory that may be reserved.")
      .Set(static_cast<double>(node.budget().limit()));
}

}  // namespace

void AddHealthRoutes(RouteTable& table, deploy::NodeCore& node, const Readiness& readiness) {
  // Answered on the io thread: a full background queue must not make the process look dead.
  const AsyncHandler health = [](const std::shared_ptr<RequestContext>& context, Answer answer) {
    answer(JsonReply(*context, json::object{{"status", "alive"}}));
  };
  const AsyncHandler ready = [&node, &readiness](const std::shared_ptr<RequestContext>& context, Answer answer) {
    answer(Ready(*context, node, readiness));
  };
  for (const char* method : {"GET", "HEAD"}) {
    table.Add({.method = method, .pattern = "/_health", .async = health});
    table.Add({.method = method, .pattern = "/_ready", .async = ready});
  }
  table.Add(
      {.method = "GET", .pattern = "/metrics", .handler = [&node](const RequestContext&) -> Result<net::HttpReply> {
         ReadGauges(node);
         return TextReply(node.metrics().ToText(), "text/plain; version=0.0.4; charset=utf-8");
       }});
}

}  // namespace mlnode::rest
