// rest/version.h: which version of the peer's API we speak, as clients read it from GET / and from Warning headers.
#pragma once

#include <string_view>

namespace mlnode::rest {

inline constexpr std::string_view kCompatibleVersion = "3.4.0";
// Minimum versions that the peer of kCompatibleVersion names.
inline constexpr std::string_view kMinimumWireVersion = "2.19.0";
inline constexpr std::string_view kMinimumIndexVersion = "2.0.0";

}  // namespace mlnode::rest
