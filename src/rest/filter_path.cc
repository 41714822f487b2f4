#include "rest/filter_path.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/log.h"

namespace mlnode::rest {
namespace {

using Pattern = std::vector<std::string>;
// What is left of each pattern on the way down.
using Rest = std::span<const std::string>;
using Rests = std::vector<Rest>;

bool GlobMatch(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0, star = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      retry = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g, ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

// What `key` leaves of one pattern (which has no two ** in a row, so that this goes at most one deep). True when it
// completes the pattern.
bool Step(Rest rest, std::string_view key, Rests& next) {
  if (rest.front() == "**") {
    if (rest.size() == 1) return true;
    next.push_back(rest);
    return Step(rest.subspan(1), key, next);
  }
  if (!GlobMatch(rest.front(), key)) return false;
  if (rest.size() == 1) return true;
  next.push_back(rest.subspan(1));
  return false;
}

// What `key` leaves of all, each once: ** would otherwise multiply it at each level.
bool StepAll(const Rests& rests, std::string_view key, Rests& next) {
  for (const Rest& rest : rests) {
    if (Step(rest, key, next)) return true;
  }
  // A rest goes to the end of its pattern: where it begins says which it is.
  const auto begin = [](const Rest& rest) { return rest.data(); };
  std::ranges::sort(next, std::less<>(), begin);
  const auto repeated = std::ranges::unique(next, std::equal_to<>(), begin);
  next.erase(repeated.begin(), repeated.end());
  return false;
}

std::optional<json::value> Include(const json::value& value, const Rests& rests) {
  if (const auto* array = value.if_array()) {
    json::array kept;
    for (const json::value& element : *array) {
      if (auto part = Include(element, rests)) kept.push_back(*std::move(part));
    }
    if (kept.empty()) return std::nullopt;
    return kept;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  json::object kept;
  for (const auto& [key, member] : *object) {
    Rests next;
    if (StepAll(rests, key, next)) {
      kept[key] = member;
    } else if (!next.empty()) {
      if (auto part = Include(member, next)) kept[key] = *std::move(part);
    }
  }
  if (kept.empty()) return std::nullopt;
  return kept;
}

json::value Exclude(const json::value& value, const Rests& rests) {
  if (const auto* array = value.if_array()) {
    json::array kept;
    for (const json::value& element : *array) kept.push_back(Exclude(element, rests));
    return kept;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return value;
  json::object kept;
  for (const auto& [key, member] : *object) {
    Rests next;
    if (StepAll(rests, key, next)) continue;
    kept[key] = next.empty() ? member : Exclude(member, next);
  }
  return kept;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

Pattern ReadPattern(std::string_view text) {
  Pattern pattern = Split(text.starts_with('-') ? text.substr(1) : text, '.');
  // ** after ** says nothing new.
  const auto repeated =
      std::ranges::unique(pattern, [](std::string_view a, std::string_view b) { return a == "**" && b == "**"; });
  pattern.erase(repeated.begin(), repeated.end());
  return pattern;
}

}  // namespace

Status CheckFilterPath(std::string_view patterns) {
  const std::vector<std::string> texts = Split(patterns, ',');
  if (texts.size() > kMaxFilterPatterns) {
    return MakeError(Code::kInvalidArgument,
                     fmt::format("[filter_path] has {} patterns; the limit is {}", texts.size(), kMaxFilterPatterns));
  }
  for (const std::string& text : texts) {
    if (const std::size_t segments = ReadPattern(text).size(); segments > kMaxFilterSegments) {
      return MakeError(
          Code::kInvalidArgument,
          fmt::format("a pattern of [filter_path] has {} segments; the limit is {}", segments, kMaxFilterSegments));
    }
  }
  return {};
}

json::value FilterPaths(const json::value& value, std::string_view patterns) {
  std::vector<Pattern> includes, excludes;
  for (const std::string& text : Split(patterns, ',')) {
    const bool minus = text.starts_with('-');
    Pattern pattern = ReadPattern(text);
    if (!pattern.empty()) (minus ? excludes : includes).push_back(std::move(pattern));
  }
  json::value result = value;
  if (!includes.empty()) {
    auto kept = Include(result, Rests(includes.begin(), includes.end()));
    result = kept ? *std::move(kept) : json::value(json::object());
  }
  if (!excludes.empty()) result = Exclude(result, Rests(excludes.begin(), excludes.end()));
  return result;
}

}  // namespace mlnode::rest
