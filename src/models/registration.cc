#include "models/registration.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <utility>

#include "core/guarded.h"
#include "core/log.h"
#include "models/group_placement.h"
#include "models/url_registration.h"

namespace mlnode::models {
namespace {

Error RemoteHasNoContent() {
  return MakeError(Code::kInvalidArgument,
                   "a remote model has no content to upload: it is registered with its connector at models/_register");
}

// A chunk for a model that already has them all: the same bytes again are fine, others would change what may be
// deployed. A part that is damaged or gone takes any: the archive's hash is checked at each load.
Status CheckResent(storage::Store& store, const Model& model, std::uint32_t number, std::string_view bytes) {
  const Result<std::string> stored = store.GetPart(model.upload, number);
  if (stored && *stored == bytes) return {};
  if (!stored) {
    const bool lost = stored.error().code == Code::kDataLoss || stored.error().code == Code::kNotFound;
    return lost ? store.PutPart(model.upload, number, bytes) : Status(stored.error());
  }
  return MakeError(Code::kFailedPrecondition,
                   "model " + model.id.str() + " is already registered; chunk " + std::to_string(number) +
                       " differs from the stored one. Delete the model to upload another archive");
}

Status CheckChunk(const Model& model, std::uint32_t number, std::string_view bytes) {
  if (model.register_task && model.function != FunctionName::kRemote)
    return MakeError(Code::kFailedPrecondition, "model " + model.id.str() + " comes from a URL and takes no chunks");
  if (number >= model.total_chunks.value_or(0))
    return MakeError(Code::kInvalidArgument, "Chunk number exceeds total chunks");
  if (bytes.empty()) return MakeError(Code::kInvalidArgument, "Chunk size either 0 or null");
  if (bytes.size() > static_cast<std::size_t>(kChunkBytes))
    return MakeError(Code::kTooLarge, "Chunk size exceeds 10MB");
  return {};
}

// What a task says that somebody else ended or deleted.
bool WasEnded(const Error& error) { return error.code == Code::kFailedPrecondition || error.code == Code::kNotFound; }

Error GoneMeanwhile() { return MakeError(Code::kNotFound, "Failed to find model"); }

}  // namespace

// Shared with the posted work, which may outlive the ModelRegistration as long as it has not begun.
struct ModelRegistration::State {
  explicit State(RegistrationEnvironment given) : environment(std::move(given)) {}

  struct Job {
    TaskId task;
    std::shared_ptr<RegistrationSignals> signals;
  };
  struct Jobs {
    std::map<ModelId, Job> accepted;  // waiting or running
    int running = 0;
    bool closing = false;
  };

  // The error says what the task should.
  Status Accept(const ModelId& model, const Job& job);
  void Run(const Job& job, RegisterInput input, const std::function<void(const ModelId&)>& then);
  void Finish(const TaskId& task, const ModelId& model, const Status& done,
              const std::function<void(const ModelId&)>& then);
  bool EndedWithout(const TaskId& task, const Error& refused) const;
  void Fail(const TaskId& task, const std::string& why);

  RegistrationEnvironment environment;
  Guarded<Jobs> jobs;
  std::condition_variable idle;
};

Status ModelRegistration::State::Accept(const ModelId& model, const Job& job) {
  const std::int64_t limit =
      environment.settings.Current()->Int("plugins.ml_commons.max_register_model_tasks_per_node");
  const auto locked = jobs.Lock();
  if (locked->closing) return MakeError(Code::kUnavailable, "the node stops");
  if (locked->accepted.contains(model))
    return MakeError(Code::kAlreadyExists, "model id '" + model.str() + "' is being registered by another task");
  if (static_cast<std::int64_t>(locked->accepted.size()) >= limit)
    return MakeError(Code::kResourceExhausted, "exceed max running task limit");
  locked->accepted.emplace(model, job);
  return {};
}

void ModelRegistration::State::Run(const Job& job, RegisterInput input,
                                   const std::function<void(const ModelId&)>& then) {
  {
    const auto locked = jobs.Lock();
    if (locked->closing) return;
    ++locked->running;
  }
  const ModelId model = input.model.id;
  const FunctionName function = input.model.function;
  const Status done = UrlRegistration(environment, job.task, std::move(input), *job.signals).Run();
  if (!done) environment.actions.Failure(Action::kRegister, function, done.error());
  if (!job.signals->closing) Finish(job.task, model, done, then);
  {
    const auto locked = jobs.Lock();
    locked->accepted.erase(model);
    --locked->running;
  }
  idle.notify_all();
}

void ModelRegistration::State::Finish(const TaskId& task, const ModelId& model, const Status& done,
                                      const std::function<void(const ModelId&)>& then) {
  if (!done) {
    LOG_WARN("models", "registration task {} failed: {} {}", task.str(), done.error().message, done.error().detail);
    return Fail(task, done.error().message);
  }
  const Result<tasks::TaskRecord> completed = environment.tasks.Transition(
      task, tasks::TaskState::kCompleted, [&](tasks::TaskRecord& record) { record.model = model; });
  if (!completed)
    LOG_WARN("models", "model {} is registered, its task {} is not completed: {}", model.str(), task.str(),
             completed.error().message);
  if (then && (completed || !EndedWithout(task, completed.error()))) then(model);
}

// Did others end the task otherwise than a repair, which completes it, does: then the model is not wanted any more.
bool ModelRegistration::State::EndedWithout(const TaskId& task, const Error& refused) const {
  if (!WasEnded(refused)) return false;
  const Result<tasks::TaskRecord> ended = environment.tasks.Get(task);
  return !ended || ended->state != tasks::TaskState::kCompleted;
}

void ModelRegistration::State::Fail(const TaskId& task, const std::string& why) {
  const Result<tasks::TaskRecord> failed = environment.tasks.Transition(
      task, tasks::TaskState::kFailed, [&](tasks::TaskRecord& record) { record.error = why; });
  // Its deadline ends it otherwise.
  if (!failed && !WasEnded(failed.error()))
    LOG_WARN("models", "task {} cannot be failed: {}", task.str(), failed.error().message);
}

ModelRegistration::ModelRegistration(RegistrationEnvironment environment)
    : state_(std::make_shared<State>(std::move(environment))) {}

void ModelRegistration::Stop() {
  const auto locked = state_->jobs.Lock();
  locked->closing = true;
  for (const auto& [model, job] : locked->accepted) job.signals->closing = true;
}

ModelRegistration::~ModelRegistration() {
  Stop();
  auto locked = state_->jobs.Lock();
  state_->idle.wait(locked.lock(), [&] { return locked->running == 0; });
}

Result<ModelId> ModelRegistration::CreateMeta(RegisterInput input) {
  RegistrationEnvironment& environment = state_->environment;
  if (input.model.function == FunctionName::kRemote) return RemoteHasNoContent();
  environment.actions.Request(Action::kRegister, input.model.function);
  ASSIGN_OR_RETURN(const GroupPlacement placement, PlaceInGroup(environment.models, input));
  const Model model = Placed(std::move(input.model), placement, environment.random, environment.clock);
  RETURN_IF_ERROR(CreateInGroup(environment.models, model, placement));
  return model.id;
}

Status ModelRegistration::AddChunk(const ModelId& id, std::uint32_t number, std::string_view bytes) {
  RegistrationEnvironment& environment = state_->environment;
  if (!environment.settings.Current()->Bool("plugins.ml_commons.allow_registering_model_via_local_file"))
    return MakeError(
        Code::kInvalidArgument,
        "To upload custom model from local file, user needs to enable allow_registering_model_via_local_file "
        "settings. Otherwise please use opensearch pre-trained models.");
  ModelRepository& models = environment.models;
  ASSIGN_OR_RETURN(const Model before, models.Get(id));
  RETURN_IF_ERROR(CheckChunk(before, number, bytes));
  if (before.registration == Registration::kRegistered) return CheckResent(models.store(), before, number, bytes);
  RETURN_IF_ERROR(config::CheckDiskBreaker(*environment.settings.Current(), environment.resources()));
  RETURN_IF_ERROR(models.store().PutPart(before.upload, number, bytes));
  const auto received = [&](Model& model) -> Status {
    if (model.upload != before.upload) return GoneMeanwhile();
    const auto place = std::ranges::lower_bound(model.received_parts, number);
    if (place == model.received_parts.end() || *place != number) model.received_parts.insert(place, number);
    if (static_cast<std::int64_t>(model.received_parts.size()) == model.total_chunks)
      model.registration = Registration::kRegistered;
    return {};
  };
  const Result<Model> updated = models.Update(id, received);
  if (updated) return {};
  if (updated.error().code != Code::kNotFound) return updated.error();
  // Deleted while the part was written: nobody else knows of it any more.
  const Status removed = models.store().RemoveUpload(before.upload);
  if (!removed) LOG_WARN("models", "a part of deleted model {} stays for now: {}", id.str(), removed.error().message);
  return GoneMeanwhile();
}

Result<TaskId> ModelRegistration::RegisterFromUrl(RegisterInput input, std::function<void(const ModelId&)> then) {
  RegistrationEnvironment& environment = state_->environment;
  if (input.model.function == FunctionName::kRemote) return RemoteHasNoContent();
  RETURN_IF_ERROR(CheckPlacement(environment.models, input));
  if (input.url) RETURN_IF_ERROR(CheckTrustedUrl(*input.url, *environment.settings.Current()));
  tasks::TaskRecord record;
  record.type = tasks::TaskType::kRegisterModel;
  record.function_name = TraitsOf(input.model.function).name;
  record.worker_nodes = {environment.owner.node};
  record.owner = environment.owner;
  record.deadline =
      environment.clock.WallMillis() + std::chrono::duration_cast<std::chrono::milliseconds>(kTaskLease).count();
  ASSIGN_OR_RETURN(record, environment.tasks.Create(std::move(record)));
  environment.actions.Request(Action::kRegister, input.model.function);
  if (input.model.id.empty()) input.model.id = ModelId(NewDocumentId(environment.random));
  const State::Job job{.task = record.id, .signals = std::make_shared<RegistrationSignals>()};
  const ModelId model = input.model.id;
  if (const Status accepted = state_->Accept(model, job); !accepted) {
    state_->Fail(record.id, accepted.error().message);
    return record.id;
  }
  const bool posted =
      environment.background.Post([state = state_, job, input = std::move(input), then = std::move(then)]() mutable {
        state->Run(job, std::move(input), then);
      });
  if (posted) return record.id;
  state_->jobs.Lock()->accepted.erase(model);
  state_->Fail(record.id, "the node has too much work waiting");
  Error error = MakeError(Code::kResourceExhausted, "the node has too much work waiting; try again");
  error.retry_after = std::chrono::seconds(1);
  return error;
}

Status ModelRegistration::Cancel(const ModelId& id) {
  const Result<Model> model = state_->environment.models.Get(id);
  const bool under_way = model && model->registration == Registration::kRegistering && model->register_task;
  {
    const auto locked = state_->jobs.Lock();
    const auto found = locked->accepted.find(id);
    if (found != locked->accepted.end()) {
      found->second.signals->cancelled = true;
      if (!under_way || found->second.task == *model->register_task) return {};
    }
  }
  if (!model && model.error().code != Code::kNotFound) return model.error();
  if (!under_way) return {};
  const Result<tasks::TaskRecord> ended =
      state_->environment.tasks.Transition(*model->register_task, tasks::TaskState::kFailed,
                                           [](tasks::TaskRecord& task) { task.error = kRegistrationCancelled; });
  if (ended || WasEnded(ended.error())) return {};
  return ended.error();
}

}  // namespace mlnode::models
