#include "rest/resources/time_value.h"

#include <charconv>
#include <cstdint>

#include "core/log.h"

namespace mlnode::rest {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanos;
};
constexpr Unit kUnits[] = {
    {"nanos", 1},          {"micros", 1'000},        {"ms", 1'000'000},        {"s", 1'000'000'000},
    {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}};
constexpr std::int64_t kMaxNanos = 365 * 86'400'000'000'000;

}  // namespace

Result<Duration> ParseTimeValue(std::string_view parameter, std::string_view text) {
  if (text == "0") return Duration::zero();
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit_name(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : kUnits) {
    if (error != std::errc() || unit.name != unit_name || count < 0) continue;
    if (count > kMaxNanos / unit.nanos) break;
    return Duration(count * unit.nanos);
  }
  return MakeError(
      Code::kInvalidArgument,
      fmt::format("failed to parse setting [{}] with value [{}] as a time value: unit is missing or unrecognized",
                  parameter, text));
}

}  // namespace mlnode::rest
