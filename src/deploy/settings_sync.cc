#include "deploy/settings_sync.h"

#include <utility>

#include "core/log.h"
#include "deploy/step_loop.h"
#include "storage/document_format.h"

namespace mlnode::deploy {
namespace {

constexpr int kAttempts = 16;
constexpr Duration kReread = std::chrono::seconds(60);  // notices carry the news; this is for one that was lost
constexpr Duration kRetry = std::chrono::seconds(1);    // when the store did not answer

storage::Key SettingsKey() { return {storage::Collection::kSettings, "cluster"}; }

json::object ToObject(const config::RawValues& values) {
  json::object object;
  for (const auto& [name, text] : values) object[name] = text;
  return object;
}

Result<config::RawValues> ToValues(const json::object& body, std::string_view section) {
  config::RawValues values;
  ASSIGN_OR_RETURN(const json::object* object, ObjectField(body, section));
  if (!object) return values;
  for (const auto& field : *object) {
    const json::string* text = field.value().if_string();
    if (!text) {
      return MakeError(Code::kDataLoss, "settings document: " + std::string(field.key()) + " is not a string");
    }
    values.emplace(field.key(), std::string_view(*text));
  }
  return values;
}

Result<config::Settings::Overlays> ToOverlays(const json::object& body) {
  config::Settings::Overlays overlays;
  ASSIGN_OR_RETURN(overlays.persistent, ToValues(body, "persistent"));
  ASSIGN_OR_RETURN(overlays.transient, ToValues(body, "transient"));
  return overlays;
}

}  // namespace

struct SettingsSync::State {
  State(storage::Store& s, config::Settings& c, RandomSource& r, Executor& b)
      : store(s), settings(c), random(r), background(b), loop(b, kReread, [this] { Follow(); }) {}

  // The stored document and its revision, 0 when there is none.
  struct Stored {
    json::object body;
    std::uint64_t revision = 0;
  };
  Result<Stored> Fetch() const {
    const auto document = store.GetFresh(SettingsKey());
    if (!document && document.error().code == Code::kNotFound) return Stored{};
    if (!document) return document.error();
    RETURN_IF_ERROR(storage::CheckFormat(**document));
    return Stored{(*document)->body, (*document)->revision};
  }

  // Installs what is stored and returns it. Two at once may install in the wrong order: each goes on until what it
  // installed is still the newest. kDataLoss: the document does not parse; it is kept and not used.
  Result<Stored> InstallNewest() {
    for (std::optional<std::uint64_t> installed;;) {
      ASSIGN_OR_RETURN(Stored stored, Fetch());
      if (installed == stored.revision) return stored;
      ASSIGN_OR_RETURN(auto overlays, ToOverlays(stored.body));
      settings.Install(std::move(overlays));
      installed = stored.revision;
    }
  }

  void Follow() {
    const auto installed = InstallNewest();
    if (!std::exchange(failing, !installed) && !installed)
      LOG_ERROR("deploy", "the stored settings are not followed: {}", installed.error().message);
    if (!installed && installed.error().code == Code::kUnavailable) retry = background.PostAfter(kRetry, loop.Kicker());
  }

  storage::Store& store;
  config::Settings& settings;
  RandomSource& random;
  Executor& background;
  bool failing = false;  // of the step alone, as the next: what is stored could not be read the last time
  Timer retry;
  StepLoop loop;
  std::unique_ptr<storage::Subscription> subscription;
};

SettingsSync::SettingsSync(storage::Store& store, config::Settings& settings, RandomSource& random,
                           Executor& background)
    : state_(std::make_unique<State>(store, settings, random, background)) {}

SettingsSync::~SettingsSync() { Stop(); }

Status SettingsSync::Start() {
  if (const auto installed = state_->InstallNewest(); !installed) {
    if (installed.error().code != Code::kDataLoss) return installed.error();
    LOG_ERROR("deploy", "the stored settings are kept but not used: {}", installed.error().message);
  }
  state_->subscription = state_->store.Watch({storage::Collection::kSettings}, state_->background,
                                             [kick = state_->loop.Kicker()](const storage::Change&) { kick(); });
  state_->loop.Start();  // its first step sees what changed before the watch began
  return {};
}

void SettingsSync::Stop() {
  state_->subscription.reset();
  state_->loop.Stop();
}

Status SettingsSync::Change(const config::ChangeRequest& change) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // Applied to what is stored, not to what is in force: that may be another revision than the swap expects.
    ASSIGN_OR_RETURN(const State::Stored stored, state_->Fetch());
    ASSIGN_OR_RETURN(config::Settings::Overlays overlays, ToOverlays(stored.body));
    ASSIGN_OR_RETURN(overlays, config::Settings::Apply(std::move(overlays), change));
    const auto written = storage::Commit(
        state_->store,
        {.key = SettingsKey(),
         .expect = stored.revision == 0 ? storage::Expect::Absent() : storage::Expect::Revision(stored.revision),
         .body =
             json::object{{"persistent", ToObject(overlays.persistent)}, {"transient", ToObject(overlays.transient)}},
         .nonce = NewNonce(state_->random)});
    if (written) {
      RETURN_IF_ERROR(state_->InstallNewest());
      return {};
    }
    if (written.error().code != Code::kConflict) return written.error();
  }
  return MakeError(Code::kUnavailable, "the settings were changed by others at the same time; try again");
}

}  // namespace mlnode::deploy
