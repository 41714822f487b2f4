#include "rest/resources/cat_table.h"

#include <algorithm>

#include "core/log.h"
#include "rest/content_type.h"
#include "rest/json_reply.h"
#include "rest/resources/comma_list.h"

namespace mlnode::rest {
namespace {

const std::string* Cell(const CatRow& row, std::string_view column) {
  for (const auto& [name, value] : row) {
    if (name == column) return &value;
  }
  return nullptr;
}

std::string_view ColumnName(const CatTable& table, std::string_view name) {
  const auto alias = table.aliases.find(name);
  return alias == table.aliases.end() ? name : std::string_view(alias->second);
}

// Shown title and column name: a column asked for by its alias keeps the alias as its title.
using Columns = std::vector<std::pair<std::string, std::string>>;

Columns ChooseColumns(const RequestContext& context, const CatTable& table) {
  Columns columns;
  if (const auto wanted = context.Query("h"); wanted && !wanted->empty()) {
    for (const std::string_view name : SplitCommas(*wanted)) {
      const std::string_view column = ColumnName(table, name);
      if (table.rows.empty() || Cell(table.rows.front(), column) != nullptr) columns.emplace_back(name, column);
    }
  } else {
    for (const std::string& column : table.default_columns) columns.emplace_back(column, column);
  }
  return columns;
}

struct SortKey {
  std::string column;
  bool descending;
};

Result<std::vector<SortKey>> SortKeys(std::string_view order, const CatTable& table) {
  std::vector<SortKey> keys;
  for (const std::string_view key : SplitCommas(order)) {
    const std::string_view name = key.substr(0, key.find(':'));
    const std::string_view column = ColumnName(table, name);
    if (!table.rows.empty() && Cell(table.rows.front(), column) == nullptr) {
      return MakeError(Code::kInvalidArgument, fmt::format("Unable to sort by unknown sort key `{}`", name));
    }
    keys.push_back({std::string(column), key.ends_with(":desc")});
  }
  return keys;
}

void SortRows(const std::vector<SortKey>& keys, std::vector<CatRow>& rows) {
  std::sort(rows.begin(), rows.end(), [&](const CatRow& a, const CatRow& b) {
    for (const SortKey& key : keys) {
      const int order = Cell(a, key.column)->compare(*Cell(b, key.column));
      if (order != 0) return key.descending ? order > 0 : order < 0;
    }
    return false;
  });
}

json::array JsonRows(const Columns& columns, const CatTable& table) {
  json::array rows;
  for (const CatRow& row : table.rows) {
    json::object shown;
    for (const auto& [title, column] : columns) {
      if (const std::string* value = Cell(row, column)) shown[title] = *value;
    }
    rows.push_back(std::move(shown));
  }
  return rows;
}

std::string TextRows(const Columns& columns, const CatTable& table, bool header) {
  std::vector<std::vector<std::string>> lines;
  if (header) {
    lines.emplace_back();
    for (const auto& [title, column] : columns) lines.back().push_back(title);
  }
  for (const CatRow& row : table.rows) {
    lines.emplace_back();
    for (const auto& [title, column] : columns) {
      const std::string* value = Cell(row, column);
      lines.back().push_back(value == nullptr ? std::string() : *value);
    }
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool last = i + 1 == line.size();
      text += last ? line[i] : fmt::format("{:<{}} ", line[i], widths[i]);
    }
    text.push_back('\n');
  }
  return text;
}

}  // namespace

std::vector<std::string> CatParams() { return {"v", "h", "s", "help", "bytes", "time"}; }

Result<net::HttpReply> CatReply(const RequestContext& context, CatTable table) {
  ASSIGN_OR_RETURN(const bool header, context.BoolQuery("v", false));
  if (const auto order = context.Query("s")) {
    ASSIGN_OR_RETURN(const auto keys, SortKeys(*order, table));
    SortRows(keys, table.rows);
  }
  const Columns columns = ChooseColumns(context, table);
  if (WishedFormat(context.http().headers, context.Query("format")))
    return JsonReply(context, JsonRows(columns, table));
  return TextReply(TextRows(columns, table, header));
}

}  // namespace mlnode::rest
