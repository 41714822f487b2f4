#include "config/regex_safety.h"

#include <re2/re2.h>

#include <string>

namespace mlnode::config {
namespace {

constexpr std::size_t kMaxPattern = 256;

Error Refuse(const char* why, std::string_view pattern) {
  return MakeError(Code::kInvalidArgument, why + std::string(pattern));
}

}  // namespace

Status CheckRegexIsSafe(std::string_view pattern) {
  if (pattern.size() > kMaxPattern) return Refuse("Regex pattern too long (max 256 chars): ", pattern);
  // A repeated group with a repetition inside, or \1 to \9.
  static const RE2 unsafe(R"(\([^)]*[+*{][^)]*\)[+*{]|\\[1-9])");
  const re2::StringPiece text(pattern.data(), pattern.size());
  if (RE2::PartialMatch(text, unsafe)) {
    return Refuse("Regex pattern contains nested quantifiers or backreferences that may cause ReDoS: ", pattern);
  }
  RE2::Options options;
  options.set_log_errors(false);
  if (!RE2(text, options).ok()) return Refuse("Invalid regex pattern: ", pattern);
  return {};
}

}  // namespace mlnode::config
