// connectors/templates/json_text.h: what can be said of a JSON text without making values of it, so that its numbers
// and the order of its fields stay as they are. Pure; any thread. Cost: O(text), no memory but for nesting.
#pragma once

#include <string>
#include <string_view>

namespace mlnode::connectors {

enum class JsonKind { kNone, kScalar, kArray, kObject };

// kNone: no JSON text (RFC 8259), not UTF-8, or deeper than kMaxJsonDepth. White space around it is allowed.
JsonKind KindOfJson(std::string_view text);
// An object or an array.
bool IsJsonContainer(std::string_view text);
// At least one line, and each an object or an array; empty lines do not count.
bool IsNdjson(std::string_view text);
// Without white space between tokens. Precondition: JSON.
std::string CompactJson(std::string_view text);
// "true" in any case, as the peer reads a boolean parameter.
bool IsTrue(std::string_view text);

}  // namespace mlnode::connectors
