#include "config/setting_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "config/regex_safety.h"
#include "core/json.h"

namespace mlnode::config {
namespace {

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

Error Unparsable(const SettingRow& row, std::string_view text, std::string_view rest = {}) {
  return Invalid("Failed to parse value [" + std::string(text) + "] for setting [" + std::string(row.name) + "]" +
                 std::string(rest));
}

std::string BoundText(const SettingRow& row, double bound) {
  if (row.type != Type::kFloat) return std::to_string(static_cast<std::int64_t>(bound));
  std::string text;
  AppendDouble(text, bound);
  return text;
}

Status CheckRange(const SettingRow& row, std::string_view text, double value) {
  if (row.min == row.max) return {};
  if (value < row.min) return Unparsable(row, text, " must be >= " + BoundText(row, row.min));
  if (value > row.max) return Unparsable(row, text, " must be <= " + BoundText(row, row.max));
  return {};
}

Status CheckChoice(const SettingRow& row, std::string_view text) {
  if (row.choices.empty()) return {};
  for (std::string_view left = row.choices; !left.empty();) {
    const std::size_t end = std::min(left.find('|'), left.size());
    if (left.substr(0, end) == text) return {};
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return Unparsable(row, text, " must be one of [" + std::string(row.choices) + "]");
}

Result<std::string> CheckList(const SettingRow& row, std::string_view text) {
  const std::vector<std::string> items = ReadList(text);
  for (const std::string& item : items) {
    RETURN_IF_ERROR(CheckChoice(row, item));
    if (row.check == Check::kSafeRegexes) RETURN_IF_ERROR(CheckRegexIsSafe(item));
  }
  return ListText(items);
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

template <class Number>
std::optional<Number> ReadWhole(std::string_view text) {
  Number value{};
  const char* const begin =
      text.data();  // NOLINT(bugprone-suspicious-stringview-data-usage): its end is given beside it
  const char* const end = begin + text.size();
  const auto [stop, ec] = std::from_chars(begin, end, value);
  if (ec != std::errc() || stop != end) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view suffix;
  unsigned shift;
};
// Longer suffixes first: every one ends in b.
constexpr std::array<Unit, 11> kUnits = {{{"kb", 10},
                                          {"mb", 20},
                                          {"gb", 30},
                                          {"tb", 40},
                                          {"pb", 50},
                                          {"k", 10},
                                          {"m", 20},
                                          {"g", 30},
                                          {"t", 40},
                                          {"p", 50},
                                          {"b", 0}}};

}  // namespace

std::optional<bool> ReadBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<std::int64_t> ReadInt(std::string_view text) { return ReadWhole<std::int64_t>(text); }

std::optional<double> ReadFloat(std::string_view text) {
  const auto value = ReadWhole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

Result<std::int64_t> ReadBytes(const SettingRow& row, std::string_view text) {
  const auto refuse = [&](const char* why) {
    return Invalid("failed to parse setting [" + std::string(row.name) + "] with value [" + std::string(text) +
                   "] as a size in bytes" + why);
  };
  const std::string lower = Lower(Trim(text));
  if (lower == "0") return std::int64_t{0};
  if (lower == "-1") return std::int64_t{-1};
  for (const Unit& unit : kUnits) {
    if (!lower.ends_with(unit.suffix)) continue;
    const std::string_view digits = Trim(std::string_view(lower).substr(0, lower.size() - unit.suffix.size()));
    const auto number = ReadFloat(digits);
    if (!number) break;
    if (*number < 0) return refuse(": it is negative");
    const double bytes = std::ldexp(*number, static_cast<int>(unit.shift));
    if (bytes >= 0x1p63) return refuse(": it is too large");
    return static_cast<std::int64_t>(bytes);
  }
  return refuse(": unit is missing or unrecognized");
}

std::vector<std::string> ReadList(std::string_view text) {
  std::vector<std::string> items;
  text = Trim(text);
  if (text.starts_with('[')) {
    // A regular expression may start with a bracket too: only a JSON array of strings is taken for a list.
    const auto parsed = ParseJson(text);
    const json::array* array = parsed ? parsed->if_array() : nullptr;
    if (array && std::all_of(array->begin(), array->end(), [](const json::value& item) { return item.is_string(); })) {
      for (const json::value& item : *array) items.emplace_back(std::string_view(item.get_string()));
      return items;
    }
  }
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = Trim(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

std::string ListText(const std::vector<std::string>& items) {
  json::array array;
  for (const std::string& item : items) array.emplace_back(item);
  return ToJson(json::value(std::move(array)));
}

Result<std::string> CheckValue(const SettingRow& row, std::string_view text) {
  switch (row.type) {
    case Type::kBool:
      if (!ReadBool(text)) {
        return Invalid("Failed to parse value [" + std::string(text) + "] as only [true] or [false] are allowed.");
      }
      break;
    case Type::kInt: {
      const auto value = ReadInt(text);
      if (!value) return Unparsable(row, text);
      RETURN_IF_ERROR(CheckRange(row, text, static_cast<double>(*value)));
      break;
    }
    case Type::kFloat: {
      const auto value = ReadFloat(text);
      if (!value) return Unparsable(row, text);
      RETURN_IF_ERROR(CheckRange(row, text, *value));
      break;
    }
    case Type::kBytes: {
      ASSIGN_OR_RETURN(const std::int64_t bytes, ReadBytes(row, text));
      RETURN_IF_ERROR(CheckRange(row, text, static_cast<double>(bytes)));
      break;
    }
    case Type::kString:
      RETURN_IF_ERROR(CheckChoice(row, text));
      break;
    case Type::kList:
      return CheckList(row, text);
  }
  return std::string(text);
}

std::string WithoutCredentials(std::string_view urls) {
  constexpr std::string_view kSign = "://";
  std::string shown;
  for (;;) {
    const std::size_t comma = std::min(urls.find(','), urls.size());
    const std::string_view url = urls.substr(0, comma);
    const std::size_t sign = url.find(kSign);
    const std::size_t begin = sign == std::string_view::npos ? 0 : sign + kSign.size();
    const std::string_view authority = url.substr(begin, url.find('/', begin) - begin);
    const std::size_t at = authority.rfind('@');
    shown += url.substr(0, begin);
    shown += at == std::string_view::npos ? url.substr(begin) : url.substr(begin + at + 1);
    if (comma == urls.size()) return shown;
    shown += ',';
    urls.remove_prefix(comma + 1);
  }
}

}  // namespace mlnode::config
