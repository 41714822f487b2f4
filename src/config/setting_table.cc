#include "config/setting_table.h"

#include <map>
#include <vector>

namespace mlnode::config {

std::span<const SettingRow> SettingTable() {
  static const std::vector<SettingRow> table = [] {
    std::vector<SettingRow> rows;
    for (const auto part : {NodeSettings(), MlCommonsSettings(), OutOfScopeSettings()}) {
      rows.insert(rows.end(), part.begin(), part.end());
    }
    return rows;
  }();
  return table;
}

const SettingRow* FindSetting(std::string_view name) {
  static const std::map<std::string_view, const SettingRow*> by_name = [] {
    std::map<std::string_view, const SettingRow*> index;
    for (const SettingRow& row : SettingTable()) index.emplace(row.name, &row);
    return index;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace mlnode::config
