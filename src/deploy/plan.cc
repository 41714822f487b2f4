#include "deploy/plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "storage/document_format.h"

namespace mlnode::deploy {
namespace {

constexpr std::array<std::pair<PlanMode, std::string_view>, 3> kModes{
    {{PlanMode::kNone, "none"}, {PlanMode::kAll, "all"}, {PlanMode::kNodes, "nodes"}}};
constexpr std::array<std::pair<Outcome::Kind, std::string_view>, 4> kOutcomes{
    {{Outcome::Kind::kDeployed, "deployed"},
     {Outcome::Kind::kPartial, "partial"},
     {Outcome::Kind::kFailed, "failed"},
     {Outcome::Kind::kCancelled, "cancelled"}}};
constexpr std::array<std::pair<PlacementState, std::string_view>, 3> kPlacementStates{
    {{PlacementState::kLoading, "loading"}, {PlacementState::kLoaded, "loaded"}, {PlacementState::kFailed, "failed"}}};

template <class Table, class Value>
std::string_view NameOf(const Table& table, Value value) {
  for (const auto& [candidate, name] : table) {
    if (candidate == value) return name;
  }
  return "?";
}

// Reads the fields of one document; the first that does not fit decides `status`, the rest keep their defaults.
class Fields {
 public:
  Fields(const json::object& body, std::string what) : body_(body), what_(std::move(what)) {}

  std::string Text(std::string_view key) { return Take(StringField(body_, key), key).value_or(std::string()); }
  std::int64_t Int(std::string_view key) { return Take(IntField(body_, key), key).value_or(0); }
  std::uint64_t Count(std::string_view key) {
    const std::int64_t value = Int(key);
    if (value < 0) Fail(key, "is negative");
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }
  std::optional<std::int64_t> MaybeInt(std::string_view key) {
    auto field = IntField(body_, key);
    if (field) return *field;
    Fail(key, field.error().message);
    return std::nullopt;
  }
  std::uint64_t MaybeCount(std::string_view key) {  // 0 when absent
    const std::int64_t value = MaybeInt(key).value_or(0);
    if (value < 0) Fail(key, "is negative");
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }
  std::string MaybeText(std::string_view key) {  // empty when absent
    auto field = StringField(body_, key);
    if (!field) Fail(key, field.error().message);
    return field ? field->value_or(std::string()) : std::string();
  }
  bool Bool(std::string_view key) { return Take(BoolField(body_, key), key).value_or(false); }
  bool Flag(std::string_view key) {  // false when absent: of a field that came later
    auto field = BoolField(body_, key);
    if (!field) Fail(key, field.error().message);
    return field && field->value_or(false);
  }
  std::vector<std::string> Texts(std::string_view key) {
    return Take(StringsField(body_, key), key).value_or(std::vector<std::string>());
  }
  std::uint64_t Hex(std::string_view key) {
    const std::string text = Text(key);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size()) Fail(key, "is not a hexadecimal number");
    return value;
  }
  template <class Value, std::size_t kSize>
  Value Enum(std::string_view key, const std::array<std::pair<Value, std::string_view>, kSize>& table) {
    const std::string text = Text(key);
    for (const auto& [value, name] : table) {
      if (name == text) return value;
    }
    Fail(key, fmt::format("has the unknown value \"{}\"", text));
    return table.front().first;
  }
  const json::object* Object(std::string_view key) {
    auto field = ObjectField(body_, key);
    if (field) return *field;
    Fail(key, field.error().message);
    return nullptr;
  }
  void Fail(std::string_view key, std::string_view why) {
    if (!error_) error_ = MakeError(Code::kDataLoss, fmt::format("{}: field {} {}", what_, key, why));
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  template <class T>
  std::optional<T> Take(Result<std::optional<T>> field, std::string_view key) {
    if (!field) {
      Fail(key, field.error().message);
      return std::nullopt;
    }
    if (!*field) Fail(key, "is missing");
    return std::move(field).value();
  }

  const json::object& body_;
  const std::string what_;
  std::optional<Error> error_;
};

template <class IdType>
std::vector<IdType> ToIds(std::vector<std::string> texts) {
  std::vector<IdType> ids;
  ids.reserve(texts.size());
  for (std::string& text : texts) ids.emplace_back(std::move(text));
  return ids;
}

template <class IdType>
json::array ToArray(const std::vector<IdType>& ids) {
  json::array array;
  for (const IdType& id : ids) array.emplace_back(id.str());
  return array;
}

// IntField reads signed numbers only, and a document may be read before it went through text.
std::int64_t Number(std::uint64_t count) { return static_cast<std::int64_t>(count); }

std::string HexOf(std::uint64_t incarnation) { return fmt::format("{:016x}", incarnation); }

Outcome ReadOutcome(Fields& fields, const json::object& body, const std::string& what) {
  Fields inner(body, what + ": outcome");
  Outcome outcome{.kind = inner.Enum("kind", kOutcomes), .at = inner.Int("at"), .reason = inner.Text("reason")};
  if (inner.error()) fields.Fail("outcome", inner.error()->message);
  return outcome;
}

}  // namespace

Plan Undeployed(Plan plan, EpochMillis now) {
  ++plan.generation;
  plan.mode = PlanMode::kNone;
  plan.nodes.clear();
  plan.reference_precision = false;
  plan.requested_at = now;
  plan.outcome.reset();
  return plan;
}

storage::Key PlanKey(const ModelId& model) { return {storage::Collection::kPlans, model.str()}; }
storage::Key PlacementKey(const NodeId& node, const ModelId& model) {
  return {storage::Collection::kPlacements, node.str() + "/" + model.str()};
}
storage::Key LeaseKey(const NodeId& node) { return {storage::Collection::kLeases, node.str()}; }
storage::Key BegunKey(const NodeId& node) { return {storage::Collection::kBegun, node.str()}; }

bool IsUndeployed(const storage::Store& store, const ModelId& model) {
  const auto plan = store.Get(PlanKey(model));
  const json::value* mode = plan ? (*plan)->body.if_contains("mode") : nullptr;
  return mode != nullptr && mode->is_string() && mode->get_string() == NameOf(kModes, PlanMode::kNone);
}

bool PlansFor(const storage::Document& plan, const NodeId& node) {
  const json::value* mode = plan.body.if_contains("mode");
  if (mode == nullptr || !mode->is_string() || mode->get_string() == NameOf(kModes, PlanMode::kNone)) return false;
  if (mode->get_string() == NameOf(kModes, PlanMode::kAll)) return true;
  const json::value* nodes = plan.body.if_contains("nodes");
  return nodes != nullptr && nodes->is_array() && std::ranges::any_of(nodes->get_array(), [&](const json::value& one) {
           return one.is_string() && one.get_string() == node.str();
         });
}

bool SaysLoaded(const storage::Document& placement, std::uint64_t incarnation) {
  const json::value* state = placement.body.if_contains("state");
  const json::value* written_by = placement.body.if_contains("incarnation");
  if (state == nullptr || !state->is_string() || written_by == nullptr || !written_by->is_string()) return false;
  return state->get_string() == NameOf(kPlacementStates, PlacementState::kLoaded) &&
         written_by->get_string() == HexOf(incarnation);
}

bool SaysInUse(const storage::Document& placement, std::uint64_t incarnation) {
  const json::value* written_by = placement.body.if_contains("incarnation");
  return written_by != nullptr && written_by->is_string() && written_by->get_string() == HexOf(incarnation) &&
         !placement.body.contains("expired");
}

Result<Plan> ReadPlan(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  const std::string what = "plan " + document.key.id;
  Fields fields(document.body, what);
  Plan plan;
  plan.model = ModelId(document.key.id);
  plan.mode = fields.Enum("mode", kModes);
  plan.nodes = ToIds<NodeId>(fields.Texts("nodes"));
  plan.to_all = fields.Bool("to_all");
  plan.generation = fields.Count("generation");
  plan.tasks = ToIds<TaskId>(fields.Texts("tasks"));
  plan.requested_at = fields.Int("requested_at");
  plan.deadline = fields.Int("deadline");
  if (const json::object* outcome = fields.Object("outcome")) plan.outcome = ReadOutcome(fields, *outcome, what);
  plan.last_deployed_time = fields.MaybeInt("last_deployed_time");
  plan.early = fields.Flag("early");
  plan.remote = fields.Flag("remote");
  plan.succeeded = fields.Flag("succeeded");
  plan.reference_precision = fields.Flag("reference_precision");
  plan.revision = document.revision;
  if (fields.error()) return *fields.error();
  return plan;
}

json::object StoredForm(const Plan& plan) {
  json::object body{{"mode", NameOf(kModes, plan.mode)},
                    {"nodes", ToArray(plan.nodes)},
                    {"to_all", plan.to_all},
                    {"generation", Number(plan.generation)},
                    {"tasks", ToArray(plan.tasks)},
                    {"requested_at", plan.requested_at},
                    {"deadline", plan.deadline}};
  if (plan.outcome) {
    body["outcome"] = json::object{
        {"kind", NameOf(kOutcomes, plan.outcome->kind)}, {"at", plan.outcome->at}, {"reason", plan.outcome->reason}};
  }
  if (plan.last_deployed_time) body["last_deployed_time"] = *plan.last_deployed_time;
  if (plan.early) body["early"] = true;
  if (plan.remote) body["remote"] = true;
  if (plan.succeeded) body["succeeded"] = true;
  if (plan.reference_precision) body["reference_precision"] = true;
  return body;
}

Result<Placement> ReadPlacement(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  Fields fields(document.body, "placement " + document.key.id);
  Placement placement;
  const std::size_t slash = document.key.id.find('/');
  if (slash == std::string::npos) {
    fields.Fail("id", "has no /");
  } else {
    placement.node = NodeId(document.key.id.substr(0, slash));
    placement.model = ModelId(document.key.id.substr(slash + 1));
  }
  placement.generation = fields.Count("generation");
  placement.incarnation = fields.Hex("incarnation");
  placement.state = fields.Enum("state", kPlacementStates);
  placement.phase = fields.Text("phase");
  placement.done_bytes = fields.Count("done_bytes");
  placement.total_bytes = fields.Count("total_bytes");
  placement.reason = fields.Text("reason");
  placement.retryable = fields.Bool("retryable");
  placement.expired = fields.Flag("expired");
  placement.since = fields.Int("since");
  placement.progressed_at = fields.Int("progressed_at");
  placement.revision = document.revision;
  if (fields.error()) return *fields.error();
  return placement;
}

json::object StoredForm(const Placement& placement) {
  json::object body{{"generation", Number(placement.generation)},
                    {"incarnation", HexOf(placement.incarnation)},
                    {"state", NameOf(kPlacementStates, placement.state)},
                    {"phase", placement.phase},
                    {"done_bytes", Number(placement.done_bytes)},
                    {"total_bytes", Number(placement.total_bytes)},
                    {"reason", placement.reason},
                    {"retryable", placement.retryable},
                    {"since", placement.since},
                    {"progressed_at", placement.progressed_at}};
  if (placement.expired) body["expired"] = true;
  return body;
}

Result<Lease> ReadLease(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  Fields fields(document.body, "lease " + document.key.id);
  Lease lease;
  lease.node = NodeId(document.key.id);
  lease.incarnation = fields.Hex("incarnation");
  lease.beat = fields.Count("beat");
  lease.name = fields.Text("name");
  lease.roles = fields.Texts("roles");
  lease.address = fields.Text("address");
  lease.version = fields.Text("version");
  lease.started_at = fields.Int("started_at");
  if (const json::object* attributes = fields.Object("attributes")) {
    for (const auto& entry : *attributes) {
      if (entry.value().is_string()) lease.attributes[std::string(entry.key())] = entry.value().get_string();
    }
  }
  lease.memory_bytes = fields.MaybeCount("memory_bytes");
  lease.lanes = fields.MaybeCount("lanes");
  lease.fast_precision = fields.MaybeText("fast_precision");
  lease.leaving = fields.Flag("leaving");
  lease.revision = document.revision;
  if (fields.error()) return *fields.error();
  return lease;
}

json::object StoredForm(const Lease& lease) {
  json::array roles;
  for (const std::string& role : lease.roles) roles.emplace_back(role);
  json::object body{{"incarnation", HexOf(lease.incarnation)},
                    {"beat", Number(lease.beat)},
                    {"name", lease.name},
                    {"roles", std::move(roles)},
                    {"address", lease.address},
                    {"version", lease.version},
                    {"started_at", lease.started_at}};
  json::object attributes;
  for (const auto& [name, value] : lease.attributes) attributes[name] = value;
  if (!attributes.empty()) body["attributes"] = std::move(attributes);
  if (lease.memory_bytes > 0) body["memory_bytes"] = Number(lease.memory_bytes);
  if (lease.lanes > 0) body["lanes"] = Number(lease.lanes);
  if (!lease.fast_precision.empty()) body["fast_precision"] = lease.fast_precision;
  if (lease.leaving) body["leaving"] = true;
  return body;
}

Result<BegunLoads> ReadBegun(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  const std::string what = "begun loads of " + document.key.id;
  Fields fields(document.body, what);
  BegunLoads begun;
  const json::object* models = fields.Object("models");
  if (models == nullptr) fields.Fail("models", "is missing");
  if (fields.error()) return *fields.error();
  for (const auto& entry : *models) {
    const json::object* one = entry.value().if_object();
    if (one == nullptr) return MakeError(Code::kDataLoss, what + ": models holds something that is not an object");
    Fields inner(*one, what + ": models");
    begun[ModelId(std::string(entry.key()))] = {.generation = inner.Count("generation"),
                                                .incarnation = inner.Hex("incarnation"),
                                                .count = inner.Count("count")};
    if (inner.error()) return *inner.error();
  }
  return begun;
}

json::object StoredForm(const BegunLoads& begun) {
  json::object models;
  for (const auto& [model, one] : begun) {
    models[model.str()] = json::object{
        {"generation", Number(one.generation)}, {"incarnation", HexOf(one.incarnation)}, {"count", Number(one.count)}};
  }
  return {{"models", std::move(models)}};
}

}  // namespace mlnode::deploy
