// schema/json_schema.h: one JSON Schema (draft 2020-12), compiled. Patterns match in linear time (RE2's language: no
// look-around, no back-references); references stay inside the schema; what it may cost is bounded (schema_cost.h).
// Threads: const functions from any thread at once; nothing blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/result.h"

namespace mlnode::schema {

inline constexpr std::size_t kMaxSchemaBytes = 65'536;
// Parsed it takes about five times as much memory, on each thread of the pool that validates.
inline constexpr std::size_t kMaxInstanceBytes = 16UL * 1024 * 1024;
// The cost of the schema times the bytes of an instance. At worst (patterns of many states) 3 ns each, so some seconds;
// 0.2 ns as a rule.
inline constexpr std::uint64_t kMaxValidationWork = 1'000'000'000;

class JsonSchema {
 public:
  // kInvalidArgument says what is wrong with the text, kTooLarge that it is longer than kMaxSchemaBytes. Cost: below a
  // millisecond for a few KB: not for an io thread.
  static Result<std::unique_ptr<const JsonSchema>> Compile(std::string_view text);
  virtual ~JsonSchema() = default;
  // `instance` is JSON text. kInvalidArgument: where it does not match and why, without its values ("at [/text_docs]:
  // ..."); for an instance beyond 256 KiB only that it does not. kTooLarge: beyond kMaxInstanceBytes or
  // kMaxValidationWork. About as long as parsing the instance takes, times the keywords that apply to a place.
  virtual Status Validate(std::string_view instance) const = 0;
};

}  // namespace mlnode::schema
