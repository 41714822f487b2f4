// rest/resources/openapi_text.h: docs/openapi.yaml as it was when this was built (cmake/EmbedText.cmake makes the
// source).
#pragma once

#include <string_view>

namespace mlnode::rest {

// UTF-8; lives as long as the program. Any thread.
std::string_view OpenApiText();

}  // namespace mlnode::rest
