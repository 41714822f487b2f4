// rest/content/yaml_writer.h: prints JSON values as YAML, as the peer does. Threads: pure.
#pragma once

#include <string>

#include "core/json.h"

namespace mlnode::rest {

// "---", then block style: two-space indent, lists at the indent of their key, empty ones as {} and [], text in double
// quotes, keys bare where every reader takes them for text, newline at the end. A long text stays on its line.
std::string ToYaml(const json::value& value);

}  // namespace mlnode::rest
