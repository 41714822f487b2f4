// config/regex_safety.h: which patterns an operator may put into a setting (spec/tasks-profile-stats-settings §4, end).
#pragma once

#include <string_view>

#include "core/result.h"

namespace mlnode::config {

// Patterns are matched with RE2 in linear time here, but the peer refuses these, and a value must mean the same on
// both: longer than 256 characters, nested quantifiers, back references, or no valid RE2 syntax (RE2 has no
// look-around). kInvalidArgument.
Status CheckRegexIsSafe(std::string_view pattern);

}  // namespace mlnode::config
