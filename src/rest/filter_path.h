// rest/filter_path.h: ?filter_path=a.b,c.*,-x: which parts of an answer the client wants (spec/rest-conventions §2).
#pragma once

#include <string_view>

#include "core/json.h"

namespace mlnode::rest {

// `*` stands for part of one key, `**` for any number of levels, a leading `-` takes away from what the rest chose;
// arrays are looked through. Nothing left: {}. Pure; cost O(values × patterns).
json::value FilterPaths(const json::value& value, std::string_view patterns);

}  // namespace mlnode::rest
