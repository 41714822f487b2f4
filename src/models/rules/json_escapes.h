// models/rules/json_escapes.h: the letters that a JSON text spells as escapes, for those who judge texts by their
// letters. The text is not parsed: several lines of JSON, members that are there twice and what is no JSON are read
// alike. Pure; any thread. Cost: one pass.
#pragma once

#include <string>
#include <string_view>

namespace mlnode::models {

enum class Escapes : unsigned char {
  kLetters,  // \uXXXX of printable characters, and \/; quotes, backslashes and control characters stay escaped
  kAll
};

// Escapes that RFC 8259 §7 does not have stay; half of a surrogate pair becomes U+FFFD.
std::string Unescaped(std::string_view text, Escapes which);

}  // namespace mlnode::models
