#include "models/input/common_fields.h"

#include <re2/re2.h>

#include <utility>

#include "models/rules/guardrails.h"
#include "models/rules/model_interface.h"
#include "models/rules/rate_limiter.h"

namespace mlnode::models {
namespace {

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }
Error WithReason(std::string reason, std::string message) {
  Error error = Invalid(std::move(message));
  error.reason = std::move(reason);
  return error;
}

Result<json::object> ReadDeploySetting(const json::object& given) {
  json::object out;
  ASSIGN_OR_RETURN(const std::optional<bool> automatic, BoolField(given, "is_auto_deploy_enabled"));
  if (automatic) out["is_auto_deploy_enabled"] = *automatic;
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> minutes, IntField(given, "model_ttl_minutes"));
  out["model_ttl_minutes"] = minutes.value_or(-1);
  return out;
}

}  // namespace

Result<Behaviour> ReadBehaviour(const json::object& body) {
  Behaviour behaviour;
  ASSIGN_OR_RETURN(behaviour.is_enabled, BoolField(body, "is_enabled"));
  ASSIGN_OR_RETURN(const json::object* limiter, ObjectField(body, "rate_limiter"));
  if (limiter != nullptr) {
    ASSIGN_OR_RETURN(const RateLimiter read, ParseRateLimiter(*limiter));
    behaviour.settings["rate_limiter"] = RateLimiterForm(read);
  }
  ASSIGN_OR_RETURN(const json::object* deploy, ObjectField(body, "deploy_setting"));
  if (deploy != nullptr) {
    ASSIGN_OR_RETURN(behaviour.settings["deploy_setting"], ReadDeploySetting(*deploy));
  }
  ASSIGN_OR_RETURN(const json::object* interface, ObjectField(body, "interface"));
  if (interface != nullptr) {
    ASSIGN_OR_RETURN(behaviour.settings["interface"], ParseInterface(*interface));
  }
  ASSIGN_OR_RETURN(const json::object* guardrails, ObjectField(body, "guardrails"));
  if (guardrails != nullptr) {
    ASSIGN_OR_RETURN(behaviour.settings["guardrails"], ParseGuardrails(*guardrails));
  }
  return behaviour;
}

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos; }

void TextCheck::Add(std::string_view what, std::string_view problem) {
  problems_ += std::to_string(++count_) + ": " + std::string(what) + " " + std::string(problem) + ";";
}

void TextCheck::Allowed(std::string_view what, const std::string& text) {
  static const RE2 allowed(R"([\p{L}\p{N}\s\x0B.,!?():@\-_/'"]*)");
  if (!RE2::FullMatch(text, allowed))
    Add(what, "can only contain letters, numbers, spaces, and basic punctuation (.,!?():@-_'/\")");
}

void TextCheck::Required(std::string_view what, const std::string& text) {
  if (IsBlank(text)) return Add(what, "is required and cannot be null or blank");
  Allowed(what, text);
}

Status TextCheck::Outcome() const {
  if (count_ == 0) return {};
  return WithReason("action_request_validation_exception", "Validation Failed: " + problems_);
}

Result<bool> WantsAccessControl(const json::object& body) {
  ASSIGN_OR_RETURN(const std::optional<std::string> mode, StringField(body, "access_mode"));
  ASSIGN_OR_RETURN(const auto roles, StringsField(body, "backend_roles"));
  ASSIGN_OR_RETURN(const std::optional<bool> all_roles, BoolField(body, "add_all_backend_roles"));
  if (!all_roles && body.contains("add_all_backend_roles"))
    return WithReason("json_parse_exception",
                      "Current token (VALUE_NULL) not of boolean type: field [add_all_backend_roles]");
  const bool known_mode = mode && (*mode == "public" || *mode == "private" || *mode == "restricted");
  return known_mode || all_roles.has_value() || (roles && !roles->empty());
}

Error AccessControlIsOff() {
  return Invalid(
      "You cannot specify model access control parameters because the Security plugin or model access control is "
      "disabled on your cluster.");
}

}  // namespace mlnode::models
