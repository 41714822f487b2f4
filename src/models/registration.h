// models/registration.h: how models come in: chunk by chunk, or from a URL in a task.
//
// Chunked: the document (REGISTERING) first, parts in any order, `complete` when all of 0..total-1 are there (the peer:
// when the last number arrives; docs/compatibility.md). URL: task and document first, then download to <data>/tmp,
// checks, parts, complete. A failure or a crash leaves a REGISTERING document whose repairer is registration_repair.h.
// Threads: any; blocks on store and files: run on `background`. RegisterFromUrl returns at once, its work is posted.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "config/circuit_breakers.h"
#include "config/settings.h"
#include "core/executor.h"
#include "models/action_stats.h"
#include "models/input/register_input.h"
#include "models/model_repository.h"
#include "net/fetch.h"
#include "tasks/task_repository.h"

namespace mlnode::models {

struct RegistrationEnvironment {
  ModelRepository& models;
  tasks::TaskRepository& tasks;
  ActionStats& actions;  // registrations of this node are counted there
  RandomSource& random;
  const Clock& clock;
  Executor& background;  // a registration from a URL holds one of its threads for as long as the download takes
  config::Settings& settings;
  net::HttpClient* client;          // null: no http(s) URL can be read (simulation)
  std::filesystem::path temporary;  // <data>/tmp, emptied at start
  tasks::Owner owner;               // this node and incarnation
  config::ResourceProbe resources = [] { return config::Resources(); };  // of the data folder's disk
};

class ModelRegistration {
 public:
  explicit ModelRegistration(RegistrationEnvironment environment);
  // Tells work under way to end and waits for it (not from one of its threads); its repair is the next start's. Work
  // that has not begun never will.
  ~ModelRegistration();

  // kNotFound "Fail to find model group", kAlreadyExists (chosen id), kInvalidArgument (REMOTE:
  // remote/remote_registration.h).
  Result<ModelId> CreateMeta(RegisterInput input);
  // Stores one part. kNotFound "Failed to find model", kInvalidArgument (number, empty, setting off), kTooLarge
  // (10,000,000 bytes), kResourceExhausted (disk breaker), kFailedPrecondition (other bytes for a model that is
  // registered; a model that comes from a URL).
  Status AddChunk(const ModelId& model, std::uint32_t number, std::string_view bytes);
  // Without a URL the model is a pre-trained one, found by its name (pretrained/pretrained.h). Answers with the task
  // that will tell, also when the task has failed already (too many tasks). kInvalidArgument (URL not trusted, group,
  // REMOTE), kResourceExhausted (queue full). `then` runs on background with the registered model's id
  // after COMPLETED, also when the store did not say so; not when others failed or deleted the task at the last moment.
  Result<TaskId> RegisterFromUrl(RegisterInput input, std::function<void(const ModelId&)> then);
  // Refuses new registrations and ends those under way as Cancel does; they stay as a crash would leave them, for
  // the next start's repair. Does not wait; the destructor does.
  void Stop();
  // Tells the work on a model that is being registered from a URL, if any, to end: it does within
  // net::HttpClient::kAskEvery in a download, however silent its peer is, else at the next part. Work of this node
  // fails its task once nothing is left; for work of another the task is failed here, and the node that works on it
  // hears of that. Does not wait. A delete of a REGISTERING model calls it first, an undeploy without node ids too;
  // whatever the work still writes it removes itself, and it cannot bring the document back. Errors: the store's; call
  // it again.
  Status Cancel(const ModelId& model);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mlnode::models
