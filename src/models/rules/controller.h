// models/rules/controller.h: a model's controller: how many predictions each user may begin in a time. One document a
// model, under the model's id. Format: docs/formats/controller.md. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/id.h"
#include "models/rules/rate_limiter.h"
#include "storage/store.h"

namespace mlnode::models {

using UserRateLimiters = std::map<std::string, RateLimiter>;  // by user name; none without limit and unit
inline constexpr std::size_t kMaxControllerUsers = 5'000;     // of 512 KiB a document, about 100 bytes each

struct Controller {
  ModelId model;
  UserRateLimiters users = {};
  std::uint64_t revision = 0, doc_version = 0;  // of the document this was read from
};

// The user_rate_limiter of a request's body; absent: nobody. A user without limit and unit is left out.
// kInvalidArgument as ParseRateLimiter, or naming what is no object; kTooLarge beyond kMaxControllerUsers.
Result<UserRateLimiters> ParseUserRateLimiters(const json::object& body);
Result<Controller> ReadController(const storage::Document& document);  // kDataLoss
json::object ControllerForm(const Controller& controller);             // what is stored and shown

}  // namespace mlnode::models
