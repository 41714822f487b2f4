#include "models/rules/json_escapes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "core/utf8.h"

namespace mlnode::models {
namespace {

struct Escape {
  std::uint32_t code = 0;
  std::size_t length = 0;  // bytes of the text; 0: none
};

// `text` begins with a backslash.
Escape UnitAt(std::string_view text) {
  constexpr std::size_t kLength = 6;  // \uXXXX
  if (text.size() < kLength || text[0] != '\\' || text[1] != 'u') return {};
  std::uint32_t code = 0;
  const auto [end, failed] = std::from_chars(text.data() + 2, text.data() + kLength, code, 16);
  if (failed != std::errc() || end != text.data() + kLength) return {};
  return {.code = code, .length = kLength};
}

bool IsHigh(std::uint32_t unit) { return unit >= 0xD800U && unit < 0xDC00U; }
bool IsLow(std::uint32_t unit) { return unit >= 0xDC00U && unit < 0xE000U; }

Escape CharacterAt(std::string_view text) {
  const Escape first = UnitAt(text);
  if (first.length == 0 || (!IsHigh(first.code) && !IsLow(first.code))) return first;
  const Escape second = IsHigh(first.code) ? UnitAt(text.substr(first.length)) : Escape{};
  if (second.length == 0 || !IsLow(second.code)) return {.code = 0xFFFDU, .length = first.length};
  return {.code = 0x10000U + ((first.code - 0xD800U) << 10U) + (second.code - 0xDC00U),
          .length = first.length + second.length};
}

Escape EscapeAt(std::string_view text) {
  constexpr std::array<std::pair<char, char>, 8> kShort = {
      {{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}}};
  if (text.size() < 2) return {};
  for (const auto& [letter, meant] : kShort)
    if (text[1] == letter) return {.code = static_cast<unsigned char>(meant), .length = 2};
  return CharacterAt(text);
}

bool IsLetter(std::uint32_t code) { return code >= 0x20U && code != 0x7FU && code != '"' && code != '\\'; }

}  // namespace

std::string Unescaped(std::string_view text, Escapes which) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Escape escape = EscapeAt(text);
    const bool meant = escape.length > 0 && (which == Escapes::kAll || IsLetter(escape.code));
    // What stays is passed as a whole: the second backslash of a pair begins no escape.
    const std::size_t taken = escape.length > 0 ? escape.length : 1;
    if (meant) {
      AppendUtf8(out, escape.code);
    } else {
      out += text.substr(0, taken);
    }
    text.remove_prefix(taken);
  }
  return out;
}

}  // namespace mlnode::models
