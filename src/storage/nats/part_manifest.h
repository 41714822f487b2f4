// storage/nats/part_manifest.h: the message that makes a part visible. Threads: any; no state. Format:
// docs/formats/nats.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode::storage {

inline constexpr std::size_t kPieceBytes = 524'288;  // all but the last piece of a part have it

struct PartManifest {
  std::uint64_t length = 0;  // 1 to kMaxPartBytes
  std::string sha256 = {};   // of the part, 64 lower-case hexadecimal digits
  std::string attempt = {};  // 16 hexadecimal digits: whose pieces these are

  int pieces() const { return static_cast<int>((length + kPieceBytes - 1) / kPieceBytes); }
};

std::string EncodeManifest(const PartManifest& manifest);
// kDataLoss: not as EncodeManifest writes it, or of a newer format.
Result<PartManifest> DecodeManifest(std::string_view text);

}  // namespace mlnode::storage
