// query/parse_error.h: errors of the search DSL under the peer's exception names.
#pragma once

#include <string>
#include <utility>

#include "core/result.h"

namespace mlnode::query {

inline Error ParsingError(std::string message) {
  Error error = MakeError(Code::kInvalidArgument, std::move(message));
  error.reason = "parsing_exception";
  return error;
}

}  // namespace mlnode::query
