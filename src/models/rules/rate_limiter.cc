#include "models/rules/rate_limiter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

namespace mlnode::models {
namespace {

using std::chrono::hours;

constexpr std::array<std::pair<std::string_view, Duration>, 7> kUnits = {{
    {"NANOSECONDS", std::chrono::nanoseconds(1)},
    {"MICROSECONDS", std::chrono::microseconds(1)},
    {"MILLISECONDS", std::chrono::milliseconds(1)},
    {"SECONDS", std::chrono::seconds(1)},
    {"MINUTES", std::chrono::minutes(1)},
    {"HOURS", hours(1)},
    {"DAYS", hours(24)},
}};

const Duration* PeriodOf(std::string_view unit) {
  const auto* found = std::ranges::find(kUnits, unit, &std::pair<std::string_view, Duration>::first);
  return found == kUnits.end() ? nullptr : &found->second;
}

// nullopt: not a number from 0.
std::optional<double> Number(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool all = error == std::errc() && end == text.data() + text.size();
  return all && std::isfinite(number) && number >= 0 ? std::optional(number) : std::nullopt;
}

Error NotANumber() {
  return {
      .code = Code::kInvalidArgument, .message = "Limit field must be a positive number.", .reason = "parse_exception"};
}

}  // namespace

Result<RateLimiter> ParseRateLimiter(const json::object& given) {
  RateLimiter limiter;
  Result<std::optional<std::string>> limit = StringField(given, "limit");
  if (!limit) return NotANumber();
  limiter.limit = *std::move(limit);
  if (limiter.limit && !Number(*limiter.limit)) return NotANumber();
  ASSIGN_OR_RETURN(limiter.unit, StringField(given, "unit"));
  if (limiter.unit && PeriodOf(*limiter.unit) == nullptr)
    return MakeError(Code::kInvalidArgument, "No enum constant java.util.concurrent.TimeUnit." + *limiter.unit);
  return limiter;
}

json::object RateLimiterForm(const RateLimiter& limiter) {
  json::object form;
  if (limiter.limit) form["limit"] = *limiter.limit;
  if (limiter.unit) form["unit"] = *limiter.unit;
  return form;
}

RateLimiter Merged(RateLimiter limiter, const RateLimiter& change) {
  if (change.limit) limiter.limit = change.limit;
  if (change.unit) limiter.unit = change.unit;
  return limiter;
}

std::optional<Allowance> AllowanceOf(const RateLimiter& limiter) {
  if (!limiter.limit || !limiter.unit) return std::nullopt;
  const std::optional<double> requests = Number(*limiter.limit);
  const Duration* period = PeriodOf(*limiter.unit);
  if (!requests || period == nullptr) return std::nullopt;
  return Allowance{.requests = *requests, .period = *period};
}

}  // namespace mlnode::models
