#include "models/rules/controller_repository.h"

#include <utility>

#include "storage/document_format.h"
#include "storage/listing.h"

namespace mlnode::models {
namespace {

storage::Key KeyOf(const ModelId& model) { return {storage::Collection::kControllers, model.str()}; }

}  // namespace

Result<Controller> ControllerRepository::Get(const ModelId& model) const {
  Result<storage::DocumentPtr> found = storage::GetOrAsk(store_, KeyOf(model));
  if (!found) return std::move(found).error();
  return ReadController(**found);
}

std::vector<Controller> ControllerRepository::List() const {
  return storage::ReadListing(store_, storage::Collection::kControllers, "models", ReadController);
}

Result<storage::Written> ControllerRepository::Put(const Controller& controller) {
  auto replace = [&](json::object& body) -> Result<bool> {
    RETURN_IF_ERROR(storage::CheckFormat({.key = KeyOf(controller.model), .body = body}));
    body = ControllerForm(controller);
    return true;
  };
  ASSIGN_OR_RETURN(const storage::Updated updated,
                   storage::Update(store_, random_, KeyOf(controller.model), replace, {.create_if_absent = true}));
  return updated.written;
}

Result<ControllerRepository::Merge> ControllerRepository::Update(const ModelId& model, const UserRateLimiters& users) {
  auto merge = [&](json::object& body) -> Result<bool> {
    ASSIGN_OR_RETURN(Controller controller, ReadController({.key = KeyOf(model), .body = body}));
    for (const auto& [user, limiter] : users) controller.users[user] = Merged(controller.users[user], limiter);
    if (controller.users.size() > kMaxControllerUsers)
      return MakeError(Code::kTooLarge, "[user_rate_limiter] would name " + std::to_string(controller.users.size()) +
                                            " users; a controller has at most " + std::to_string(kMaxControllerUsers));
    json::object changed = ControllerForm(controller);
    if (changed == body) return false;
    body = std::move(changed);
    return true;
  };
  ASSIGN_OR_RETURN(const storage::Updated updated, storage::Update(store_, random_, KeyOf(model), merge));
  return Merge{.written = updated.written, .changed = updated.changed};
}

Result<storage::Written> ControllerRepository::Remove(const ModelId& model, std::uint64_t revision) {
  return storage::Commit(store_, {.key = KeyOf(model),
                                  .expect = storage::Expect::Revision(revision),
                                  .body = std::nullopt,
                                  .nonce = NewNonce(random_)});
}

Result<storage::Written> ControllerRepository::Remove(const ModelId& model) {
  return storage::Remove(store_, random_, KeyOf(model), "the controller of model " + model.str(),
                         [](const storage::Document&) { return Status(); });
}

}  // namespace mlnode::models
