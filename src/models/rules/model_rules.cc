#include "models/rules/model_rules.h"

#include <fmt/format.h>

#include "storage/document_format.h"

namespace mlnode::models {
namespace {

Error Damaged(const storage::Document& document, std::string_view field) {
  return MakeError(Code::kDataLoss,
                   fmt::format("{}/{}: stored field [{}] is missing or malformed",
                               storage::TraitsOf(document.key.collection).name, document.key.id, field));
}

Result<std::optional<Allowance>> ReadAllowance(const json::object& parent, std::string_view key) {
  ASSIGN_OR_RETURN(const json::object* stored, ObjectField(parent, key));
  if (stored == nullptr) return std::optional<Allowance>();
  ASSIGN_OR_RETURN(const RateLimiter limiter, ParseRateLimiter(*stored));
  return AllowanceOf(limiter);
}

}  // namespace

Result<ModelRules> ReadModelRules(const storage::Document& model) {
  RETURN_IF_ERROR(storage::CheckFormat(model));
  ModelRules rules;
  const auto algorithm = StringField(model.body, "algorithm");
  const auto function =
      algorithm && *algorithm ? ParseFunctionName(**algorithm) : Result<FunctionName>(Damaged(model, "algorithm"));
  if (!function) return Damaged(model, "algorithm");
  rules.function = *function;
  const auto enabled = BoolField(model.body, "is_enabled");
  if (!enabled) return Damaged(model, "is_enabled");
  rules.is_enabled = enabled->value_or(true);
  const auto limit = ReadAllowance(model.body, "rate_limiter");
  if (!limit) return Damaged(model, "rate_limiter");
  rules.limit = *limit;
  const auto interface = ObjectField(model.body, "interface");
  if (!interface) return Damaged(model, "interface");
  rules.has_interface = *interface != nullptr && !(*interface)->empty();
  return rules;
}

Result<std::optional<Allowance>> ReadUserAllowance(const storage::Document& controller, std::string_view user) {
  RETURN_IF_ERROR(storage::CheckFormat(controller));
  const auto users = ObjectField(controller.body, "user_rate_limiter");
  if (!users) return Damaged(controller, "user_rate_limiter");
  if (*users == nullptr) return std::optional<Allowance>();
  const auto allowance = ReadAllowance(**users, user);
  if (!allowance) return Damaged(controller, "user_rate_limiter");
  return *allowance;
}

}  // namespace mlnode::models
