// models/rules/rate_limiter.h: how many predictions may begin in a time: `rate_limiter` of a model and, per user, what
// a controller holds. Both halves may be given one after the other; a limit is in force once both are known. Pure; any
// thread.
#pragma once

#include <optional>
#include <string>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"

namespace mlnode::models {

struct RateLimiter {
  std::optional<std::string> limit;  // a decimal number from 0, as its text: what clients are shown
  std::optional<std::string> unit;   // "NANOSECONDS", ... "DAYS"
  bool operator==(const RateLimiter&) const = default;
};

// What a complete limiter allows: `requests` in each `period`.
struct Allowance {
  double requests = 0;
  Duration period{1};
  bool operator==(const Allowance&) const = default;
};

// {"limit", "unit"} as a client gives it; other keys are dropped. kInvalidArgument in the peer's words: a limit that is
// no number from 0 (reason "parse_exception"), an unknown unit.
Result<RateLimiter> ParseRateLimiter(const json::object& given);
// What is stored and shown; ParseRateLimiter reads it back.
json::object RateLimiterForm(const RateLimiter& limiter);
// The halves that `change` has replace those of `limiter`.
RateLimiter Merged(RateLimiter limiter, const RateLimiter& change);
// nullopt: one half is missing, nothing is limited.
std::optional<Allowance> AllowanceOf(const RateLimiter& limiter);

}  // namespace mlnode::models
