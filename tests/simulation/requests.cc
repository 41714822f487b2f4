#include "simulation/requests.h"

#include <algorithm>
#include <utility>

#include "core/sha256.h"
#include "serving/testing/model_archive.h"

namespace mlnode::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMostModels = 12;
constexpr std::size_t kMostGroups = 8;
constexpr std::size_t kPartBytes = 1'500;
constexpr std::size_t kLongest = 16;  // tokens of a text: warming up with long ones takes most of the time otherwise

template <class Id>
Id AnyOf(World& world, const std::map<Id, Ledger::Facts>& known, const char* unknown) {
  if (known.empty() || world.OneIn(20)) return Id(unknown);
  auto found = known.begin();
  std::advance(found, static_cast<std::ptrdiff_t>(world.Below(known.size())));
  return found->first;
}

NodeId AnyNode(World& world) {
  return world.OneIn(world.alone() ? 2 : 20) ? NodeId("node-of-others") : world.Any().id();
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

std::vector<std::string> PartsOf(const std::string& archive) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < archive.size(); at += kPartBytes) parts.push_back(archive.substr(at, kPartBytes));
  return parts;
}

std::string ArchiveOf(const std::string& weights) {
  return serving::testing::ModelArchive(weights, serving::testing::TestTokenizer(kLongest));
}

void UploadPart(World& world, Member& at, const ModelId& model, std::uint32_t number, const std::string& bytes) {
  const Status added = at.core().registration().AddChunk(model, number, bytes);
  world.Trace("{}: chunk {} of {}: {}", at.id().str(), number, model.str(), added ? "stored" : Told(added.error()));
  // A client tries again what may work later, and elsewhere.
  if (added || (added.error().code != Code::kUnavailable && added.error().code != Code::kResourceExhausted)) return;
  Member& next = world.Any();
  next.RequestAfter(seconds(1),
                    [&world, &next, model, number, bytes] { UploadPart(world, next, model, number, bytes); });
}

enum class Kind : std::uint8_t { kSound, kIncomplete, kWrongHash, kCorrupt, kNotAZip };

template <class T>
Status Only(const Result<T>& result) {
  return result ? Status() : Status(result.error());
}

// Deletes what the ledger knows, or what never was.
template <class Id>
void NoteDelete(std::map<Id, Ledger::Facts>& ledger, const Id& id, const std::function<Status()>& remove) {
  const auto known = ledger.find(id);
  if (known == ledger.end()) {
    (void)remove().has_value();
    return;
  }
  // Counted before the call, which may be cut off: nobody knows then.
  ++known->second.deletes;
  const Status deleted = remove();
  if (deleted) known->second.delete_acknowledged = true;
  const bool refused =
      !deleted && (deleted.error().code == Code::kInvalidArgument || deleted.error().code == Code::kConflict);
  if (refused) --known->second.deletes;
}

void UndeployFrom(World& world, Member& at, const std::vector<ModelId>& models, const std::vector<NodeId>& nodes) {
  std::vector<std::shared_ptr<const Wish::Token>> tokens;
  for (const ModelId& model : models) tokens.push_back(world.ledger().wishes[model].Begin());
  at.Request([&world, &at, models, nodes, tokens] {
    const auto report = at.core().deploys().Undeploy(models, nodes);
    if (report && nodes.empty() && !report->nodes.empty())
      world.ledger().wishes[models[0]].Acknowledge(*tokens[0], deploy::PlanMode::kNone);
    world.Trace("{}: undeploy {} from {}: {}", at.id().str(), models[0].str(), nodes.empty() ? "all" : nodes[0].str(),
                report ? "ok" : Told(report.error()));
  });
}

}  // namespace

ModelId AnyModel(World& world) { return AnyOf(world, world.ledger().models, "never-registered"); }

std::string Told(const Error& error) { return fmt::format("{}: {}", CodeName(error.code), error.message); }

void Register(World& world, Member& at) {
  if (world.ledger().models.size() >= kMostModels) return;
  const Kind kind = world.OneIn(3) ? static_cast<Kind>(1 + world.Below(4)) : Kind::kSound;
  const std::string weights = (kind == Kind::kCorrupt ? "corrupt " : "weights ") + std::to_string(world.Below(1'000));
  const std::string archive = kind == Kind::kNotAZip ? std::string(2'000, 'x') : ArchiveOf(weights);
  const std::vector<std::string> parts = PartsOf(archive);
  models::RegisterInput input = InputOf(archive, static_cast<std::int64_t>(parts.size()));
  if (kind == Kind::kWrongHash) input.model.content_hash = std::string(64, '0');
  if (world.OneIn(3) && !world.ledger().groups.empty()) input.group = AnyOf(world, world.ledger().groups, "never-made");
  at.Request([&world, &at, input, parts, kind] {
    const auto id = at.core().registration().CreateMeta(input);
    world.Trace("{}: register kind {}: {}", at.id().str(), static_cast<int>(kind), id ? id->str() : Told(id.error()));
    if (!id) return;
    world.ledger().models.try_emplace(*id);
    const std::uint64_t missing = kind == Kind::kIncomplete ? world.Below(parts.size()) : parts.size();
    for (std::uint32_t number = 0; number < parts.size(); ++number) {
      if (number == missing) continue;
      Member& other = world.Any();
      other.RequestAfter(milliseconds(world.Below(world.alone() ? 2'000 : 700)),
                         [&world, &other, model = *id, number, bytes = parts[number]] {
                           UploadPart(world, other, model, number, bytes);
                         });
    }
  });
}

ModelId RegisterWhole(World& world, Member& at, const std::string& weights) {
  const std::string archive = ArchiveOf(weights);
  const std::vector<std::string> parts = PartsOf(archive);
  const auto id = at.core().registration().CreateMeta(InputOf(archive, static_cast<std::int64_t>(parts.size())));
  if (!id) return {};
  world.ledger().models.try_emplace(*id);
  for (std::uint32_t number = 0; number < parts.size(); ++number) {
    if (!at.core().registration().AddChunk(*id, number, parts[number])) return {};
  }
  return *id;
}

void Deploy(World& world, Member& at) {
  const ModelId model = AnyModel(world);
  std::vector<NodeId> nodes;
  if (world.OneIn(2)) {
    for (std::uint64_t n = 1 + world.Below(3); n > 0; --n) nodes.push_back(AnyNode(world));
    std::ranges::sort(nodes);
    nodes.erase(std::ranges::unique(nodes).begin(), nodes.end());
  }
  Wish& wish = world.ledger().wishes[model];
  at.Request([&world, &at, model, nodes, &wish, token = wish.Begin()] {
    const auto task = at.core().deploys().Deploy(model, nodes);
    if (task) wish.Acknowledge(*token, nodes.empty() ? deploy::PlanMode::kAll : deploy::PlanMode::kNodes);
    world.Trace("{}: deploy {} to {}: {}", at.id().str(), model.str(), nodes.size(),
                task ? task->str() : Told(task.error()));
    if (task) world.ledger().tasks.insert(*task);
  });
}

void Undeploy(World& world, Member& at) {
  std::vector<ModelId> models{AnyModel(world)};
  if (world.OneIn(4)) models.push_back(AnyModel(world));
  std::vector<NodeId> nodes;
  if (world.OneIn(world.alone() ? 4 : 2)) nodes = {AnyNode(world)};
  UndeployFrom(world, at, models, nodes);
}

void UndeployEverywhere(World& world, Member& at, const ModelId& model) { UndeployFrom(world, at, {model}, {}); }

void Delete(World& world, Member& at) {
  const ModelId model = AnyModel(world);
  at.Request([&world, &at, model] {
    NoteDelete<ModelId>(world.ledger().models, model, [&]() -> Status {
      const Status deleted = Only(at.core().deploys().Delete(model, at.core().registration()));
      world.Trace("{}: delete {}: {}", at.id().str(), model.str(), deleted ? "ok" : Told(deleted.error()));
      return deleted;
    });
  });
}

void MakeGroup(World& world, Member& at) {
  if (world.ledger().groups.size() >= kMostGroups) return;
  const std::string name = fmt::format("group {}", world.Below(3));
  at.Request([&world, &at, name] {
    const auto made = at.core().models().CreateGroup(name, std::nullopt);
    world.Trace("{}: make {}: {}", at.id().str(), name, made ? made->id.str() : Told(made.error()));
    if (made) world.ledger().groups.try_emplace(made->id);
  });
}

void DeleteGroup(World& world, Member& at) {
  const GroupId group = AnyOf(world, world.ledger().groups, "never-made");
  at.Request([&world, &at, group] {
    NoteDelete<GroupId>(world.ledger().groups, group, [&]() -> Status {
      const Status deleted = Only(at.core().models().RemoveGroup(group));
      world.Trace("{}: delete group {}: {}", at.id().str(), group.str(), deleted ? "ok" : Told(deleted.error()));
      return deleted;
    });
  });
}

void ChangeSettings(World& world, Member& at) {
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
      change.persistent[p + "exclude_nodes._name"] = world.OneIn(3) ? world.Any().options().name : "";
      break;
    case 1:
      change.persistent[p + "max_deploy_model_tasks_per_node"] = std::to_string(world.Below(3));
      break;
    default:
      limit = std::to_string(world.Below(5));
      change.persistent[p + "max_model_on_node"] = limit;
      break;
  }
  at.Request([&world, &at, change, limit] {
    Ledger& ledger = world.ledger();
    if (!limit.empty()) ledger.setting.clear();
    int open = 0;
    for (const Member* member : world.Running()) open += member->open_changes;
    ++at.open_changes;
    const int begun = ++ledger.setting_changes;
    const Status changed = at.core().settings_sync().Change(change);
    --at.open_changes;
    world.Trace("{}: settings {}: {}", at.id().str(), limit, changed ? "ok" : Told(changed.error()));
    // Two at once end in either order: then nobody knows which is in force.
    if (!changed || limit.empty() || open > 0 || begun != ledger.setting_changes) return;
    const auto now = at.core().settings().Current()->Int("plugins.ml_commons.max_model_on_node");
    if (std::to_string(now) != limit) world.Violate("acknowledged setting is not in force");
    ledger.setting = limit;
  });
}

void Enable(World& world, Member& at) {
  const ModelId model = AnyModel(world);
  const bool enabled = !world.OneIn(3);
  at.Request([&world, &at, model, enabled] {
    const auto updated = at.core().models().Update(model, [&](models::Model& document) -> Status {
      document.is_enabled = enabled;
      return {};
    });
    world.Trace("{}: enable {} {}: {}", at.id().str(), model.str(), enabled, updated ? "ok" : Told(updated.error()));
  });
}

void Control(World& world, Member& at) {
  const ModelId model = AnyModel(world);
  const bool made = !world.OneIn(4);
  at.Request([&world, &at, model, made] {
    deploy::ControllerService& controllers = at.core().controllers();
    const models::UserRateLimiters users{{"alice", {.limit = "4", .unit = "MINUTES"}}};
    const Status done = made ? Only(controllers.Create(model, users)) : Only(controllers.Delete(model));
    world.Trace("{}: controller {} of {}: {}", at.id().str(), made ? "made" : "deleted", model.str(),
                done ? "ok" : Told(done.error()));
  });
}

void LimitLife(World& world, Member& at) {
  const ModelId model = AnyModel(world);
  const std::int64_t minutes = static_cast<std::int64_t>(world.Below(3)) - 1;
  at.Request([&world, &at, model, minutes] {
    const auto updated = at.core().models().Update(model, [&](models::Model& document) -> Status {
      document.passthrough["deploy_setting"] = json::object{{"model_ttl_minutes", minutes}};
      return {};
    });
    world.Trace("{}: time to live of {} is {} min: {}", at.id().str(), model.str(), minutes,
                updated ? "ok" : Told(updated.error()));
  });
}

}  // namespace mlnode::simulation
