#include "config/overlay.h"

#include "config/setting_values.h"

namespace mlnode::config {
namespace {

Error Refuse(std::string message) {
  Error error = MakeError(Code::kInvalidArgument, std::move(message));
  error.reason = "settings_exception";
  return error;
}

// '*' stands for any characters. Linear in both: only the last '*' is ever tried again.
bool Matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// Whether a request may change `name` at all. What is stored but unknown (from another version) may only be removed.
Status CheckName(std::string_view section, const std::string& name, bool is_reset, const RawValues& values) {
  const SettingRow* row = FindSetting(name);
  const std::string setting = std::string(section) + " setting [" + name + "], not ";
  if (!row && is_reset && (name.ends_with('*') || values.contains(name))) return {};
  if (!row) return Refuse(setting + "recognized");
  if (row->scope == Scope::kFinal) return Refuse("final " + setting + "updateable");
  if (row->scope == Scope::kStatic) return Refuse(setting + "dynamically updateable");
  return {};
}

}  // namespace

Result<RawValues> ApplySection(std::string_view section, RawValues values, const RawChange& change) {
  RawValues set;
  for (const auto& [name, text] : change) {
    RETURN_IF_ERROR(CheckName(section, name, !text.has_value(), values));
    if (!text) continue;
    ASSIGN_OR_RETURN(set[name], CheckValue(*FindSetting(name), *text));
  }
  for (const auto& [name, text] : change) {
    if (text) continue;
    std::erase_if(values, [&pattern = name](const auto& entry) { return Matches(pattern, entry.first); });
  }
  for (auto& [name, text] : set) values.insert_or_assign(name, std::move(text));
  return values;
}

}  // namespace mlnode::config
