// rest/filter_path.h: ?filter_path=a.b,c.*,-x: which parts of an answer the client wants (spec/rest-conventions §2).
#pragma once

#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace mlnode::rest {

// Patterns of one filter_path, and segments of one pattern: each value of an answer is compared with all that is left
// of each, so that more would let a short URL cost seconds. Real filters have a handful.
inline constexpr std::size_t kMaxFilterPatterns = 64;
inline constexpr std::size_t kMaxFilterSegments = 64;

// kInvalidArgument: beyond either limit.
Status CheckFilterPath(std::string_view patterns);

// `*` stands for part of one key, `**` for any number of levels, a leading `-` takes away from what the rest chose;
// arrays are looked through. Nothing left: {}. Precondition: CheckFilterPath. Pure;
// cost O(values × patterns × segments).
json::value FilterPaths(const json::value& value, std::string_view patterns);

}  // namespace mlnode::rest
