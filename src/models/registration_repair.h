// models/registration_repair.h: puts right what a crash left of registrations and deletions. Idempotent; two at once
// are harmless because each step is a swap on what it read.
#pragma once

#include "core/clock.h"
#include "models/model_repository.h"
#include "tasks/task_repository.h"

namespace mlnode::models {

struct RepairReport {
  int documents_removed = 0;    // REGISTERING by URL whose task has ended or whose owner is gone
  int uploads_removed = 0;      // parts without an owning document, older than the grace
  int controllers_removed = 0;  // of models that are gone
};

// Hears first what the store holds: kUnavailable when it does not tell. `grace`: parts written less than this long ago
// are kept even without an owner; each owner is re-read just before its delete. A damaged document (of a model or of a
// task) is logged and left alone, the others are repaired; parts are only removed while every model's document tells
// which are its own. Errors are the store's: what could be done is done, call again later.
Result<RepairReport> RepairRegistrations(ModelRepository& models, tasks::TaskRepository& tasks, const Clock& clock,
                                         std::chrono::milliseconds grace);

}  // namespace mlnode::models
