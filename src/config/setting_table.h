// config/setting_table.h: the parts of the settings table, and how one row is written down. Only setting_table.cc joins
// them.
#pragma once

#include <span>
#include <string_view>

#include "config/settings.h"

namespace mlnode::config {

std::span<const SettingRow> NodeSettings();  // mlnode.*: this program's own
std::span<const SettingRow>
MlCommonsSettings();  // plugins.ml_commons.*: what the peer has (spec/tasks-profile-stats-settings §4)
std::span<const SettingRow> OutOfScopeSettings();  // plugins.ml_commons.* of features that this program does not have

struct Range {
  double min = 0, max = 0;
};

constexpr SettingRow BoolRow(std::string_view name, Scope scope, bool fallback, std::string_view doc) {
  return {.name = name, .type = Type::kBool, .scope = scope, .fallback = fallback ? "true" : "false", .doc = doc};
}
constexpr SettingRow IntRow(std::string_view name, Scope scope, std::string_view fallback, Range range,
                            std::string_view doc) {
  return {.name = name,
          .type = Type::kInt,
          .scope = scope,
          .fallback = fallback,
          .min = range.min,
          .max = range.max,
          .doc = doc};
}
constexpr SettingRow TextRow(std::string_view name, Scope scope, std::string_view fallback, std::string_view doc,
                             std::string_view choices = {}) {
  return {.name = name, .type = Type::kString, .scope = scope, .fallback = fallback, .doc = doc, .choices = choices};
}
constexpr SettingRow UrlsRow(std::string_view name, Scope scope, std::string_view fallback, std::string_view doc) {
  return {.name = name, .type = Type::kString, .scope = scope, .urls = true, .fallback = fallback, .doc = doc};
}
constexpr SettingRow ListRow(std::string_view name, Scope scope, std::string_view fallback, std::string_view doc,
                             std::string_view choices = {}) {
  return {.name = name, .type = Type::kList, .scope = scope, .fallback = fallback, .doc = doc, .choices = choices};
}
constexpr SettingRow PatternsRow(std::string_view name, Scope scope, std::string_view fallback, std::string_view doc) {
  return {.name = name,
          .type = Type::kList,
          .scope = scope,
          .check = Check::kSafeRegexes,
          .fallback = fallback,
          .doc = doc};
}
constexpr SettingRow BytesRow(std::string_view name, Scope scope, std::string_view fallback, Range range,
                              std::string_view doc) {
  return {.name = name,
          .type = Type::kBytes,
          .scope = scope,
          .fallback = fallback,
          .min = range.min,
          .max = range.max,
          .doc = doc};
}

}  // namespace mlnode::config
