// rest/content/yaml_reader.h: reads YAML of strangers as JSON text (yaml-cpp, as a stream of events; its exceptions
// stop here). Threads: pure.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::rest {

// One document as JSON text of at most `max_bytes`, without a line break. Plain scalars mean what ReadPlainScalar says;
// a key is the text it is written with.
// kInvalidArgument, with what was found and its line and column in the peer's form: what yaml-cpp refuses, reason
// "marked_y_a_m_l_exception"; aliases (so that nothing multiplies: a node of the text is one value), tags but !!str,
// !!map and !!seq, keys that are null or collections, control characters, a second document, and what JsonText refuses
// (depth, duplicate keys), reason "json_parse_exception"; no document at all: "json_e_o_f_exception". kTooLarge beyond
// `max_bytes`. Cost: 4 to 30 MB/s by what is in it, never more than linear; a copy of the text.
Result<std::string> YamlToJson(std::string_view yaml, std::size_t max_bytes);

// Fills in the position of an error, and of its causes, that have a json_pointer and no position yet: where the value
// stands in `yaml`, which YamlToJson turned into `json`. Cost: reads both again.
Error LocateInYaml(Error error, std::string_view yaml, std::string_view json);

}  // namespace mlnode::rest
