#include "simulation/schedule.h"

#include <array>

#include "core/sha256.h"
#include "serving/testing/model_archive.h"

namespace mlnode::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using storage::testing::PartFault;
using storage::testing::WriteFault;

constexpr std::size_t kMostModels = 6;
constexpr std::size_t kPartBytes = 1'500;
const NodeId kSelf{"node-1"};

std::string Told(const Error& error) { return fmt::format("{}: {}", CodeName(error.code), error.message); }

// An existing model mostly, sometimes one that never was.
ModelId AnyModel(World& world) {
  auto& models = world.ledger().models;
  if (models.empty() || world.OneIn(20)) return ModelId("never-registered");
  auto found = models.begin();
  std::advance(found, static_cast<std::ptrdiff_t>(world.Below(models.size())));
  return found->first;
}

models::RegisterInput InputOf(const std::string& archive, std::int64_t parts) {
  models::RegisterInput input;
  input.model.name = "m";
  input.model.function = models::FunctionName::kTextEmbedding;
  input.model.format = engines::ModelFormat::kOnnx;
  input.model.config =
      json::object{{"model_type", "bert"}, {"embedding_dimension", 8}, {"framework_type", "HUGGINGFACE_TRANSFORMERS"}};
  input.model.content_hash = Sha256Hex(archive);
  input.model.total_chunks = parts;
  return input;
}

void UploadPart(World& world, const ModelId& model, std::uint32_t number, const std::string& bytes) {
  const Status added = world.node().registration().AddChunk(model, number, bytes);
  world.Trace("chunk {} of {}: {}", number, model.str(), added ? "stored" : Told(added.error()));
  // A client tries again what may work later.
  if (!added && (added.error().code == Code::kUnavailable || added.error().code == Code::kResourceExhausted)) {
    world.RequestAfter(seconds(1), [&world, model, number, bytes] { UploadPart(world, model, number, bytes); });
  }
}

enum class Kind : std::uint8_t { kSound, kIncomplete, kWrongHash, kCorrupt, kNotAZip };

void Register(World& world) {
  if (world.ledger().models.size() >= kMostModels * 2) return;
  const Kind kind = world.OneIn(3) ? static_cast<Kind>(1 + world.Below(4)) : Kind::kSound;
  const std::string weights = (kind == Kind::kCorrupt ? "corrupt " : "weights ") + std::to_string(world.Below(1'000));
  std::string archive = serving::testing::ModelArchive(weights, serving::testing::TestTokenizer());
  if (kind == Kind::kNotAZip) archive = std::string(2'000, 'x');
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < archive.size(); at += kPartBytes) parts.push_back(archive.substr(at, kPartBytes));
  models::RegisterInput input = InputOf(archive, static_cast<std::int64_t>(parts.size()));
  if (kind == Kind::kWrongHash) input.model.content_hash = std::string(64, '0');
  world.Request([&world, input, parts, kind] {
    const auto id = world.node().registration().CreateMeta(input);
    world.Trace("register kind {}: {}", static_cast<int>(kind), id ? id->str() : Told(id.error()));
    if (!id) return;
    world.ledger().models[*id].loads = kind == Kind::kSound;
    const std::uint64_t missing = kind == Kind::kIncomplete ? world.Below(parts.size()) : parts.size();
    for (std::uint32_t number = 0; number < parts.size(); ++number) {
      if (number == missing) continue;
      world.RequestAfter(milliseconds(world.Below(2'000)), [&world, model = *id, number, bytes = parts[number]] {
        UploadPart(world, model, number, bytes);
      });
    }
  });
}

template <class T>
Status Only(const Result<T>& result) {
  return result ? Status() : Status(result.error());
}

void Deploy(World& world) {
  const ModelId model = AnyModel(world);
  std::vector<NodeId> nodes;
  switch (world.Below(6)) {
    case 0:
      nodes = {kSelf};
      break;
    case 1:
      nodes = {kSelf, NodeId("node-2")};
      break;
    case 2:
      nodes = {NodeId("node-2")};
      break;
    default:
      break;
  }
  world.Request([&world, model, nodes] {
    const auto task = world.node().deploys().Deploy(model, nodes);
    world.Trace("deploy {} to {}: {}", model.str(), nodes.size(), task ? task->str() : Told(task.error()));
    if (task) world.ledger().tasks.insert(*task);
  });
}

void Undeploy(World& world) {
  std::vector<ModelId> models{AnyModel(world)};
  if (world.OneIn(4)) models.push_back(AnyModel(world));
  std::vector<NodeId> nodes;
  if (world.OneIn(4)) nodes = {world.OneIn(4) ? NodeId("node-2") : kSelf};
  world.Request([&world, models, nodes] {
    const auto report = world.node().deploys().Undeploy(models, nodes);
    world.Trace("undeploy {}: {}", models[0].str(), report ? "ok" : Told(report.error()));
  });
}

void Delete(World& world) {
  const ModelId model = AnyModel(world);
  world.Request([&world, model] {
    const auto known = world.ledger().models.find(model);
    const bool refused_before = known == world.ledger().models.end();
    // Set before the call, which may be cut off: nobody knows then.
    const bool tried = refused_before || std::exchange(known->second.delete_tried, true);
    const auto deleted = world.node().deploys().Delete(model, world.node().registration());
    world.Trace("delete {}: {}", model.str(), deleted ? "ok" : Told(deleted.error()));
    if (refused_before) return;
    if (deleted) known->second.delete_acknowledged = true;
    if (!deleted && deleted.error().code == Code::kInvalidArgument) known->second.delete_tried = tried;
  });
}

void ChangeSettings(World& world) {
  const std::string p = "plugins.ml_commons.";
  config::ChangeRequest change;
  std::string limit;
  switch (world.Below(6)) {
    case 4:
      change.persistent[p + "model_auto_redeploy.enable"] = world.OneIn(2) ? "true" : "false";
      break;
    case 5:
      change.persistent[p + "only_run_on_ml_node"] = world.OneIn(2) ? "true" : "false";
      break;
    case 0:
      change.persistent[p + "exclude_nodes._name"] = world.OneIn(3) ? "node-1" : "";
      break;
    case 1:
      change.persistent[p + "max_deploy_model_tasks_per_node"] = std::to_string(world.Below(3));
      break;
    default:
      limit = std::to_string(world.Below(5));
      change.persistent[p + "max_model_on_node"] = limit;
      break;
  }
  world.Request([&world, change, limit] {
    Ledger& ledger = world.ledger();
    if (!limit.empty()) ledger.setting.clear();
    const bool alone = ledger.open_changes++ == 0;
    const int begun = ++ledger.setting_changes;
    const Status changed = world.node().settings_sync().Change(change);
    --ledger.open_changes;
    world.Trace("settings {}: {}", limit, changed ? "ok" : Told(changed.error()));
    // Two at once end in either order: then nobody knows which is in force.
    if (!changed || limit.empty() || !alone || begun != ledger.setting_changes) return;
    const auto now = world.node().settings().Current()->Int("plugins.ml_commons.max_model_on_node");
    if (std::to_string(now) != limit) world.Violate("acknowledged setting is not in force");
    ledger.setting = limit;
  });
}

void Enable(World& world) {
  const ModelId model = AnyModel(world);
  const bool enabled = !world.OneIn(3);
  world.Request([&world, model, enabled] {
    const auto updated = world.node().models().Update(model, [&](models::Model& document) -> Status {
      document.is_enabled = enabled;
      return {};
    });
    world.Trace("enable {} {}: {}", model.str(), enabled, updated ? "ok" : Told(updated.error()));
  });
}

void Control(World& world) {
  const ModelId model = AnyModel(world);
  const bool made = !world.OneIn(4);
  world.Request([&world, model, made] {
    deploy::ControllerService& controllers = world.node().controllers();
    const models::UserRateLimiters users{{"alice", {.limit = "4", .unit = "MINUTES"}}};
    const Status done = made ? Only(controllers.Create(model, users)) : Only(controllers.Delete(model));
    world.Trace("controller {} of {}: {}", made ? "made" : "deleted", model.str(), done ? "ok" : Told(done.error()));
  });
}

void LimitLife(World& world) {
  const ModelId model = AnyModel(world);
  const std::int64_t minutes = static_cast<std::int64_t>(world.Below(3)) - 1;
  world.Request([&world, model, minutes] {
    const auto updated = world.node().models().Update(model, [&](models::Model& document) -> Status {
      document.passthrough["deploy_setting"] = json::object{{"model_ttl_minutes", minutes}};
      return {};
    });
    world.Trace("time to live of {} is {} min: {}", model.str(), minutes, updated ? "ok" : Told(updated.error()));
  });
}

void Break(World& world) {
  const int nth = 1 + static_cast<int>(world.Below(6));
  switch (world.Below(6)) {
    case 0:
      world.store().FailPart(nth, world.OneIn(2) ? PartFault::kDiskFull : PartFault::kSyncFailed);
      break;
    case 1:
      world.store().FailFreshReads(nth);
      break;
    default: {
      constexpr std::array kFaults{WriteFault::kUnavailable, WriteFault::kDiskFull, WriteFault::kLostDone,
                                   WriteFault::kLostNotDone};
      world.store().FailWrite(nth, kFaults.at(world.Below(kFaults.size())));
    }
  }
  world.Trace("a fault is due");
}

void ChangeEngine(World& world) {
  world.SetSlowLoads(Duration::zero());
  world.SetFailingLoads(std::nullopt);
  switch (world.Below(4)) {
    case 0:
      world.SetSlowLoads(seconds(1 + world.Below(10)));
      break;
    case 1:
      world.SetSlowLoads(seconds(World::kDeadlineSeconds * 2));
      break;
    case 2:
      world.SetFailingLoads(MakeError(Code::kResourceExhausted, "the engine has no memory"));
      break;
    default:
      break;
  }
  world.Trace("the engine behaves differently");
}

struct Act {
  std::uint64_t weight;
  void (*run)(World&);
};
constexpr std::array<Act, 12> kActs{{
    {22, Register},
    {30, Deploy},
    {14, Undeploy},
    {10, Delete},
    {16, [](World& world) { Predict(world, AnyModel(world), false); }},
    {5, ChangeSettings},
    {4, Enable},
    {6, Control},
    {5, LimitLife},
    {10, Break},
    {5, ChangeEngine},
    {5, [](World& world) { world.CrashAfter(1 + static_cast<int>(world.Below(12))); }},
}};

}  // namespace

void ActAtRandom(World& world) {
  std::uint64_t total = 0;
  for (const Act& act : kActs) total += act.weight;
  std::uint64_t drawn = world.Below(total);
  for (const Act& act : kActs) {
    if (drawn < act.weight) return act.run(world);
    drawn -= act.weight;
  }
}

void Predict(World& world, const ModelId& model, bool must_work) {
  world.Request([&world, model, must_work] {
    const auto refuse = [&](const Error& error) {
      world.Trace("predict {}: {}", model.str(), Told(error));
      if (must_work) world.Violate("deployed model " + model.str() + " does not predict: " + error.message);
    };
    deploy::PredictGate& gate = world.node().gate();
    if (const auto found = gate.Find(model); !found) return refuse(found.error());
    auto pass = gate.Admit({.model = model});
    if (!pass) return refuse(pass.error());
    auto owner = std::make_shared<const std::string>("the cat sat");
    serving::PredictRequest request;
    request.texts = {*owner};
    request.owner = owner;
    request.deadline = Deadline::After(world.clock(), seconds(20));
    ++world.ledger().open_predictions;
    pass->servable->Predict(
        std::move(request), pass->servable,
        [&world, model, must_work, answered = false](Result<serving::PredictResult> result) mutable {
          if (std::exchange(answered, true)) world.Violate("a prediction was answered twice");
          --world.ledger().open_predictions;
          world.Trace("predict {}: {}", model.str(), result ? "ok" : Told(result.error()));
          if (result) ++world.ledger().predictions;
          if (!result && must_work) world.Violate("a deployed model failed: " + Told(result.error()));
        });
  });
}

}  // namespace mlnode::simulation
