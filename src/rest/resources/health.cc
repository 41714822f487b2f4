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
  std::uint64_t resident = 0;
  int ready = 0, loading = 0, failed = 0;
  for (const serving::LocalModel& model : node.local_models().List()) {
    switch (model.state) {
      case serving::LocalState::kLoading:
        ++loading;
        break;
      case serving::LocalState::kFailed:
        ++failed;
        break;
      case serving::LocalState::kReady:
        ++ready;
        if (model.info) resident += model.info->resident_bytes;
        break;
    }
  }
  Metrics& metrics = node.metrics();
  const auto set = [&metrics](const char* name, const char* help, double value, const Labels& labels = {}) {
    metrics.GetGauge(name, help, labels).Set(value);
  };
  constexpr const char* kModelsHelp = "Models of this node by state.";
  set("mlnode_models", kModelsHelp, ready, {{"state", "ready"}});
  set("mlnode_models", kModelsHelp, loading, {{"state", "loading"}});
  set("mlnode_models", kModelsHelp, failed, {{"state", "failed"}});
  set("mlnode_models_resident_bytes", "Measured memory of the ready models.", static_cast<double>(resident));
  set("mlnode_memory_reserved_bytes", "Memory reserved for the process and its models.",
      static_cast<double>(node.budget().Reserved()));
  set("mlnode_memory_limit_bytes", "Memory that may be reserved.", static_cast<double>(node.budget().limit()));
  set("mlnode_queued_tokens", "Tokens waiting for an inference lane.",
      static_cast<double>(node.queue().QueuedTokens()));
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
