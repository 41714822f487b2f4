#include "models/time_to_live.h"

#include <algorithm>

namespace mlnode::models {

std::optional<std::chrono::minutes> TimeToLive(const json::object& document) {
  const json::value* setting = document.if_contains("deploy_setting");
  const json::object* fields = setting == nullptr ? nullptr : setting->if_object();
  if (fields == nullptr) return std::nullopt;
  const auto minutes = IntField(*fields, "model_ttl_minutes");
  if (!minutes || !*minutes || **minutes < 0) return std::nullopt;
  // A hundred years: what is longer must not overflow the clock.
  constexpr std::int64_t kLongest = 100LL * 366 * 24 * 60;
  return std::chrono::minutes(std::min(**minutes, kLongest));
}

}  // namespace mlnode::models
