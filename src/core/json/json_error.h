// core/json/json_error.h: says why a text is not JSON, in the words of the peer's parser (Jackson 2.18;
// spec/rest-conventions §1.3), because clients show and match them. Run only after parsing failed: it is slower than
// the parser.
#pragma once

#include <string_view>

#include "core/result.h"

namespace mlnode {

// The first fault of `text`: kInvalidArgument, reason "json_e_o_f_exception" when the text ended too early, else
// "json_parse_exception"; the message ends with line and column (both from 1, columns in bytes). Also finds what the
// grammar allows and ParseJson refuses: duplicate fields, nesting beyond `max_depth`, numbers beyond double, lone
// surrogates, text after the value. Cost: O(text), memory for the keys of open objects. Any thread.
Error DescribeJsonError(std::string_view text, std::size_t max_depth);

}  // namespace mlnode
