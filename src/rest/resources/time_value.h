// rest/resources/time_value.h: durations in query parameters: "30s", "500ms", "1m".
#pragma once

#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace mlnode::rest {

// Units: nanos, micros, ms, s, m, h, d; "0" alone is zero. kInvalidArgument names the parameter and what is wrong.
Result<Duration> ParseTimeValue(std::string_view parameter, std::string_view text);

}  // namespace mlnode::rest
