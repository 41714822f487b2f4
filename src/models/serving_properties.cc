#include "models/serving_properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace mlnode::models {
namespace {

constexpr std::string_view kAllowedPackage = "ai.djl.";

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

// Logical lines: comments and blank lines left out, a backslash at the end joins the next line.
std::vector<std::string> LogicalLines(std::string_view text) {
  std::vector<std::string> lines;
  std::string current;
  bool continued = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    std::string_view line = text.substr(0, end);
    const std::size_t line_end = text.substr(end).starts_with("\r\n") ? 2 : 1;
    text.remove_prefix(std::min(end + line_end, text.size()));
    while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
    if (!continued && (line.empty() || line.front() == '#' || line.front() == '!')) continue;
    std::size_t slashes = 0;
    while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
    continued = slashes % 2 == 1;
    current += continued ? line.substr(0, line.size() - 1) : line;
    if (!continued) lines.push_back(std::exchange(current, {}));
  }
  if (!current.empty()) lines.push_back(std::move(current));
  return lines;
}

// \uXXXX of an ASCII character and \x of any other; class names have no others.
std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    ++i;
    if (text[i] == 'u' && i + 4 < text.size() && text.substr(i + 1, 2) == "00") {
      constexpr std::string_view kHex = "0123456789abcdef";
      const std::size_t high = kHex.find(static_cast<char>(text[i + 3] | 0x20)),
                        low = kHex.find(static_cast<char>(text[i + 4] | 0x20));
      if (high != std::string_view::npos && low != std::string_view::npos) {
        out += static_cast<char>(high * 16 + low);
        i += 4;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::pair<std::string, std::string> SplitLine(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && !IsBlank(line[end]) && line[end] != '=' && line[end] != ':')
    end += line[end] == '\\' ? 2 : 1;
  end = std::min(end, line.size());
  std::size_t value = end;
  while (value < line.size() && IsBlank(line[value])) ++value;
  if (value < line.size() && (line[value] == '=' || line[value] == ':')) ++value;
  while (value < line.size() && IsBlank(line[value])) ++value;
  std::string text = Unescape(line.substr(value));
  while (!text.empty() && IsBlank(text.back())) text.pop_back();
  return {Unescape(line.substr(0, end)), std::move(text)};
}

std::string Lower(std::string text) {
  for (char& c : text) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Identifiers joined by dots, at least three or the last one capitalised: com.acme.Thing, org.acme.thing.
bool LooksLikeClass(std::string_view value) {
  int parts = 0;
  bool capitalised = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= value.size(); ++i) {
    const char c = i < value.size() ? value[i] : '.';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
    if (c == '.') {
      if (i == begin) return false;
      capitalised = value[begin] >= 'A' && value[begin] <= 'Z';
      ++parts;
      begin = i + 1;
    } else if (!letter && (i == begin || c < '0' || c > '9')) {
      return false;
    }
  }
  return parts >= 3 || (parts == 2 && capitalised);
}

}  // namespace

Status CheckServingProperties(std::string_view text) {
  constexpr std::array<std::string_view, 3> kClassKeys = {"blockfactory", "translatorfactory", "translator"};
  for (const std::string& line : LogicalLines(text)) {
    const auto [key, value] = SplitLine(line);
    const std::string lower = Lower(key);
    if (lower == "application" || value.empty() || value.starts_with(kAllowedPackage)) continue;
    bool names_class = LooksLikeClass(value);
    for (std::string_view known : kClassKeys) names_class = names_class || lower == known;
    if (names_class)
      return MakeError(
          Code::kInvalidArgument,
          fmt::format("serving.properties key '{}' references a non-DJL class '{}', which is not allowed", key, value));
  }
  return {};
}

}  // namespace mlnode::models
