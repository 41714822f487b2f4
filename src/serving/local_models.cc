#include "serving/local_models.h"

#include <malloc.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/log.h"
#include "serving/exception_barrier.h"
#include "serving/loader.h"
#include "serving/loading/load_book.h"
#include "serving/monitoring/recorded_servable.h"
#include "serving/pipeline_servable.h"
#include "serving/remote/remote_servable.h"
#include "serving/snapshot_cell.h"

namespace mlnode::serving {
namespace {

// For predictions of a model that leaves no memory for what replaces it.
constexpr Duration kReloadDrain = std::chrono::seconds(30);

using Changed = LoadNotice;
using Attempt = LoadAttempt;
using Entry = LoadEntry;
using Book = LoadBook;
using Dying = LoadBook::Dying;
using Table = std::unordered_map<ModelId, std::shared_ptr<Servable>>;

// What leaves the book under its lock and is destroyed after it.
using Leftovers = std::vector<std::shared_ptr<const void>>;

Error Cancelled() { return MakeError(Code::kCancelled, "The load was cancelled."); }

class State : public std::enable_shared_from_this<State> {
 public:
  explicit State(LocalEnvironment environment);

  void Load(LoadSpec spec, std::uint64_t generation, Changed changed);
  void Unload(const ModelId& id, Duration drain);
  std::shared_ptr<Servable> Find(const ModelId& id) const;
  std::vector<LocalModel> List() const;
  void KeepArtifacts(const std::set<std::string>& content_hashes) { env_.cache.Keep(content_hashes); }
  void Stop();

 private:
  // Starts the next load that may begin.
  void Pump();
  std::shared_ptr<Attempt> TakeNext(Book& book);
  void Run(const std::shared_ptr<Attempt>& attempt);
  void StartRemote(const std::shared_ptr<Attempt>& attempt);
  Status Report(Attempt& attempt, Phase phase, std::uint64_t done, std::uint64_t total);
  void Finish(const std::shared_ptr<Attempt>& attempt, Result<std::unique_ptr<ServedModel>> loaded,
              std::uint64_t freed_before);
  void Succeed(Entry& entry, const LoadSpec& spec, std::unique_ptr<ServedModel> model, Leftovers& leftovers);
  void Fail(Book& book, Entry& entry, const Error& error, std::uint64_t freed_before);
  std::shared_ptr<ServedModel> TakeOut(Book& book, const ModelId& id, Entry& entry, Leftovers& leftovers);
  bool MayWorkAfterDrain(const Book& book, const Error& error, std::uint64_t freed_before) const;
  std::shared_ptr<ServedModel> Own(std::unique_ptr<ServedModel> model, const ModelId& id);
  void Freed(const ModelId& id, bool measured);  // measured: it has a ResidentGauge
  bool Stopped() const;
  bool KeepDying(const ModelId& id, std::unique_ptr<ServedModel>& model);
  void FreeDying();
  // Makes the entries' servables what Find sees.
  void Publish(const Book& book, Leftovers& leftovers);
  void SetServable(Entry& entry);
  void CountLoad(const char* result);
  void NoteEnd(const LocalModel& shown);
  Gauge& ResidentGauge(const ModelId& id);
  void WithdrawAfter(Duration drain, const std::shared_ptr<ServedModel>& model);

  const LocalEnvironment env_;
  MeasuredSizes measured_;
  SharedEngines shared_;
  Guarded<Book> book_;
  SnapshotCell<Table> table_{std::make_shared<const Table>()};
  Gauge& deployed_;
};

State::State(LocalEnvironment environment)
    : env_(std::move(environment)),
      deployed_(env_.metrics.GetGauge("mlnode_deployed_models", "Models in service on this node.")) {}

Gauge& State::ResidentGauge(const ModelId& id) {
  return env_.metrics.GetGauge("mlnode_model_resident_bytes", "Memory a model was measured to take.",
                               {{"model", id.str()}});
}

void State::CountLoad(const char* result) {
  env_.metrics.GetCounter("mlnode_model_loads_total", "Loads of models that ended, by result.", {{"result", result}})
      .Add();
}

void State::Publish(const Book& book, Leftovers& leftovers) {
  auto table = std::make_shared<Table>();
  for (const auto& [id, entry] : book.entries) {
    if (entry.servable) table->emplace(id, entry.servable);
  }
  deployed_.Set(static_cast<double>(table->size()));
  leftovers.push_back(table_.Store(std::move(table)));
}

void State::SetServable(Entry& entry) {
  auto servable =
      entry.model->remote
          ? MakeRemoteServable(entry.model, entry.spec, *env_.remote)
          : MakePipelineServable(entry.model, entry.spec,
                                 {.queue = env_.queue, .cpu = env_.cpu, .clock = env_.clock, .tokenizers = env_.lanes});
  entry.servable = MakeRecordedServable(
      std::move(servable),
      {.actions = env_.actions, .metrics = env_.metrics, .clock = env_.clock, .limit = env_.monitored_requests});
}

void State::Load(LoadSpec spec, std::uint64_t generation, Changed changed) {
  const ModelId id = spec.model;
  bool known = false;
  std::shared_ptr<Attempt> remote;
  {
    const auto book = book_.Lock();
    if (book->stopped) return;
    Entry& entry = book->entries[id];
    known = entry.attempt || entry.servable;
    entry.changed = changed;
    if (!known) {
      entry.shown = LocalModel();
      entry.shown.model = id;
      entry.shown.function = spec.function;
    }
    const bool choice = HasChoice(env_.acceleration, spec);
    BeginLoad(*book, entry, std::move(spec), generation, choice);
    if (!known && entry.attempt->remote) remote = entry.attempt;
    if (entry.model) entry.model->last_used = env_.clock.Now();
  }
  // A refused notice is not lost: whoever asked reads List() from time to time.
  if (known) (void)env_.loading.Post([changed = std::move(changed), id] { changed(id); });
  if (remote) return StartRemote(remote);
  Pump();
}

void State::StartRemote(const std::shared_ptr<Attempt>& attempt) {
  const bool posted = env_.cpu.Post([self = shared_from_this(), attempt] {
    if (self->Stopped()) return;
    auto loaded = StopExceptions("The load", [&]() -> Result<std::unique_ptr<ServedModel>> {
      RETURN_IF_ERROR(self->Report(*attempt, Phase::kLoading, 0, 0));
      return LoadRemoteModel(self->env_.remote, attempt->spec);
    });
    self->Finish(attempt, std::move(loaded), 0);
  });
  if (!posted) Finish(attempt, MakeError(Code::kUnavailable, "This node takes no loads now."), 0);
}

std::shared_ptr<Attempt> State::TakeNext(Book& book) {
  if (book.loading || book.stopped) return nullptr;
  const auto next = std::find_if(book.pending.begin(), book.pending.end(), [&](const ModelId& id) {
    return !book.draining.contains(id) && !book.entries.at(id).waits_for_memory;
  });
  if (next == book.pending.end()) return nullptr;
  std::shared_ptr<Attempt> attempt = book.entries.at(*next).attempt;
  book.pending.erase(next);
  book.loading = true;
  return attempt;
}

void State::Pump() {
  const std::shared_ptr<Attempt> attempt = TakeNext(*book_.Lock());
  if (!attempt) return;
  if (env_.loading.Post([self = shared_from_this(), attempt] { self->Run(attempt); })) return;
  Finish(attempt, MakeError(Code::kUnavailable, "This node takes no loads now."), 0);
}

void State::Run(const std::shared_ptr<Attempt>& attempt) {
  if (Stopped()) return;  // nothing of the environment may be there any more
  LOG_INFO("serving", "model {}: load begins", attempt->spec.model.str());
  const std::uint64_t freed_before = book_.Lock()->freed;
  const LoaderEnvironment environment{.cache = env_.cache,
                                      .engines = env_.engines,
                                      .budget = env_.budget,
                                      .queue = env_.queue,
                                      .clock = env_.clock,
                                      .lanes = env_.lanes,
                                      .acceleration = env_.acceleration,
                                      .memory_used = env_.memory_used,
                                      .measured = measured_,
                                      .shared = shared_};
  auto loaded = StopExceptions("The load", [&] {
    return LoadModel(environment, attempt->spec, [&](Phase phase, std::uint64_t done, std::uint64_t total) {
      return Report(*attempt, phase, done, total);
    });
  });
  Finish(attempt, std::move(loaded), freed_before);
  // What the load used on its way, all of it when it failed; before the next one is measured.
  (void)malloc_trim(0);
}

Status State::Report(Attempt& attempt, Phase phase, std::uint64_t done, std::uint64_t total) {
  Changed changed;
  {
    const auto book = book_.Lock();
    if (attempt.cancelled) return Cancelled();
    Entry& entry = book->entries.at(attempt.spec.model);  // there as long as it is not cancelled
    const auto note = [&](auto& shown) {
      if (shown.phase != phase) changed = entry.changed;
      shown.phase = phase;
      shown.done_bytes = done;
      shown.total_bytes = total;
    };
    entry.shown.reload ? note(*entry.shown.reload) : note(entry.shown);
  }
  if (changed) changed(attempt.spec.model);
  return {};
}

bool State::MayWorkAfterDrain(const Book& book, const Error& error, std::uint64_t freed_before) const {
  const bool lacks_memory = error.code == Code::kResourceExhausted && error.reason == "circuit_breaking_exception";
  return lacks_memory && (!book.draining.empty() || book.freed != freed_before);
}

void State::Succeed(Entry& entry, const LoadSpec& spec, std::unique_ptr<ServedModel> model, Leftovers& leftovers) {
  // Of a reload: predictions that run on the old one end there.
  leftovers.push_back(std::move(entry.servable));
  leftovers.push_back(std::move(entry.model));
  if (entry.shown.reload) entry.shown.generation = entry.shown.reload->generation;
  entry.shown.reload.reset();
  entry.shown.state = LocalState::kReady;
  entry.shown.phase = Phase::kReady;
  entry.shown.info = model->info;
  entry.spec = spec;
  entry.attempt.reset();
  model->last_used = env_.clock.Now();
  entry.model = Own(std::move(model), entry.spec.model);
  SetServable(entry);
}

// Out of service: what it held, for who drains it; null: nothing.
std::shared_ptr<ServedModel> State::TakeOut(Book& book, const ModelId& id, Entry& entry, Leftovers& leftovers) {
  std::shared_ptr<ServedModel> model = std::move(entry.model);
  leftovers.push_back(std::move(entry.servable));
  if (entry.shown.reload) entry.shown.generation = entry.shown.reload->generation;
  entry.shown.reload.reset();
  if (!model) return model;
  entry.shown.state = LocalState::kLoading;
  entry.shown.info.reset();
  book.draining.insert(id);
  Publish(book, leftovers);
  return model;
}

void State::Fail(Book& book, Entry& entry, const Error& error, std::uint64_t freed_before) {
  if (MayWorkAfterDrain(book, error, freed_before)) {
    entry.waits_for_memory = !book.draining.empty();
    entry.shown.phase = Phase::kQueued;
    book.pending.push_front(entry.attempt->spec.model);
    return;
  }
  entry.attempt.reset();
  entry.shown.state = LocalState::kFailed;
  entry.shown.error = error;
}

void State::Finish(const std::shared_ptr<Attempt>& attempt, Result<std::unique_ptr<ServedModel>> loaded,
                   std::uint64_t freed_before) {
  const ModelId& id = attempt->spec.model;
  Leftovers leftovers;
  Changed changed;
  LocalModel shown;
  std::shared_ptr<ServedModel> replaced;  // by nothing
  {
    const auto book = book_.Lock();
    if (!attempt->remote) book->loading = false;
    if (!attempt->cancelled) {
      Entry& entry = book->entries.at(id);
      changed = entry.changed;
      if (loaded) {
        Succeed(entry, attempt->spec, *std::move(loaded), leftovers);
        Publish(*book, leftovers);
      } else {
        replaced = TakeOut(*book, id, entry, leftovers);
        Fail(*book, entry, loaded.error(), freed_before);
      }
      shown = entry.shown;
    }
  }
  // NOLINTNEXTLINE(bugprone-use-after-move): assigned to, not read
  if (loaded) *loaded = nullptr;  // of a cancelled load; before the next one measures
  NoteEnd(shown);
  if (replaced) WithdrawAfter(kReloadDrain, replaced);
  replaced.reset();
  if (changed) changed(id);
  Pump();
}

// `shown` without an id: the load was cancelled.
void State::NoteEnd(const LocalModel& shown) {
  if (shown.model.empty()) return CountLoad("cancelled");
  if (shown.state == LocalState::kReady) {
    CountLoad("ok");
    LOG_INFO("serving", "model {}: ready after {} ms, {} bytes, {}", shown.model.str(), shown.info->load_millis,
             shown.info->resident_bytes, shown.info->engine);
  }
  if (shown.state == LocalState::kFailed) {
    CountLoad("failed");
    LOG_WARN("serving", "model {}: load failed: {} [{}]", shown.model.str(), shown.error->message, shown.error->detail);
  }
}

// The last owner leaves the freeing to the loading executor: native memory never goes on a thread that answers
// requests. The posted task owns nothing, for it may outlive the budget; after Stop the model goes at once.
std::shared_ptr<ServedModel> State::Own(std::unique_ptr<ServedModel> model, const ModelId& id) {
  // None for remote models: they take no memory, any number of them may come, and a series never goes away.
  if (!model->remote) ResidentGauge(id).Set(static_cast<double>(model->info.resident_bytes));
  return {model.release(), [weak = weak_from_this(), id](ServedModel* dying) {
            std::unique_ptr<ServedModel> owned(dying);
            const auto self = weak.lock();
            if (!self || !self->KeepDying(id, owned)) return;
            const bool posted = self->env_.loading.Post([weak] {
              if (const auto alive = weak.lock()) alive->FreeDying();
            });
            if (!posted) self->FreeDying();
          }};
}

// False after Stop.
bool State::KeepDying(const ModelId& id, std::unique_ptr<ServedModel>& model) {
  const auto book = book_.Lock();
  if (book->stopped) return false;
  book->dying.emplace_back(id, std::move(model));
  return true;
}

void State::FreeDying() {
  Dying dying;
  dying.swap(book_.Lock()->dying);
  for (auto& [id, model] : dying) {
    const bool measured = model->remote == nullptr;
    model.reset();
    (void)malloc_trim(0);  // glibc keeps freed pages otherwise
    Freed(id, measured);
  }
}

bool State::Stopped() const { return book_.Lock()->stopped; }

void State::Freed(const ModelId& id, bool measured) {
  if (Stopped()) return;
  std::uint64_t held = 0;  // by what replaced it
  {
    const auto book = book_.Lock();
    book->draining.erase(id);
    const auto entry = book->entries.find(id);
    if (entry != book->entries.end() && entry->second.model) held = entry->second.model->info.resident_bytes;
    ++book->freed;
    for (auto& [other, waiting] : book->entries) waiting.waits_for_memory = false;
  }
  if (measured) ResidentGauge(id).Set(static_cast<double>(held));
  Pump();
}

void State::WithdrawAfter(Duration drain, const std::shared_ptr<ServedModel>& model) {
  auto withdraw = [flag = model->withdrawn, &queue = env_.queue] {
    flag->store(true);
    queue.DropCancelled();
  };
  if (drain <= Duration::zero()) return withdraw();
  env_.cpu
      .PostAfter(drain,
                 [withdraw, weak = std::weak_ptr(model)] {
                   if (!weak.expired()) withdraw();
                 })
      .Detach();
}

void State::Unload(const ModelId& id, Duration drain) {
  Leftovers leftovers;
  std::shared_ptr<ServedModel> model;
  {
    const auto book = book_.Lock();
    const auto found = book->entries.find(id);
    if (found == book->entries.end()) return;
    Entry& entry = found->second;
    CancelLoad(*book, entry);
    model = TakeOut(*book, id, entry, leftovers);
    book->entries.erase(found);
  }
  if (!model) return;
  LOG_INFO("serving", "model {}: out of service", id.str());
  WithdrawAfter(drain, model);
}

std::shared_ptr<Servable> State::Find(const ModelId& id) const {
  const std::shared_ptr<const Table> table = table_.Load();
  const auto found = table->find(id);
  return found == table->end() ? nullptr : found->second;
}

std::vector<LocalModel> State::List() const {
  std::vector<LocalModel> models;
  const auto book = book_.Lock();
  for (const auto& [id, entry] : book->entries) {
    models.push_back(entry.shown);
    if (entry.model) models.back().last_used = entry.model->last_used;
  }
  return models;
}

void State::Stop() {
  Leftovers leftovers;
  std::map<ModelId, Entry> entries;
  Dying dying;
  {
    const auto book = book_.Lock();
    book->stopped = true;
    entries.swap(book->entries);
    dying.swap(book->dying);
    book->pending.clear();
    for (auto& [id, entry] : entries) {
      if (entry.attempt) entry.attempt->cancelled = true;
      if (entry.model) entry.model->withdrawn->store(true);
    }
    Publish(*book, leftovers);
  }
  env_.queue.DropCancelled();
}

class NodeModels final : public LocalModels {
 public:
  explicit NodeModels(LocalEnvironment environment) : state_(std::make_shared<State>(std::move(environment))) {}
  ~NodeModels() override { state_->Stop(); }
  void Load(LoadSpec spec, std::uint64_t generation, Changed changed) override {
    state_->Load(std::move(spec), generation, std::move(changed));
  }
  void Unload(const ModelId& model, Duration drain) override { state_->Unload(model, drain); }
  std::shared_ptr<Servable> Find(const ModelId& model) const override { return state_->Find(model); }
  std::vector<LocalModel> List() const override { return state_->List(); }
  void KeepArtifacts(const std::set<std::string>& content_hashes) override { state_->KeepArtifacts(content_hashes); }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<LocalModels> LocalModels::Create(LocalEnvironment environment) {
  return std::make_unique<NodeModels>(std::move(environment));
}

}  // namespace mlnode::serving
