// connectors/templates/substitution.h: ${parameters.x} and its kin (spec/remote §2.2). A text is parsed once; values
// are scanned again for placeholders, to a depth of kMaxDepth and an output of kMaxOutputBytes. Pure; any thread.
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

// The value of a placeholder's name ("parameters.x"); nullopt: none, the default (":-") or the placeholder stays.
using Lookup = std::function<std::optional<std::string_view>(std::string_view name)>;

// `prefix` is "parameters." or "credential.": other placeholders are left as they are. `$${` is a literal `${`.
// kInvalidArgument: a cycle (named), too deep. kTooLarge.
Result<std::string> Substitute(std::string_view text, std::string_view prefix, const Lookup& lookup);
// Names after `prefix` of placeholders left in the text, in order, each once.
std::vector<std::string> Placeholders(std::string_view text, std::string_view prefix);
// As Apache commons-text's escapeJson: quotes, backslash, `/`, control and non-ASCII characters (\uXXXX).
std::string EscapeJson(std::string_view utf8);

}  // namespace mlnode::connectors
