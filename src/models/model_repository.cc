#include "models/model_repository.h"

#include <utility>

#include "core/log.h"
#include "storage/listing.h"

namespace mlnode::models {
namespace {

storage::Key KeyOf(const ModelId& id) { return {storage::Collection::kModels, id.str()}; }

Error TranslateMiss(Error error) {
  return error.code == Code::kNotFound ? MakeError(Code::kNotFound, "Failed to find model") : std::move(error);
}

}  // namespace

Result<Model> ModelRepository::Get(const ModelId& id) const {
  const Result<storage::DocumentPtr> found = storage::GetOrAsk(store_, KeyOf(id));
  if (!found) return TranslateMiss(found.error());
  return ReadModel(**found);
}

Result<Model> ModelRepository::GetFresh(const ModelId& id) const {
  const Result<storage::DocumentPtr> found = store_.GetFresh(KeyOf(id));
  if (!found) return TranslateMiss(found.error());
  return ReadModel(**found);
}

std::vector<Model> ModelRepository::List() const {
  return storage::ReadListing(store_, storage::Collection::kModels, "models", ReadModel);
}

Status ModelRepository::Create(const Model& model) {
  const Result<storage::Written> written = storage::Commit(store_, {.key = KeyOf(model.id),
                                                                    .expect = storage::Expect::Absent(),
                                                                    .body = StoredForm(model),
                                                                    .nonce = NewNonce(random_)});
  if (written) return {};
  if (written.error().code != Code::kConflict) return written.error();
  return MakeError(Code::kAlreadyExists, "model id '" + model.id.str() + "' already exists");
}

Result<Model> ModelRepository::Update(const ModelId& id, const std::function<Status(Model&)>& change) {
  Model model;
  auto step = [&](json::object& body) -> Result<bool> {
    ASSIGN_OR_RETURN(model, ReadModel({.key = KeyOf(id), .body = body}));
    RETURN_IF_ERROR(change(model));
    json::object changed = StoredForm(model);
    if (changed == body) return false;
    body = std::move(changed);
    return true;
  };
  Result<storage::Updated> updated = storage::Update(store_, random_, KeyOf(id), step);
  if (!updated) return TranslateMiss(std::move(updated).error());
  model.revision = updated->written.revision;
  model.doc_version = updated->written.version;
  return model;
}

Result<storage::Written> ModelRepository::Remove(const ModelId& id, const std::function<Status(const Model&)>& still) {
  UploadId upload;
  const auto judge = [&](const storage::Document& document) -> Status {
    ASSIGN_OR_RETURN(const Model model, ReadModel(document));
    upload = model.upload;
    return still ? still(model) : Status();
  };
  Result<storage::Written> removed = storage::Remove(store_, random_, KeyOf(id), "model " + id.str(), judge);
  if (!removed) return TranslateMiss(std::move(removed).error());
  // The model is gone whatever happens to its parts; what stays is removed by RepairRegistrations.
  const Status parts = store_.RemoveUpload(upload);
  if (!parts) LOG_WARN("models", "parts of removed model {} stay for now: {}", id.str(), parts.error().message);
  const Result<storage::Written> controller = controllers_.Remove(id);
  if (!controller && controller.error().code != Code::kNotFound)
    LOG_WARN("models", "controller of removed model {} stays for now: {}", id.str(), controller.error().message);
  return removed;
}

}  // namespace mlnode::models
