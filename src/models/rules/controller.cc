#include "models/rules/controller.h"

#include <utility>

#include "storage/document_format.h"

namespace mlnode::models {
namespace {

constexpr std::string_view kUsers = "user_rate_limiter";

}  // namespace

Result<UserRateLimiters> ParseUserRateLimiters(const json::object& body) {
  UserRateLimiters users;
  ASSIGN_OR_RETURN(const json::object* given, ObjectField(body, kUsers));
  if (given == nullptr) return users;
  if (given->size() > kMaxControllerUsers)
    return MakeError(Code::kTooLarge, "[user_rate_limiter] names " + std::to_string(given->size()) +
                                          " users; a controller has at most " + std::to_string(kMaxControllerUsers));
  for (const auto& entry : *given) {
    auto object = ObjectField(*given, entry.key());
    if (!object) return Annotate(std::move(object).error(), kUsers);
    if (*object == nullptr) continue;
    ASSIGN_OR_RETURN(RateLimiter limiter, ParseRateLimiter(**object));
    if (limiter != RateLimiter{}) users[entry.key()] = std::move(limiter);
  }
  return users;
}

Result<Controller> ReadController(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  Result<UserRateLimiters> users = ParseUserRateLimiters(document.body);
  if (!users)
    return Error{
        .code = Code::kDataLoss,
        .message = "controller of model " + document.key.id + ": stored field [user_rate_limiter] is malformed",
        .detail = users.error().message};
  return Controller{.model = ModelId(document.key.id),
                    .users = *std::move(users),
                    .revision = document.revision,
                    .doc_version = document.version};
}

json::object ControllerForm(const Controller& controller) {
  json::object users;
  for (const auto& [user, limiter] : controller.users) users[user] = RateLimiterForm(limiter);
  json::object form;
  form["model_id"] = controller.model.str();
  form[kUsers] = std::move(users);
  return form;
}

}  // namespace mlnode::models
