// models/input/common_fields.h: what the bodies of register, update and model group requests have in common: settings
// of a model's behaviour, and the letters that texts may have (spec/lifecycle §2.1, 2.2, 9; spec/access §3.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace mlnode::models {

struct Behaviour {
  std::optional<bool> is_enabled;
  // Of rate_limiter, deploy_setting, interface and guardrails those that were given, in the form they are stored in:
  // known keys only, a limit as text, a deploy_setting without model_ttl_minutes with -1.
  json::object settings;
};

// kInvalidArgument in the peer's words: a limit that is no positive number (reason "parse_exception"), a unit that is
// none of java.util.concurrent.TimeUnit, a field of another type.
Result<Behaviour> ReadBehaviour(const json::object& body);

// Checks names and descriptions of one request and answers with all that is wrong at once.
class TextCheck {
 public:
  // Letters, digits, blanks and basic punctuation. `what` begins the sentence: "Model name".
  void Allowed(std::string_view what, const std::string& text);
  // Not blank, and Allowed.
  void Required(std::string_view what, const std::string& text);
  // kInvalidArgument, reason "action_request_validation_exception": "Validation Failed: 1: ...;2: ...;".
  Status Outcome() const;

 private:
  void Add(std::string_view what, std::string_view problem);

  std::string problems_;
  int count_ = 0;
};

bool IsBlank(std::string_view text);

// Access fields mean something only where access control exists; an access_mode that is no mode is ignored, as the peer
// does. kInvalidArgument for a field of another type; null is none of a boolean's values (reason
// "json_parse_exception").
Result<bool> WantsAccessControl(const json::object& body);
Error AccessControlIsOff();

}  // namespace mlnode::models
