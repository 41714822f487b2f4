#include "serving/testing/fake_local_models.h"

#include <array>
#include <utility>

namespace mlnode::serving::testing {
namespace {

constexpr std::array kPhases = {Phase::kFetching, Phase::kUnpacking, Phase::kReserving,
                                Phase::kLoading,  Phase::kWarming,   Phase::kReady};
constexpr std::uint64_t kBytes = 1'000;  // what a fake model "fetches"

}  // namespace

struct FakeLocalModels::State : std::enable_shared_from_this<FakeLocalModels::State> {
  struct Entry {
    LocalModel shown;
    LoadSpec spec;       // of what is loaded, or is to be
    LoadSpec next_spec;  // of a reload
    std::function<void(const ModelId&)> changed;
    std::shared_ptr<Servable> servable;
    std::uint64_t attempt = 0;
    std::size_t next = 0;  // of kPhases
    Timer timer;
  };
  explicit State(Executor& e) : executor(e) {}

  Executor& executor;
  std::map<ModelId, Script> scripts;
  std::map<ModelId, Entry> entries;
  std::map<ModelId, int> begun, unloads;
  std::shared_ptr<int> predictions = std::make_shared<int>(0);
  std::uint64_t last_attempt = 0;
  std::set<std::string> kept;

  void NotifyLater(const Entry& entry) {
    (void)executor.Post([changed = entry.changed, id = entry.shown.model] { changed(id); });
  }

  // A ready one is loaded beside itself.
  void Reload(Entry& entry, LoadSpec spec, std::uint64_t generation) {
    ++begun[spec.model];
    entry.shown.reload = LocalModel::Reload{.generation = generation};
    entry.next_spec = std::move(spec);
    entry.attempt = ++last_attempt;
    entry.next = 0;
    Schedule(entry.shown.model);
  }

  // The next phase of a reload, and its end.
  void StepReload(const ModelId& id, Entry& entry) {
    entry.shown.reload->phase = kPhases.at(entry.next++);
    if (entry.shown.reload->phase == Phase::kReady) {
      entry.shown.generation = entry.shown.reload->generation;
      entry.shown.reload.reset();
      entry.spec = entry.next_spec;
      entry.servable = std::make_shared<FakeServable>(entry.spec, *entry.shown.info, predictions);
    } else {
      Schedule(id);
    }
    NotifyLater(entry);
  }

  void Schedule(const ModelId& id) {
    Entry& entry = entries.at(id);
    entry.timer = executor.PostAfter(scripts[id].phase_time, [weak = weak_from_this(), id, attempt = entry.attempt] {
      if (const auto self = weak.lock()) self->Step(id, attempt);
    });
  }

  void Step(const ModelId& id, std::uint64_t attempt) {
    const auto found = entries.find(id);
    if (found == entries.end() || found->second.attempt != attempt) return;
    Entry& entry = found->second;
    Script& script = scripts[id];
    if (entry.shown.reload) {
      if (script.stuck_at != entry.shown.reload->phase) StepReload(id, entry);
      return;
    }
    const Phase left = entry.shown.phase;
    if (script.stuck_at == left) return;
    if (script.error && left == script.fails_at && script.failures > 0) {
      --script.failures;
      entry.shown.state = LocalState::kFailed;
      entry.shown.error = script.error;
    } else {
      entry.shown.phase = kPhases.at(entry.next++);
      entry.shown.done_bytes = entry.shown.total_bytes = kBytes;
      if (entry.shown.phase == Phase::kReady) {
        entry.shown.state = LocalState::kReady;
        entry.shown.last_used = SteadyTime::max();
        entry.shown.info = script.info;
        entry.servable = std::make_shared<FakeServable>(entry.spec, script.info, predictions);
      }
    }
    const bool goes_on = entry.shown.state == LocalState::kLoading;
    const auto changed = entry.changed;
    changed(id);  // may unload or load again
    const auto still = entries.find(id);
    if (goes_on && still != entries.end() && still->second.attempt == attempt) Schedule(id);
  }
};

FakeLocalModels::FakeLocalModels(Executor& executor) : state_(std::make_shared<State>(executor)) {}
FakeLocalModels::~FakeLocalModels() = default;

void FakeLocalModels::SetScript(const ModelId& model, Script script) {
  state_->scripts[model] = std::move(script);
  const auto found = state_->entries.find(model);
  if (found == state_->entries.end()) return;
  if (found->second.shown.state == LocalState::kLoading || found->second.shown.reload) state_->Schedule(model);
}

void FakeLocalModels::Fail(const ModelId& model, Error error) {
  State::Entry& entry = state_->entries.at(model);
  entry.shown.state = LocalState::kFailed;
  entry.shown.error = std::move(error);
  entry.shown.info.reset();
  entry.servable.reset();
  const auto changed = entry.changed;
  (void)state_->executor.Post([changed, model] { changed(model); });
}

void FakeLocalModels::Load(LoadSpec spec, std::uint64_t generation, std::function<void(const ModelId&)> changed) {
  const ModelId id = spec.model;
  const auto found = state_->entries.find(id);
  if (found != state_->entries.end() && found->second.shown.state != LocalState::kFailed) {
    State::Entry& known = found->second;
    known.changed = std::move(changed);
    const bool ready = known.shown.state == LocalState::kReady;
    const LoadSpec& going = known.shown.reload ? known.next_spec : known.spec;
    if (ready && going.reference_precision != spec.reference_precision) {
      state_->Reload(known, std::move(spec), generation);
    } else {
      if (!ready) known.spec = std::move(spec);
      (known.shown.reload ? known.shown.reload->generation : known.shown.generation) = generation;
    }
    state_->NotifyLater(known);
    return;
  }
  ++state_->begun[id];
  State::Entry entry;
  entry.shown.model = id;
  entry.shown.function = spec.function;
  entry.shown.generation = generation;
  entry.spec = std::move(spec);
  entry.changed = std::move(changed);
  entry.attempt = ++state_->last_attempt;
  state_->entries.insert_or_assign(id, std::move(entry));
  state_->Schedule(id);
}

void FakeLocalModels::Unload(const ModelId& model, Duration /*drain*/) {
  if (state_->entries.erase(model) > 0) ++state_->unloads[model];
}

std::shared_ptr<Servable> FakeLocalModels::Find(const ModelId& model) const {
  const auto found = state_->entries.find(model);
  return found == state_->entries.end() ? nullptr : found->second.servable;
}

std::vector<LocalModel> FakeLocalModels::List() const {
  std::vector<LocalModel> models;
  for (const auto& [id, entry] : state_->entries) models.push_back(entry.shown);
  return models;
}

void FakeLocalModels::SetLastUsed(const ModelId& model, SteadyTime at) {
  state_->entries.at(model).shown.last_used = at;
}

void FakeLocalModels::KeepArtifacts(const std::set<std::string>& content_hashes) { state_->kept = content_hashes; }

const std::set<std::string>& FakeLocalModels::kept_artifacts() const { return state_->kept; }

int FakeLocalModels::LoadsBegun(const ModelId& model) const {
  const auto found = state_->begun.find(model);
  return found == state_->begun.end() ? 0 : found->second;
}

int FakeLocalModels::Unloads(const ModelId& model) const {
  const auto found = state_->unloads.find(model);
  return found == state_->unloads.end() ? 0 : found->second;
}

int FakeLocalModels::Predictions() const { return *state_->predictions; }

FakeServable::FakeServable(LoadSpec spec, ServableInfo info, std::shared_ptr<int> predictions)
    : spec_(std::move(spec)), info_(std::move(info)), predictions_(std::move(predictions)) {}

void FakeServable::Predict(PredictRequest request, std::shared_ptr<Servable> /*self*/, PredictDone done) {
  ++*predictions_;
  PredictResult result;
  for (const std::string_view text : request.texts) {
    result.tokens += text.size();
    result.documents.push_back({{"sentence_embedding", MakeFloatTensor({static_cast<float>(text.size()), 1.0F}, {2})}});
  }
  done(std::move(result));
}

}  // namespace mlnode::serving::testing
