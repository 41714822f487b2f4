// rest/content/cbor_writer.h: prints values as CBOR (RFC 8949): whole items of known length, shortest heads, no tags.
// Threads: pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/json.h"

namespace mlnode::rest {

enum class CborFloats : std::uint8_t {
  kDouble,  // 9 bytes
  kSingle,  // 5 bytes: for numbers that were float32 before they were printed as decimals
};
std::string ToCbor(const json::value& value, CborFloats floats = CborFloats::kDouble);

// The parts, for a writer that has no json::value. Whoever begins an array or a map appends as many elements, or keys
// with values, as it said.
void AppendCborArray(std::string& out, std::size_t elements);
void AppendCborMap(std::string& out, std::size_t fields);
void AppendCborText(std::string& out, std::string_view text);
void AppendCborBytes(std::string& out, std::span<const unsigned char> bytes);
void AppendCborInt(std::string& out, std::int64_t value);
// A whole array of float32, 5 bytes each.
void AppendCborFloats(std::string& out, std::span<const float> values);

}  // namespace mlnode::rest
