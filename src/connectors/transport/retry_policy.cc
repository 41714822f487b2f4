#include "connectors/transport/retry_policy.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>

namespace mlnode::connectors {
namespace {

constexpr std::string_view kThrottled = "ThrottlingException";
constexpr int kMostDoublings = 20;                 // 2^20 * 200 ms is more than two days: the budget ends first
constexpr std::int64_t kLongestAsked = 1'000'000;  // seconds; beyond any budget, and far from overflow

// Up to and including `most`.
Duration Upto(Duration most, RandomSource& random) {
  const auto span = static_cast<std::uint64_t>(std::max<std::int64_t>(most.count(), 0)) + 1;
  return Duration(static_cast<std::int64_t>(random.Next() % span));
}

Duration Backoff(const ClientConfig& config, std::int64_t retries, RandomSource& random) {
  const Duration base = config.retry_backoff;
  if (config.retry_backoff_policy == BackoffPolicy::kConstant) return base;
  const auto doublings = std::clamp<std::int64_t>(retries, 0, kMostDoublings);
  // The budget caps the step, before it is multiplied, so that nothing overflows.
  const Duration cap = config.retry_timeout;
  const std::int64_t factor = std::int64_t{1} << doublings;
  const Duration step = base > cap / factor ? cap : base * factor;
  if (config.retry_backoff_policy == BackoffPolicy::kExponentialFullJitter) return Upto(step, random);
  return step / 2 + Upto(step / 2, random);
}

std::optional<EpochMillis> ParseHttpDate(const std::string& text) {
  std::tm utc{};
  const char* const end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<EpochMillis>(timegm(&utc)) * 1000;
}

}  // namespace

bool IsRetryable(const net::ClientReply& reply) {
  if (reply.status == 429 || reply.status >= 500) return true;
  const auto type = reply.headers.Find("x-amzn-ErrorType");
  return type && type->starts_with(kThrottled);
}

std::optional<Duration> RetryAfter(const net::Headers& headers, EpochMillis now) {
  const auto value = headers.Find("Retry-After");
  if (!value) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error == std::errc() && end == value->data() + value->size()) {
    return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLongestAsked));
  }
  const auto date = ParseHttpDate(std::string(*value));
  if (!date) return std::nullopt;
  return std::chrono::milliseconds(std::clamp<std::int64_t>(*date - now, 0, kLongestAsked * 1000));
}

std::optional<Duration> NextRetry(const ClientConfig& config, const RetryState& state, RandomSource& random) {
  if (config.max_retry_times >= 0 && state.retries >= config.max_retry_times) return std::nullopt;
  Duration wait = std::max<Duration>(Backoff(config, state.retries, random), kShortestBackoff);
  if (state.asked_for) wait = std::max(wait, *state.asked_for);
  if (wait > config.retry_timeout - state.elapsed || wait >= state.remaining) return std::nullopt;
  return wait;
}

}  // namespace mlnode::connectors
