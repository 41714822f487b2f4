#include "storage/nats/part_manifest.h"

#include <fmt/format.h>

#include "core/json.h"
#include "storage/store.h"

namespace mlnode::storage {
namespace {

constexpr std::int64_t kFormat = 1;

bool IsHex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string_view TextIn(const json::object& object, std::string_view field) {
  const json::value* value = object.if_contains(field);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

std::int64_t NumberIn(const json::object& object, std::string_view field) {
  const json::value* value = object.if_contains(field);
  return value == nullptr || !value->is_int64() ? -1 : value->get_int64();
}

}  // namespace

std::string EncodeManifest(const PartManifest& manifest) {
  return ToJson(json::object{{"format", kFormat},
                             {"length", manifest.length},
                             {"sha256", manifest.sha256},
                             {"attempt", manifest.attempt},
                             {"pieces", manifest.pieces()}});
}

Result<PartManifest> DecodeManifest(std::string_view text) {
  const Error damaged = MakeError(Code::kDataLoss, "its manifest is damaged");
  const Result<json::object> object = ParseJsonObject(text);
  if (!object) return damaged;
  const std::int64_t format = NumberIn(*object, "format");
  if (format > kFormat) {
    return MakeError(Code::kDataLoss, fmt::format("it has format {}, this program knows formats up to {}: start the "
                                                  "newer mlnode that wrote it, or upload it again",
                                                  format, kFormat));
  }
  const std::int64_t length = NumberIn(*object, "length");
  PartManifest manifest{.sha256 = std::string(TextIn(*object, "sha256")),
                        .attempt = std::string(TextIn(*object, "attempt"))};
  if (format < 1 || length < 1 || length > static_cast<std::int64_t>(kMaxPartBytes)) return damaged;
  manifest.length = static_cast<std::uint64_t>(length);
  if (!IsHex(manifest.sha256, 64) || !IsHex(manifest.attempt, 16)) return damaged;
  if (NumberIn(*object, "pieces") != manifest.pieces()) return damaged;
  return manifest;
}

}  // namespace mlnode::storage
