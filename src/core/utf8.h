// core/utf8.h: the few UTF-8 steps that reading and printing need. Strict: no overlong forms, no surrogates, at most
// U+10FFFF. Threads: any. No allocation except AppendUtf8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlnode {

struct Utf8Char {
  std::uint32_t code = 0;
  std::size_t length = 0;  // bytes; 0 when the text does not begin with a complete character
};
// The first character of `text`.
Utf8Char DecodeUtf8(std::string_view text);
bool IsValidUtf8(std::string_view text);
// Precondition: a Unicode scalar value.
void AppendUtf8(std::string& out, std::uint32_t code);
// The longest beginning of at most `max_bytes` that does not end inside a character.
std::string_view TruncateUtf8(std::string_view text, std::size_t max_bytes);

}  // namespace mlnode
