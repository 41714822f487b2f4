#include "config/settings.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "config/overlay.h"
#include "config/setting_values.h"
#include "core/guarded.h"
#include "core/log.h"

namespace mlnode::config {
namespace {

[[noreturn]] void DieNoSuchSetting(std::string_view name) {
  std::fprintf(stderr, "bug: no setting of that type: %.*s\n", static_cast<int>(name.size()), name.data());
  std::abort();
}

const SettingRow& Row(std::string_view name, Type type) {
  const SettingRow* row = FindSetting(name);
  if (!row || row->type != type) DieNoSuchSetting(name);
  return *row;
}

std::string FallbackText(const SettingRow& row) {
  return row.type == Type::kList ? ListText(ReadList(row.fallback)) : std::string(row.fallback);
}

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "mlnode";
  return name.data();
}

// Adds to `effective` what of `values` this version accepts.
void Overlay(RawValues& effective, const RawValues& values) {
  for (const auto& [name, text] : values) {
    const SettingRow* row = FindSetting(name);
    const bool dynamic = row && row->scope == Scope::kDynamic;
    auto checked = dynamic ? CheckValue(*row, text) : MakeError(Code::kInvalidArgument, "not a dynamic setting");
    if (checked) {
      effective.insert_or_assign(name, *std::move(checked));
    } else {
      LOG_WARN("config", "stored setting {} is ignored: {}", name, checked.error().message);
    }
  }
}

// One observer. `last` is only touched on the strand.
struct Observer {
  Strand& strand;
  std::function<void(const SnapshotPtr&)> call;
  SnapshotPtr last;
};

}  // namespace

std::string_view Snapshot::Raw(std::string_view name, Type type) const {
  const SettingRow& row = Row(name, type);
  const auto found = effective_.find(name);
  return found == effective_.end() ? row.fallback : std::string_view(found->second);
}

// What is in the table or in effective_ was checked, so that reading it cannot fail.
bool Snapshot::Bool(std::string_view name) const { return ReadBool(Raw(name, Type::kBool)).value_or(false); }
std::int64_t Snapshot::Int(std::string_view name) const { return ReadInt(Raw(name, Type::kInt)).value_or(0); }
double Snapshot::Float(std::string_view name) const { return ReadFloat(Raw(name, Type::kFloat)).value_or(0); }
std::int64_t Snapshot::Bytes(std::string_view name) const {
  return ReadBytes(Row(name, Type::kBytes), Raw(name, Type::kBytes)).value();
}
std::string Snapshot::String(std::string_view name) const { return std::string(Raw(name, Type::kString)); }
std::vector<std::string> Snapshot::List(std::string_view name) const { return ReadList(Raw(name, Type::kList)); }

RawValues Snapshot::Defaults() const {
  RawValues defaults = static_;
  for (const SettingRow& row : SettingTable()) {
    std::string& value = defaults.emplace(row.name, FallbackText(row)).first->second;
    if (row.urls) value = WithoutCredentials(value);
  }
  std::erase_if(defaults, [&](const auto& entry) {
    return persistent_.contains(entry.first) || transient_.contains(entry.first);
  });
  return defaults;
}

struct Settings::State {
  struct Held {
    SnapshotPtr current;
    std::vector<std::shared_ptr<Observer>> observers;
  };
  Guarded<Held> held;

  // Tells `observer` what is current when its strand comes to it.
  static void Notify(const std::shared_ptr<State>& state, const std::shared_ptr<Observer>& observer) {
    constexpr auto kRetry = std::chrono::milliseconds(100);
    const auto deliver = [state, observer] {
      SnapshotPtr current = state->held.Lock()->current;
      if (current == observer->last) return;
      observer->last = current;
      observer->call(current);
    };
    if (observer->strand.Post(deliver)) return;
    // Full or stopping: a value must not be missed because of a busy moment.
    LOG_WARN("config", "settings observers are busy, telling them again in {} ms", kRetry.count());
    observer->strand.PostAfter(kRetry, deliver).Detach();
  }
};

Result<std::unique_ptr<Settings>> Settings::Create(RawValues static_values) {
  for (auto& [name, text] : static_values) {
    const SettingRow* row = FindSetting(name);
    if (!row) return MakeError(Code::kInvalidArgument, "unknown setting [" + name + "]");
    ASSIGN_OR_RETURN(text, CheckValue(*row, text));
  }
  static_values.emplace("mlnode.node.name", HostName());
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->effective_ = static_values;
  snapshot->static_ = std::move(static_values);
  std::unique_ptr<Settings> settings(new Settings());
  settings->state_ = std::make_shared<State>();
  settings->state_->held.Lock()->current = std::move(snapshot);
  return settings;
}

SnapshotPtr Settings::Current() const { return state_->held.Lock()->current; }

Result<Settings::Overlays> Settings::Apply(const ChangeRequest& change) const {
  const SnapshotPtr current = Current();
  return Apply({.persistent = current->persistent(), .transient = current->transient()}, change);
}

Result<Settings::Overlays> Settings::Apply(Overlays overlays, const ChangeRequest& change) {
  ASSIGN_OR_RETURN(overlays.transient, ApplySection("transient", std::move(overlays.transient), change.transient));
  ASSIGN_OR_RETURN(overlays.persistent, ApplySection("persistent", std::move(overlays.persistent), change.persistent));
  return overlays;
}

void Settings::Install(Overlays overlays) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->static_ = Current()->static_;  // never changes, so that no lock spans the two steps
  snapshot->effective_ = snapshot->static_;
  Overlay(snapshot->effective_, overlays.persistent);
  Overlay(snapshot->effective_, overlays.transient);
  snapshot->persistent_ = std::move(overlays.persistent);
  snapshot->transient_ = std::move(overlays.transient);
  std::vector<std::shared_ptr<Observer>> observers;
  {
    const auto held = state_->held.Lock();
    held->current = std::move(snapshot);
    observers = held->observers;
  }
  for (const auto& observer : observers) State::Notify(state_, observer);
}

void Settings::Observe(Strand& strand, std::function<void(const SnapshotPtr&)> observer) {
  auto added = std::make_shared<Observer>(Observer{strand, std::move(observer), nullptr});
  state_->held.Lock()->observers.push_back(added);
  State::Notify(state_, added);
}

}  // namespace mlnode::config
