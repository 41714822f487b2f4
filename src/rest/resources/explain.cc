// GET models/{id}/_explain: why a model is, or is not, where it was wanted. Not the peer's: `mlnode explain` shows it.
#include <algorithm>

#include "core/log.h"
#include "rest/cluster/fan_out.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

std::string_view ModeName(deploy::PlanMode mode) {
  switch (mode) {
    case deploy::PlanMode::kAll:
      return "all";
    case deploy::PlanMode::kNodes:
      return "nodes";
    case deploy::PlanMode::kNone:
      break;
  }
  return "none";
}

std::string_view OutcomeName(deploy::Outcome::Kind kind) {
  switch (kind) {
    case deploy::Outcome::Kind::kDeployed:
      return "deployed";
    case deploy::Outcome::Kind::kPartial:
      return "partial";
    case deploy::Outcome::Kind::kFailed:
      return "failed";
    case deploy::Outcome::Kind::kCancelled:
      break;
  }
  return "cancelled";
}

std::string_view PlacementName(deploy::PlacementState state) {
  switch (state) {
    case deploy::PlacementState::kLoading:
      return "loading";
    case deploy::PlacementState::kLoaded:
      return "loaded";
    case deploy::PlacementState::kFailed:
      break;
  }
  return "failed";
}

json::object PlanForm(const deploy::Plan& plan) {
  json::object form;
  form["mode"] = ModeName(plan.mode);
  json::array nodes;
  for (const NodeId& node : plan.nodes) nodes.emplace_back(node.str());
  form["nodes"] = std::move(nodes);
  form["generation"] = plan.generation;
  form["requested_at"] = plan.requested_at;
  form["deadline"] = plan.deadline;
  if (plan.outcome) {
    form["outcome"] = {
        {"kind", OutcomeName(plan.outcome->kind)}, {"at", plan.outcome->at}, {"reason", plan.outcome->reason}};
  }
  return form;
}

json::object PlacementForm(const deploy::Placement& placement) {
  json::object form;
  form["state"] = PlacementName(placement.state);
  form["generation"] = placement.generation;
  form["since"] = placement.since;
  if (placement.state == deploy::PlacementState::kLoading) {
    form["phase"] = placement.phase;
    form["done_bytes"] = placement.done_bytes;
    form["total_bytes"] = placement.total_bytes;
  }
  if (placement.state == deploy::PlacementState::kFailed) {
    form["reason"] = placement.reason;
    form["retryable"] = placement.retryable;
  }
  return form;
}

std::string WhyNotEligible(const deploy::Lease& lease, const config::Snapshot& settings, bool local) {
  const std::string excluded = settings.String("plugins.ml_commons.exclude_nodes._name");
  if (!excluded.empty())
    return fmt::format("roles {}; plugins.ml_commons.exclude_nodes._name is \"{}\"", fmt::join(lease.roles, ","),
                       excluded);
  if (local && settings.Bool("plugins.ml_commons.only_run_on_ml_node")) {
    return fmt::format("roles {}; plugins.ml_commons.only_run_on_ml_node is true and needs role ml",
                       fmt::join(lease.roles, ","));
  }
  return fmt::format("roles {}; none is in plugins.ml_commons.task_dispatcher.eligible_node_role.{}_model",
                     fmt::join(lease.roles, ","), local ? "local" : "remote");
}

json::array NodesForm(deploy::NodeCore& node, const deploy::DeployService::View& view) {
  const config::SnapshotPtr settings = node.settings().Current();
  const std::vector<NodeId> eligible = node.membership().Eligible(view.model.function, *settings);
  const auto contains = [](const std::vector<NodeId>& nodes, const NodeId& id) {
    return std::find(nodes.begin(), nodes.end(), id) != nodes.end();
  };
  json::array nodes;
  for (const deploy::Lease& lease : node.membership().Live()) {
    json::object form{{"node_id", lease.node.str()}, {"name", lease.name}};
    const bool is_eligible = contains(eligible, lease.node);
    form["eligible"] = is_eligible;
    if (!is_eligible) form["why_not"] = WhyNotEligible(lease, *settings, models::TraitsOf(view.model.function).local);
    form["planned"] = contains(view.deployment.planned, lease.node);
    for (const deploy::Placement& placement : view.placements) {
      if (placement.node == lease.node) form["placement"] = PlacementForm(placement);
    }
    nodes.push_back(std::move(form));
  }
  return nodes;
}

// What only the answering node knows.
json::object LocalForm(deploy::NodeCore& node, const ModelId& model) {
  json::object form{{"node_id", node.self().id.str()}};
  for (const serving::LocalModel& local : node.local_models().List()) {
    if (local.model != model) continue;
    form["phase"] = serving::PhaseName(local.phase);
    if (local.error) form["last_error"] = local.error->message;
    if (local.info) {
      form["engine"] = local.info->engine;
      form["precision"] = engines::PrecisionName(local.info->precision);
      form["agreement_with_f32"] = local.info->agreement;
      if (!local.info->precision_reason.empty()) form["precision_reason"] = local.info->precision_reason;
      form["resident_bytes"] = local.info->resident_bytes;
      form["resident_bytes_measured"] = local.info->measured;
      form["peak_bytes"] = local.info->peak_bytes;
      form["max_tokens"] = local.info->max_tokens;
      form["batched"] = local.info->batched;
      form["load_millis"] = local.info->load_millis;
    }
  }
  if (const auto retry = node.agent().RetryOf(model)) {
    form["retry"] = {{"attempts", retry->attempts}, {"next_at", retry->next_at}};
  }
  const std::uint64_t limit = node.budget().limit();
  const std::uint64_t reserved = node.budget().Reserved();
  form["memory"] = {
      {"limit_bytes", limit}, {"reserved_bytes", reserved}, {"free_bytes", limit - std::min(limit, reserved)}};
  return form;
}

Result<json::object> Explanation(const RequestContext& context, deploy::NodeCore& node) {
  const ModelId id(context.PathParam("model_id"));
  ASSIGN_OR_RETURN(const deploy::DeployService::View view, node.deploys().Get(id));
  json::object body;
  body["model_id"] = id.str();
  body["name"] = view.model.name;
  body["function_name"] = models::TraitsOf(view.model.function).name;
  body["model_state"] = deploy::ModelStateName(view.deployment.state);
  if (!view.deployment.reason.empty()) body["reason"] = view.deployment.reason;
  if (view.model.content_bytes) body["content_bytes"] = *view.model.content_bytes;
  if (view.model.registration == models::Registration::kRegistering && view.model.total_chunks) {
    body["chunks"] = {{"received", view.model.received_parts.size()}, {"total", *view.model.total_chunks}};
  }
  if (view.plan) body["plan"] = PlanForm(*view.plan);
  body["nodes"] = NodesForm(node, view);
  body["this_node"] = LocalForm(node, id);
  return body;
}

// What only they know of themselves stands with each of the others, as `local`.
void AddLocals(const RequestContext&, json::object& mine, std::vector<PeerAnswer> others) {
  for (json::value& node : mine.at("nodes").as_array()) {
    json::object& form = node.as_object();
    for (PeerAnswer& other : others) {
      json::value* local = other.body ? other.body->if_contains("this_node") : nullptr;
      if (local != nullptr && form.at("node_id").as_string() == other.node.node.str())
        form["local"] = std::move(*local);
    }
  }
}

}  // namespace

void AddExplainRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers) {
  table.Add(FannedOut(
      {.method = "GET", .pattern = fmt::format("{}/models/{{model_id}}/_explain", kMlBase)},
      {.own = [&node](const RequestContext& context) { return Explanation(context, node); }, .merge = AddLocals}, node,
      peers));
}

}  // namespace mlnode::rest
