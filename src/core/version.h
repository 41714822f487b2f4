// core/version.h: this program's version, from project(VERSION) of the top CMakeLists.txt.
#pragma once

#include <string_view>

namespace mlnode {

extern const std::string_view kVersion;  // "0.1.0" NOLINT(readability-identifier-naming): a constant

}  // namespace mlnode
