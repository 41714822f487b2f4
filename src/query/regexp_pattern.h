// query/regexp_pattern.h: patterns of the regexp query, which are Lucene's, run by RE2 in linear time.
// Lucene's patterns are anchored and take ^ and $ as they are; its operators beyond ordinary regular expressions
// (~ & < > @ # and "…") are refused. Threads: pure.
#pragma once

#include <memory>
#include <string_view>

#include "core/result.h"

namespace re2 {
class RE2;
}

namespace mlnode::query {

// kInvalidArgument naming the pattern and what is wrong with it, also when it needs more than 1 MiB compiled.
Result<std::shared_ptr<const re2::RE2>> CompileRegexp(std::string_view pattern, bool ignore_case);

}  // namespace mlnode::query
