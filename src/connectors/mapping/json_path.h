// connectors/mapping/json_path.h: JSONPath (RFC 9535, by a crate behind native/json_path_abi.h) with the peer's
// (Jayway) reading of the result: a definite path gives its value, an indefinite one a list. Immutable; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace mlnode::connectors {

class JsonPath {
 public:
  static constexpr std::size_t kMaxPathBytes = 4'096;
  // kInvalidArgument: what is wrong with the path.
  static Result<std::unique_ptr<const JsonPath>> Compile(std::string_view path);
  virtual ~JsonPath() = default;
  virtual bool definite() const = 0;
  // nullopt: a definite path that leads nowhere. `text`: JSON.
  virtual Result<std::optional<json::value>> Query(std::string_view text) const = 0;
};

}  // namespace mlnode::connectors
