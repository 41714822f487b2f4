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

#include "config/settings.h"
#include "core/executor.h"
#include "models/model_repository.h"
#include "models/register_input.h"
#include "net/fetch.h"
#include "tasks/task_repository.h"

namespace mlnode::models {

struct RegistrationEnvironment {
  ModelRepository& models;
  tasks::TaskRepository& tasks;
  RandomSource& random;
  const Clock& clock;
  Executor& background;
  config::Settings& settings;
  net::HttpClient* client;          // null: no http(s) URL can be read (simulation)
  std::filesystem::path temporary;  // <data>/tmp, emptied at start
  tasks::Owner owner;               // this node and incarnation
};

class ModelRegistration {
 public:
  explicit ModelRegistration(RegistrationEnvironment environment);
  ~ModelRegistration();  // downloads under way end with kCancelled; their repair is the next start's

  Result<ModelId> CreateMeta(RegisterInput input);
  // Stores one part. kNotFound "Failed to find model", kInvalidArgument (number, empty), kTooLarge (10,000,000 bytes).
  Status AddChunk(const ModelId& model, std::uint32_t number, std::string_view bytes);
  // Answers with the task that will tell. `then` runs on background with the registered model's id after COMPLETED.
  Result<TaskId> RegisterFromUrl(RegisterInput input, std::function<void(const ModelId&)> then);
  // Ends work on a model that is being registered, if any, within 5 s; a delete of a REGISTERING model calls it first.
  void Cancel(const ModelId& model);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mlnode::models
