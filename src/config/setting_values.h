// config/setting_values.h: the text of one setting's value, read as its type and checked against its row, with the
// peer's error texts (spec/tasks-profile-stats-settings §5). Pure functions; any thread. Errors: kInvalidArgument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace mlnode::config {

// The text to keep for `text`: itself, for a list its JSON array. Lists may be given as a JSON array or as "a, b".
Result<std::string> CheckValue(const SettingRow& row, std::string_view text);

std::optional<bool> ReadBool(std::string_view text);         // exactly true or false
std::optional<std::int64_t> ReadInt(std::string_view text);  // decimal
std::optional<double> ReadFloat(std::string_view text);      // finite
Result<std::int64_t> ReadBytes(const SettingRow& row,
                               std::string_view text);  // b, k, kb ... pb in any case; plain 0 and -1
std::vector<std::string> ReadList(std::string_view text);
std::string ListText(const std::vector<std::string>& items);  // JSON array

// Comma-separated URLs without what stands before an '@' in their authority: for answers and logs.
std::string WithoutCredentials(std::string_view urls);

}  // namespace mlnode::config
