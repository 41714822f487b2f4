#include "models/registration_repair.h"

#include <array>
#include <optional>
#include <set>
#include <utility>

#include "core/log.h"

namespace mlnode::models {
namespace {

constexpr std::chrono::seconds kHearLimit{2};  // for what others wrote to arrive here

// A task that nobody works on any more: ended, deleted, or past a deadline that work would have renewed.
Result<bool> IsDead(const tasks::TaskRepository& tasks, const TaskId& id, EpochMillis now) {
  const Result<tasks::TaskRecord> task = tasks.Get(id);
  if (!task && task.error().code == Code::kNotFound) return true;
  if (!task) return task.error();
  return tasks::IsTerminal(task->state) || task->deadline < now;
}

// The last step of a registration that got as far as the document: its task does not know yet.
void CompleteTask(const Model& model, const TaskId& id, tasks::TaskRepository& tasks) {
  const Result<tasks::TaskRecord> task = tasks.Get(id);
  if (!task || tasks::IsTerminal(task->state)) return;
  const Result<tasks::TaskRecord> completed = tasks.Transition(
      task->id, tasks::TaskState::kCompleted, [&](tasks::TaskRecord& record) { record.model = model.id; });
  if (!completed)
    LOG_WARN("models", "task {} of registered model {}: {}", task->id.str(), model.id.str(), completed.error().message);
}

Result<bool> RemoveAbandoned(const Model& model, const TaskId& task, ModelRepository& models,
                             tasks::TaskRepository& tasks, EpochMillis now) {
  ASSIGN_OR_RETURN(const bool dead, IsDead(tasks, task, now));
  if (!dead) return false;
  const auto still_registering = [&](const Model& current) -> Status {
    if (current.registration == Registration::kRegistering && current.upload == model.upload) return {};
    return MakeError(Code::kFailedPrecondition, "the model changed");
  };
  const Result<storage::Written> removed = models.Remove(model.id, still_registering);
  if (removed) {
    LOG_INFO("models", "removed model {}, whose registration ended without it", model.id.str());
    const auto failed = tasks.Transition(task, tasks::TaskState::kFailed, [](tasks::TaskRecord& record) {
      record.error = "the registration made no progress until its deadline";
    });
    if (!failed && failed.error().code == Code::kUnavailable) return failed.error();
    return true;
  }
  const Code code = removed.error().code;
  if (code == Code::kNotFound || code == Code::kFailedPrecondition || code == Code::kConflict) return false;
  return removed.error();
}

// The uploads that documents name, also documents this version cannot read in full. kDataLoss when one does not tell:
// then nobody can say which parts are nobody's.
Result<std::set<UploadId>> OwnedUploads(const storage::Store& store) {
  constexpr std::array kCollections = {storage::Collection::kModels};
  std::set<UploadId> owned;
  for (const storage::DocumentPtr& document : store.Read(kCollections).documents) {
    ASSIGN_OR_RETURN(const UploadId upload, UploadOf(*document));
    owned.insert(upload);
  }
  return owned;
}

Result<int> RemoveOrphans(storage::Store& store, EpochMillis newest) {
  ASSIGN_OR_RETURN(const std::vector<storage::Store::UploadInfo> uploads, store.ListUploads());
  int removed = 0;
  for (const storage::Store::UploadInfo& upload : uploads) {
    if (upload.last_write > newest) continue;
    ASSIGN_OR_RETURN(const std::set<UploadId> owned, OwnedUploads(store));
    if (owned.contains(upload.id)) continue;
    RETURN_IF_ERROR(store.RemoveUpload(upload.id));
    ++removed;
  }
  return removed;
}

// A controller is only written where its model was seen, so one without a model outlived it.
Result<int> RemoveOrphanedControllers(ModelRepository& models) {
  int removed = 0;
  for (const Controller& controller : models.controllers().List()) {
    const Result<Model> model = models.Get(controller.model);
    if (model || model.error().code == Code::kDataLoss) continue;
    if (model.error().code != Code::kNotFound) return model.error();
    const Result<storage::Written> gone = models.controllers().Remove(controller.model, controller.revision);
    if (!gone && gone.error().code == Code::kUnavailable) return gone.error();
    removed += gone ? 1 : 0;
  }
  return removed;
}

}  // namespace

Result<RepairReport> RepairRegistrations(ModelRepository& models, tasks::TaskRepository& tasks, const Clock& clock,
                                         std::chrono::milliseconds grace) {
  // What is here without an owner may have one that this replica has not heard of, after a long absence for one. Who
  // comes later has young parts and a fresh lease.
  RETURN_IF_ERROR(models.store().CatchUp(kHearLimit));
  RepairReport report;
  std::optional<Error> failure;
  const EpochMillis now = clock.WallMillis();
  for (const Model& model : models.List()) {
    if (!model.register_task) continue;
    if (model.registration == Registration::kRegistered) {
      CompleteTask(model, *model.register_task, tasks);
      continue;
    }
    const Result<bool> removed = RemoveAbandoned(model, *model.register_task, models, tasks, now);
    if (!removed) {
      LOG_WARN("models", "registration of {} not repaired: {}", model.id.str(), removed.error().message);
      if (removed.error().code != Code::kDataLoss) failure = removed.error();
      continue;
    }
    report.documents_removed += *removed ? 1 : 0;
  }
  const Result<int> controllers = RemoveOrphanedControllers(models);
  if (controllers) {
    report.controllers_removed = *controllers;
  } else {
    failure = controllers.error();
  }
  const Result<int> uploads = RemoveOrphans(models.store(), now - grace.count());
  if (uploads) {
    report.uploads_removed = *uploads;
  } else if (uploads.error().code == Code::kDataLoss) {
    LOG_WARN("models", "parts without a model stay, because one document does not tell which are its own: {}",
             uploads.error().message);
  } else {
    failure = uploads.error();
  }
  if (failure) return *std::move(failure);
  return report;
}

}  // namespace mlnode::models
