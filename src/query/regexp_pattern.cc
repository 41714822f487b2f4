#include "query/regexp_pattern.h"

#include <re2/re2.h>

#include <string>

namespace mlnode::query {
namespace {

constexpr std::string_view kOtherOperators = "~&<>@#\"";

Error BadPattern(std::string_view pattern, const std::string& why) {
  return MakeError(Code::kInvalidArgument, "[regexp] pattern [" + std::string(pattern) + "]: " + why);
}

bool IsLetterOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// Lucene's pattern in RE2's words.
Result<std::string> Translate(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (++i == pattern.size()) return BadPattern(pattern, "ends with a backslash");
      const char escaped = pattern[i];
      const bool is_class = std::string_view("dDsSwW").find(escaped) != std::string_view::npos;
      if (!IsLetterOrDigit(escaped) || is_class) out += '\\';  // other letters mean themselves
      out += escaped;
    } else if (in_class) {
      in_class = c != ']';
      if (c == '[') out += '\\';
      out += c;
    } else if (kOtherOperators.find(c) != std::string_view::npos) {
      return BadPattern(pattern, std::string("the operator ") + c + " is not supported by this version; \\" + c +
                                     " means the character");
    } else {
      if (c == '(' && pattern.substr(i + 1).starts_with('?')) return BadPattern(pattern, "nothing to repeat at (?");
      if (c == '^' || c == '$') out += '\\';
      out += c;
      if (c == '[') {
        in_class = true;
        if (pattern.substr(i + 1).starts_with('^')) out += pattern[++i];
      }
    }
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<const re2::RE2>> CompileRegexp(std::string_view pattern, bool ignore_case) {
  ASSIGN_OR_RETURN(const std::string translated, Translate(pattern));
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  options.set_dot_nl(true);
  options.set_case_sensitive(!ignore_case);
  auto compiled = std::make_shared<const re2::RE2>(translated, options);
  if (!compiled->ok()) return BadPattern(pattern, compiled->error());
  return compiled;
}

}  // namespace mlnode::query
