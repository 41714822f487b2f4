// connectors/mapping/json_path.h: JSONPath (RFC 9535, without functions) with the peer's (Jayway) reading of the
// result: a definite path gives its value, an indefinite one a list. Paths of names, indices and `*` are followed here,
// in the parsed document; all others by a crate behind native/json_path_abi.h. Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace mlnode::connectors {

class JsonPath {
 public:
  static constexpr std::size_t kMaxPathBytes = 4'096;
  // Of a search (filter, slice, union, `..`): bytes of the document times what each may be looked at
  // (mapping/path_shape.h); at worst 4 bytes of memory each. Beyond: kTooLarge.
  static constexpr std::uint64_t kMaxSearchWork = 100'000'000;
  // Of a search: bytes of the values found. Beyond: kTooLarge.
  static constexpr std::size_t kMaxResultBytes = 16UL * 1024 * 1024;
  // kInvalidArgument: what is wrong with the path.
  static Result<std::unique_ptr<const JsonPath>> Compile(std::string_view path);
  virtual ~JsonPath() = default;
  virtual bool definite() const = 0;
  // nullopt: the names and indices before the first step that can lead to several values lead nowhere. `text`: JSON
  // (else what ParseJson says). Numbers and the order of fields stay. Cost: that of parsing the text; a search parses
  // it once more.
  virtual Result<std::optional<json::value>> Query(std::string_view text) const = 0;
};

}  // namespace mlnode::connectors
