// rest/resources/comma_list.h: "a,b" in a path or a query parameter.
#pragma once

#include <string_view>
#include <vector>

namespace mlnode::rest {

// The parts that are not empty, in order; they point into `text`.
std::vector<std::string_view> SplitCommas(std::string_view text);

}  // namespace mlnode::rest
