#include "config/circuit_breakers.h"

#include <fmt/format.h>

namespace mlnode::config {
namespace {

constexpr std::string_view kMemoryThreshold = "plugins.ml_commons.native_memory_threshold";
constexpr std::string_view kDiskThreshold = "plugins.ml_commons.disk_free_space_threshold";

Error Open(std::string_view breaker, const std::string& why) {
  Error error = MakeError(Code::kResourceExhausted,
                          fmt::format("{} Circuit Breaker is open, please check your resources! {}", breaker, why));
  error.reason = "circuit_breaking_exception";
  return error;
}

}  // namespace

Status CheckMemoryBreaker(const Snapshot& settings, const Resources& resources) {
  constexpr std::int64_t kNever = 100;
  const std::int64_t threshold = settings.Int(kMemoryThreshold);
  if (threshold >= kNever || resources.memory_limit == 0) return {};
  const double percent =
      100.0 * static_cast<double>(resources.memory_used) / static_cast<double>(resources.memory_limit);
  if (percent <= static_cast<double>(threshold)) return {};
  return Open("Native Memory", fmt::format("{} of {} bytes ({:.0f} percent) are used, {} is {}.", resources.memory_used,
                                           resources.memory_limit, percent, kMemoryThreshold, threshold));
}

Status CheckDiskBreaker(const Snapshot& settings, const Resources& resources) {
  const std::int64_t threshold = settings.Bytes(kDiskThreshold);
  if (threshold <= 0 || resources.disk_free >= static_cast<std::uint64_t>(threshold)) return {};
  return Open("Disk",
              fmt::format("{} bytes are free, {} is {} bytes.", resources.disk_free, kDiskThreshold, threshold));
}

}  // namespace mlnode::config
