// core/json/json_place.h: where in a text a JSON value stands, so that an error about the value can say line and column
// as the peer's do. Looked up after the fact, because the parsed value does not keep its place. Threads: pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace mlnode {

// One step of a JSON pointer (RFC 6901): "/" and the escaped key or index.
std::string PointerStep(std::string_view key);
// The pointer to `inner`, which is a value inside `root` (told by its address); nullopt when it is none. Cost: O(root).
std::optional<std::string> PointerTo(const json::object& root, const json::value& inner);
// Where the value begins. nullopt when `text` has no such value. Precondition: ParseJson accepts `text`. Cost: O(text).
std::optional<TextPosition> FindPosition(std::string_view text, std::string_view pointer);
// Fills in the position of an error, and of its cause, that have a json_pointer and no position yet.
Error Locate(Error error, std::string_view text);

}  // namespace mlnode
