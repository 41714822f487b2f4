// rest/content/yaml_scalar.h: what a plain (unquoted) YAML scalar means: the core schema of YAML 1.2 (§10.3.2). "no",
// "on" and dates are text in it. Threads: pure. Cost: O(text).
#pragma once

#include <string>
#include <string_view>

namespace mlnode::rest {

struct YamlScalar {
  enum class Kind : std::uint8_t {
    kText,
    kLiteral,   // null, true, false, a number
    kNoNumber,  // .inf, .nan, and numbers beyond a double, which JSON has no place for
  };
  Kind kind = Kind::kText;
  std::string json = {};  // of a literal: "+.5" is "0.5", "0x1F" is "31", "007" is "7", "1e3" is "1000.0"
};
YamlScalar ReadPlainScalar(std::string_view text);

}  // namespace mlnode::rest
