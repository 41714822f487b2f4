// core/similar_names.h: which known names a mistyped one may have meant, as the peer suggests them.
// Threads: pure. Cost: O(names × product of the lengths).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mlnode {

// " did you mean [x]?", " did you mean any of [x, y]?" (best first), or nothing: the names in `known` whose edit
// similarity to `given` is above 0.5, the peer's limit.
std::string DidYouMean(std::string_view given, std::span<const std::string_view> known);

}  // namespace mlnode
