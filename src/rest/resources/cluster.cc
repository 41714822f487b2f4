// GET _cluster/health, GET and PUT _cluster/settings (spec/rest-conventions §4.2, spec/tasks-profile-stats-settings
// §5).
#include <algorithm>
#include <charconv>

#include "core/log.h"
#include "rest/json_reply.h"
#include "rest/resources/resources.h"
#include "rest/resources/time_value.h"

namespace mlnode::rest {
namespace {

constexpr Duration kHealthPoll = std::chrono::milliseconds(100);
// Whoever wants to wait longer asks again: an open request holds a connection and a timer here.
constexpr Duration kLongestHealthWait = std::chrono::seconds(60);

// What a caller of _cluster/health waits for.
struct HealthWish {
  std::string_view status;  // empty: any
  std::string comparison;   // of nodes: ">=", "<=", ">", "<", "=="; empty: any
  std::size_t nodes = 0;
  Deadline deadline = Deadline::Never();
};

int Rank(std::string_view status) { return status == "green" ? 2 : status == "yellow" ? 1 : 0; }

// Green once every model that was wanted at the start has a result here. The others say so for themselves.
std::string_view HealthStatus(deploy::NodeCore& node) { return node.agent().Settled() ? "green" : "yellow"; }

Status ReadNodesWish(std::string_view text, HealthWish& wish) {
  const std::string_view whole = text;
  for (const std::string_view sign : {">=", "<=", ">", "<"}) {
    if (text.starts_with(sign)) {
      wish.comparison = sign;
      text.remove_prefix(sign.size());
      break;
    }
  }
  if (wish.comparison.empty()) wish.comparison = "==";
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wish.nodes);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return MakeError(Code::kInvalidArgument,
                     fmt::format("[wait_for_nodes] must be a count such as 2 or >=2, found [{}]", whole));
  }
  return {};
}

Result<HealthWish> ReadWish(const RequestContext& context, const Clock& clock) {
  HealthWish wish;
  if (const auto status = context.Query("wait_for_status")) {
    if (*status != "green" && *status != "yellow" && *status != "red") {
      return MakeError(Code::kInvalidArgument, fmt::format("unknown cluster health status [{}]", *status));
    }
    wish.status = *status;
  }
  if (const auto nodes = context.Query("wait_for_nodes")) RETURN_IF_ERROR(ReadNodesWish(*nodes, wish));
  Duration timeout = std::chrono::seconds(30);
  if (const auto text = context.Query("timeout")) {
    ASSIGN_OR_RETURN(timeout, ParseTimeValue("timeout", *text));
  }
  wish.deadline = Deadline::After(clock, std::min(timeout, kLongestHealthWait));
  return wish;
}

bool Fulfilled(const HealthWish& wish, std::string_view status, std::size_t nodes) {
  if (!wish.status.empty() && Rank(status) < Rank(wish.status)) return false;
  if (wish.comparison == ">=") return nodes >= wish.nodes;
  if (wish.comparison == "<=") return nodes <= wish.nodes;
  if (wish.comparison == ">") return nodes > wish.nodes;
  if (wish.comparison == "<") return nodes < wish.nodes;
  return wish.comparison.empty() || nodes == wish.nodes;
}

json::object HealthBody(deploy::NodeCore& node, std::string_view status, const std::vector<deploy::Lease>& live,
                        bool timed_out) {
  json::object body;
  body["cluster_name"] = node.self().cluster_name;
  body["status"] = status;
  body["timed_out"] = timed_out;
  body["number_of_nodes"] = live.size();
  body["number_of_data_nodes"] = std::ranges::count_if(
      live, [](const deploy::Lease& lease) { return std::ranges::find(lease.roles, "data") != lease.roles.end(); });
  body["discovered_master"] = true;
  body["discovered_cluster_manager"] = true;
  for (const char* count : {"active_primary_shards", "active_shards", "relocating_shards", "initializing_shards",
                            "unassigned_shards", "delayed_unassigned_shards", "number_of_pending_tasks",
                            "number_of_in_flight_fetch", "task_max_waiting_in_queue_millis"}) {
    body[count] = 0;
  }
  body["active_shards_percent_as_number"] = 100.0;
  return body;
}

// What all calls of _cluster/health share.
struct HealthSite {
  deploy::NodeCore& node;
  const Readiness& readiness;

  bool Stopping() const { return readiness.stage() == Readiness::Stage::kStopping; }
};

// Answers when the wish is fulfilled, its time is up or the node stops; until then it looks again from time to time,
// holding no thread.
void AnswerHealth(const HealthSite& site, const std::shared_ptr<RequestContext>& context, const HealthWish& wish,
                  Answer answer) {
  deploy::NodeCore& node = site.node;
  const std::string_view status = HealthStatus(node);
  const deploy::LivePtr live = node.membership().LiveNow();
  const bool fulfilled = Fulfilled(wish, status, live->size());
  if (fulfilled || wish.deadline.Expired(node.clock()) || context->exchange->ClientGone() || site.Stopping()) {
    answer(JsonReply(*context, HealthBody(node, status, *live, !fulfilled), fulfilled ? 200 : 408));
    return;
  }
  node.executors()
      .io
      .PostAfter(kHealthPoll,
                 [site, context, wish, answer = std::move(answer)]() mutable {
                   AnswerHealth(site, context, wish, std::move(answer));
                 })
      .Detach();
}

Result<net::HttpReply> GetSettings(const RequestContext& context, const config::Settings& settings) {
  ASSIGN_OR_RETURN(const bool flat, context.BoolQuery("flat_settings", false));
  ASSIGN_OR_RETURN(const bool defaults, context.BoolQuery("include_defaults", false));
  const config::SnapshotPtr snapshot = settings.Current();
  json::object body;
  body["persistent"] = config::RenderValues(snapshot->persistent(), flat);
  body["transient"] = config::RenderValues(snapshot->transient(), flat);
  if (defaults) body["defaults"] = config::RenderValues(snapshot->Defaults(), flat);
  return JsonReply(context, body);
}

// What the request set; what it reset is not echoed.
json::object Echo(const config::RawChange& change, bool flat) {
  config::RawValues set;
  for (const auto& [name, value] : change) {
    if (value) set.emplace(name, *value);
  }
  return config::RenderValues(set, flat);
}

Result<net::HttpReply> PutSettings(const RequestContext& context, deploy::SettingsSync& sync) {
  ASSIGN_OR_RETURN(const bool flat, context.BoolQuery("flat_settings", false));
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true));
  ASSIGN_OR_RETURN(const config::ChangeRequest change, config::ParseChangeRequest(body));
  RETURN_IF_ERROR(sync.Change(change));
  json::object reply;
  reply["acknowledged"] = true;
  reply["persistent"] = Echo(change.persistent, flat);
  reply["transient"] = Echo(change.transient, flat);
  return JsonReply(context, reply);
}

}  // namespace

void AddClusterRoutes(RouteTable& table, deploy::NodeCore& node, const Readiness& readiness) {
  const AsyncHandler health = [site = HealthSite{node, readiness}](const std::shared_ptr<RequestContext>& context,
                                                                   Answer answer) {
    auto wish = ReadWish(*context, site.node.clock());
    if (!wish) return answer(std::move(wish).error());
    AnswerHealth(site, context, *std::move(wish), std::move(answer));
  };
  const std::vector<std::string> health_params = {"wait_for_status",
                                                  "wait_for_nodes",
                                                  "timeout",
                                                  "level",
                                                  "local",
                                                  "cluster_manager_timeout",
                                                  "master_timeout",
                                                  "wait_for_active_shards",
                                                  "wait_for_no_relocating_shards",
                                                  "wait_for_no_initializing_shards"};
  // Of an index too: there are none, so it says what the node is like.
  for (const char* pattern : {"/_cluster/health", "/_cluster/health/{index}"}) {
    table.Add({.method = "GET", .pattern = pattern, .async = health, .params = health_params});
  }
  table.Add({.method = "GET",
             .pattern = "/_cluster/settings",
             .handler = [&node](const RequestContext& context) { return GetSettings(context, node.settings()); },
             .params = {"flat_settings", "include_defaults", "local", "timeout", "cluster_manager_timeout",
                        "master_timeout"}});
  table.Add({.method = "PUT",
             .pattern = "/_cluster/settings",
             .handler = [&node](const RequestContext& context) { return PutSettings(context, node.settings_sync()); },
             .body = BodyUse::kJson,
             .params = {"flat_settings", "timeout", "cluster_manager_timeout", "master_timeout"}});
}

}  // namespace mlnode::rest
