#include "connectors/templates/json_text.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <new>

#include "core/json.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Takes the parser's events and keeps nothing.
struct Discard {
  // Names that basic_parser asks for. NOLINTBEGIN(readability-identifier-naming)
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }
  bool on_object_end(std::size_t, json::error_code&) { return true; }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t, json::error_code&) { return true; }
  bool on_key_part(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_key(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_string_part(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_string(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json::error_code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return true; }
  bool on_double(double, json::string_view, json::error_code&) { return true; }
  bool on_bool(bool, json::error_code&) { return true; }
  bool on_null(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
  // NOLINTEND(readability-identifier-naming)
};

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

bool IsJson(std::string_view text) {
  try {
    json::parse_options options;
    options.max_depth = kMaxJsonDepth;
    json::basic_parser<Discard> parser(options);
    json::error_code ec;
    return parser.write_some(false, text.data(), text.size(), ec) == text.size() && !ec;
  } catch (const std::exception&) {  // no memory for the nesting
    return false;
  }
}

}  // namespace

JsonKind KindOfJson(std::string_view text) {
  text = Trimmed(text);
  if (text.empty() || !IsJson(text)) return JsonKind::kNone;
  if (text.front() == '{') return JsonKind::kObject;
  return text.front() == '[' ? JsonKind::kArray : JsonKind::kScalar;
}

bool IsJsonContainer(std::string_view text) {
  text = Trimmed(text);
  return !text.empty() && (text.front() == '{' || text.front() == '[') && IsJson(text);
}

bool IsNdjson(std::string_view text) {
  bool any = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = Trimmed(text.substr(0, end));
    if (!line.empty() && !IsJsonContainer(line)) return false;
    any = any || !line.empty();
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return any;
}

std::string CompactJson(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!quoted && kSpace.find(c) != std::string_view::npos) continue;
    out += c;
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\' && i + 1 < text.size()) out += text[++i];
  }
  return out;
}

bool IsTrue(std::string_view text) {
  const auto same = [](char a, char b) {
    return (static_cast<unsigned char>(a) | 0x20U) == static_cast<unsigned char>(b);
  };
  return std::ranges::equal(text, std::string_view("true"), same);
}

}  // namespace mlnode::connectors
