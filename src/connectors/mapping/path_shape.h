// connectors/mapping/path_shape.h: what can be told of a JSONPath before it is compiled: its beginning of plain names
// and indices, whether plain steps are all there is, whether it is definite, and what evaluating it may cost. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace mlnode::connectors {

// One step that needs no search: a member's name, an index (negative: from the end), or all children.
struct EveryChild {};
using PathStep = std::variant<std::string, std::int64_t, EveryChild>;

struct PathShape {
  std::string path;  // begins with '$'; plain names in brackets, so that what RFC 9535 would not read (`a-b`) is read
  std::vector<PathStep> steps;
  bool only_steps = true;    // `steps` is all of the path
  bool definite = true;      // leads to at most one value
  std::uint64_t factor = 1;  // values looked at, at worst, for each value of the document
};

// Brackets and parentheses within one another: the crate's parser goes down with each.
inline constexpr int kMaxPathNesting = 8;

// A path without '$' is read from the root ("data[0]" as "$.data[0]"), as the peer does. kInvalidArgument: empty, a
// bracket or quote left open, nested deeper than kMaxPathNesting, another query of more than one place inside a filter
// ("$[?@.a == $..b]": its cost is that of all values times all values). What else is no path, the compiler says.
Result<PathShape> ShapeOf(std::string_view path);

}  // namespace mlnode::connectors
