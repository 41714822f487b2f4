// GET profile: what runs on each node now: tasks under way, models in service or being loaded, and how long their
// newest predictions took (spec/tasks-profile-stats-settings §2).
#include <map>
#include <set>

#include "core/log.h"
#include "rest/cluster/fan_out.h"
#include "rest/resources/comma_list.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

// What the caller wants to see.
struct ProfileWish {
  bool all_models = false, all_tasks = false;
  std::set<std::string, std::less<>> models, tasks;
  std::set<std::string, std::less<>> nodes;  // empty: all
  bool memory = false;                       // ?memory: ours, not the peer's

  bool WantsModel(const ModelId& id) const { return all_models || models.contains(id.str()); }
  bool WantsTask(const TaskId& id) const { return all_tasks || tasks.contains(id.str()); }
};

// What a path without a body asks for.
enum class Scope : std::uint8_t { kAll, kModels, kTasks };

void InsertAll(const std::vector<std::string_view>& parts, std::set<std::string, std::less<>>& into) {
  for (const std::string_view part : parts) into.emplace(part);
}

ProfileWish WishOfPath(const RequestContext& context, Scope scope) {
  ProfileWish wish;
  InsertAll(SplitCommas(context.PathParam("model_id")), wish.models);
  InsertAll(SplitCommas(context.PathParam("task_id")), wish.tasks);
  const bool named = !context.path_params.empty();
  wish.all_models = !named && scope != Scope::kTasks;
  wish.all_tasks = !named && scope != Scope::kModels;
  return wish;
}

Status ReadIds(const json::object& body, std::string_view key, std::set<std::string, std::less<>>& into) {
  ASSIGN_OR_RETURN(auto ids, StringsField(body, key));
  if (ids) into.insert(ids->begin(), ids->end());
  return {};
}

// With a body the path says nothing.
Result<ProfileWish> WishOfBody(const RequestContext& context) {
  ASSIGN_OR_RETURN(const json::object body, ParseJsonObject(context.body()));
  ProfileWish wish;
  RETURN_IF_ERROR(ReadIds(body, "node_ids", wish.nodes));
  RETURN_IF_ERROR(ReadIds(body, "model_ids", wish.models));
  RETURN_IF_ERROR(ReadIds(body, "task_ids", wish.tasks));
  ASSIGN_OR_RETURN(const auto all_tasks, BoolField(body, "return_all_tasks"));
  ASSIGN_OR_RETURN(const auto all_models, BoolField(body, "return_all_models"));
  wish.all_tasks = all_tasks.value_or(false);
  wish.all_models = all_models.value_or(false);
  RETURN_IF_ERROR(CheckPathRead(context));
  return wish;
}

json::array Ids(const std::vector<NodeId>& nodes) {
  json::array ids;
  for (const NodeId& node : nodes) ids.emplace_back(node.str());
  return ids;
}

// What the model's answered predictions read.
json::object TextsForm(const serving::PredictCounts& counts) {
  return {
      {"documents", counts.documents.load()}, {"tokens", counts.tokens.load()}, {"truncated", counts.truncated.load()}};
}

// What the model's provider charges for.
json::object CostsForm(const serving::RemoteCosts& costs) {
  return {{"calls", costs.calls.load()},
          {"failed_calls", costs.failures.load()},
          {"documents", costs.documents.load()},
          {"tokens", costs.tokens.load()}};
}

void AddSummary(std::string_view name, const serving::LatencyWindow& window, std::int64_t limit, json::object& form) {
  const auto summary = serving::Summarize(window.Newest(limit));
  if (!summary) return;
  form[name] = {{"count", summary->count}, {"max", summary->max}, {"min", summary->min}, {"average", summary->average},
                {"p50", summary->p50},     {"p90", summary->p90}, {"p99", summary->p99}};
}

// What the peer expects a model of this archive to take (its factors), whatever was measured.
std::optional<std::uint64_t> PeerEstimate(const models::Model& model) {
  if (!model.content_bytes || !model.format || !models::TraitsOf(model.function).local) return std::nullopt;
  const double factor = *model.format == engines::ModelFormat::kOnnx ? 1.5 : 1.2;
  return static_cast<std::uint64_t>(static_cast<double>(*model.content_bytes) * factor);
}

// A model on this node. The parts that say where it is deployed stand apart: the view by model shows them once.
struct ModelProfile {
  json::object here;
  json::array targets, workers;
};

class Profile {
 public:
  Profile(deploy::NodeCore& node, const ProfileWish& wish) : node_(node), wish_(wish) {
    if (!wish.nodes.empty() && !wish.nodes.contains(node.self().id.str())) return;
    ReadModels();
    ReadTasks();
    if (wish.memory) ReadMemory();
  }

  json::object ByNode() const {
    json::object here;
    if (!tasks_.empty()) {
      json::object tasks;
      for (const auto& [id, task] : tasks_) tasks[id.str()] = TaskForm(task);
      here["tasks"] = std::move(tasks);
    }
    if (!models_.empty()) {
      json::object models;
      for (const auto& [id, model] : models_) models[id.str()] = NodeForm(model);
      here["models"] = std::move(models);
    }
    if (!memory_.empty()) here["memory"] = memory_;
    if (here.empty()) return {};
    return {{"nodes", {{node_.self().id.str(), std::move(here)}}}};
  }

  json::object ByModel() const {
    json::object models;
    for (const auto& [id, model] : models_) {
      json::object form{{"target_worker_nodes", model.targets}, {"worker_nodes", model.workers}};
      form["nodes"] = {{node_.self().id.str(), model.here}};
      models[id.str()] = std::move(form);
    }
    for (const auto& [id, task] : tasks_) {
      if (!task.model) continue;  // a registration has no model yet
      json::value& form = models[task.model->str()];
      if (!form.is_object()) form = {{"target_worker_nodes", Ids(task.worker_nodes)}, {"worker_nodes", json::array()}};
      json::value& tasks = form.as_object()["tasks"];
      if (!tasks.is_object()) tasks = json::object();
      tasks.as_object()[id.str()] = TaskForm(task);
    }
    if (models.empty()) return {};
    return {{"models", std::move(models)}};
  }

 private:
  static json::object NodeForm(const ModelProfile& model) {
    json::object form;
    // In the peer's order: the lists stand behind the predictor.
    for (const std::string_view key : {"model_state", "predictor"}) {
      if (const json::value* value = model.here.if_contains(key)) form[key] = *value;
    }
    if (!model.targets.empty()) form["target_worker_nodes"] = model.targets;
    if (!model.workers.empty()) form["worker_nodes"] = model.workers;
    for (const auto& [key, value] : model.here) form.emplace(key, value);
    return form;
  }

  // The document of a registration says CREATED until its end; a profile says what goes on.
  static json::object TaskForm(const tasks::TaskRecord& task) {
    json::object form{{"task_id", task.id.str()}};
    for (auto& [key, value] : tasks::PublicForm(task)) form[key] = std::move(value);
    form["state"] = tasks::TaskStateName(tasks::TaskState::kRunning);
    return form;
  }

  void ReadModels() {
    if (!wish_.all_models && wish_.models.empty()) return;
    std::map<ModelId, serving::LocalModel> local;
    for (serving::LocalModel& model : node_.local_models().List()) {
      if (model.state == serving::LocalState::kFailed) continue;
      ModelId id = model.model;
      local.emplace(std::move(id), std::move(model));
    }
    for (const deploy::DeployService::View& view : node_.deploys().List()) {
      if (!wish_.WantsModel(view.model.id)) continue;
      const auto found = local.find(view.model.id);
      if (found == local.end() && view.deployment.workers.empty()) continue;
      ModelProfile profile;
      profile.workers = Ids(view.deployment.workers);
      if (found != local.end()) {
        profile.targets = Ids(view.deployment.planned);
        profile.here = Here(view.model, found->second);
      }
      models_.emplace(view.model.id, std::move(profile));
    }
  }

  json::object Here(const models::Model& model, const serving::LocalModel& local) const {
    json::object form;
    const bool ready = local.state == serving::LocalState::kReady;
    form["model_state"] = ready ? "DEPLOYED" : "DEPLOYING";
    if (local.info) form["predictor"] = fmt::format("{}@{:08x}", local.info->engine, local.generation);
    const auto servable = node_.local_models().Find(model.id);
    if (const auto* latencies = servable ? servable->latencies() : nullptr) {
      const std::int64_t limit = node_.settings().Current()->Int("plugins.ml_commons.monitoring_request_count");
      AddSummary("model_inference_stats", latencies->inference, limit, form);
      AddSummary("predict_request_stats", latencies->request, limit, form);
      // Clients of the peer know no such field: only for those who ask for what is ours.
      if (wish_.memory) form["texts"] = TextsForm(latencies->counts);
    }
    if (const auto estimate = PeerEstimate(model)) {
      form["memory_size_estimation_cpu"] = *estimate;
      form["memory_size_estimation_gpu"] = *estimate;
    }
    if (const auto* costs = servable && wish_.memory ? servable->costs() : nullptr) form["remote"] = CostsForm(*costs);
    if (wish_.memory && local.info && local.function != models::FunctionName::kRemote) {
      const serving::ServableInfo& info = *local.info;
      json::object memory{{"reserved_for_load_bytes", info.peak_bytes}};
      if (info.measured) memory["measured_bytes"] = info.resident_bytes;
      if (info.shares_weights) memory["shares_weights"] = true;
      memory["reserved_bytes"] =
          info.shares_weights ? info.resident_bytes : std::min(info.peak_bytes, info.resident_bytes);
      form["memory"] = std::move(memory);
      form["precision"] = {{"is", engines::PrecisionName(info.precision)},
                           {"agreement_with_f32", info.agreement},
                           {"batched", info.batched}};
      if (!info.precision_reason.empty()) form["precision"].as_object()["reason"] = info.precision_reason;
    }
    return form;
  }

  void ReadTasks() {
    if (!wish_.all_tasks && wish_.tasks.empty()) return;
    const NodeId& self = node_.self().id;
    for (tasks::TaskRecord& task : node_.tasks().InProgress()) {
      const bool here = std::ranges::find(task.worker_nodes, self) != task.worker_nodes.end();
      if (!here || !wish_.WantsTask(task.id)) continue;
      TaskId id = task.id;
      tasks_.emplace(std::move(id), std::move(task));
    }
  }

  void ReadMemory() {
    const serving::MemoryBudget& budget = node_.budget();
    const std::uint64_t limit = budget.limit();
    const std::uint64_t reserved = budget.Reserved();
    memory_ = {{"limit_bytes", limit}, {"reserved_bytes", reserved}, {"free_bytes", limit - std::min(limit, reserved)}};
  }

  deploy::NodeCore& node_;
  const ProfileWish& wish_;
  std::map<TaskId, tasks::TaskRecord> tasks_;
  std::map<ModelId, ModelProfile> models_;
  json::object memory_;
};

Result<ProfileWish> WishOf(const RequestContext& context, Scope scope) {
  return context.body().empty() ? WishOfPath(context, scope) : WishOfBody(context);
}

Result<json::object> ProfileBody(const RequestContext& context, deploy::NodeCore& node, Scope scope) {
  ASSIGN_OR_RETURN(ProfileWish wish, WishOf(context, scope));
  ASSIGN_OR_RETURN(wish.memory, context.BoolQuery("memory", false));
  const std::string_view view = context.Query("view").value_or("node");
  const Profile profile(node, wish);
  if (view == "node") return profile.ByNode();
  if (view == "model") return profile.ByModel();
  return json::object();
}

// By node, each has its own; by model, where it is deployed is said once, by whoever knows. Where one node has
// something to say, every node that was asked for and answers is named, as the peer does.
void AddNodes(const ProfileWish& wish, const NodeId& self, json::object& mine, std::vector<PeerAnswer> others) {
  std::vector<NodeId> answering = {self};
  for (PeerAnswer& other : others) {
    if (!other.body) continue;
    answering.push_back(other.node.node);
    MergeObjects(mine, std::move(*other.body));
  }
  json::value* nodes = mine.if_contains("nodes");
  if (nodes == nullptr) return;
  for (const NodeId& node : answering) {
    if (wish.nodes.empty() || wish.nodes.contains(node.str())) nodes->as_object().emplace(node.str(), json::object());
  }
}

}  // namespace

void AddProfileRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers) {
  constexpr std::pair<const char*, Scope> kPaths[] = {{"", Scope::kAll},
                                                      {"/models", Scope::kModels},
                                                      {"/models/{model_id}", Scope::kModels},
                                                      {"/tasks", Scope::kTasks},
                                                      {"/tasks/{task_id}", Scope::kTasks}};
  for (const auto& [path, scope] : kPaths) {
    table.Add(FannedOut(
        {.method = "GET",
         .pattern = fmt::format("{}/profile{}", kMlBase, path),
         .body = BodyUse::kJson,
         .params = {"view", "memory"}},
        {.own = [&node, scope = scope](const RequestContext& context) { return ProfileBody(context, node, scope); },
         .merge =
             [&node, scope = scope](const RequestContext& context, json::object& mine, std::vector<PeerAnswer> others) {
               const Result<ProfileWish> wish = WishOf(context, scope);
               if (wish) AddNodes(*wish, node.self().id, mine, std::move(others));
             }},
        node, peers));
  }
}

}  // namespace mlnode::rest
