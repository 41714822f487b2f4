// connectors/templates/substitution.h: ${parameters.x} and its kin (spec/remote §2.2). Values are scanned again for
// placeholders, to a depth of kMaxSubstitutionDepth; all that is scanned is at most kMaxSubstitutedBytes, and what
// comes out is bounded by what went in (MaxFilled). Pure; any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace mlnode::connectors {

inline constexpr int kMaxSubstitutionDepth = 16;
inline constexpr std::size_t kMaxSubstitutedBytes = 100UL * 1024 * 1024;

// The value of a placeholder's name ("parameters.x"), which must stay where it is while the text is filled; nullopt:
// none, the default (":-") or the placeholder stays.
using Lookup = std::function<std::optional<std::string_view>(std::string_view name)>;

// What one text may be filled to, from the bytes of the template and of all values it may name: values are inserted a
// few times and escaped once more (by at most six), not multiplied.
constexpr std::size_t MaxFilled(std::size_t template_and_value_bytes) {
  return 1024UL * 1024 + 8 * template_and_value_bytes;
}
struct FillLimits {
  std::size_t filled = kMaxSubstitutedBytes;  // bytes that come out
  std::size_t* scan_left = nullptr;  // bytes that may still be scanned, shared by several texts; null: this text only
};

// `prefix` is "parameters." or "credential.": other placeholders are left as they are. `$${` is a literal `${`.
// kInvalidArgument: a cycle (named), too deep. kTooLarge: the limits.
Result<std::string> Substitute(std::string_view text, std::string_view prefix, const Lookup& lookup,
                               FillLimits limits = {});
// Names after `prefix` of placeholders left in the text, in order, each once; for an error text: the first 100, cut to
// 200 bytes.
std::vector<std::string> Placeholders(std::string_view text, std::string_view prefix);
// As Apache commons-text's escapeJson: quotes, backslash, `/`, control and non-ASCII characters (\uXXXX). What is not
// UTF-8 becomes \uFFFD.
std::string EscapeJson(std::string_view utf8);

// A literal and the placeholder after it, both views of the template.
struct TemplatePiece {
  std::string_view literal;
  std::string_view placeholder;              // "${parameters.x:-d}"; empty: none
  std::string_view name;                     // "parameters.x"
  std::optional<std::string_view> fallback;  // "d"
};
// Takes the next piece from the front of `rest`; false when it is empty.
bool NextPiece(std::string_view& rest, std::string_view prefix, TemplatePiece& piece);

}  // namespace mlnode::connectors
