#include "net/body/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace mlnode::net {
namespace {

constexpr int kGzipWindow = 15 + 16;                   // zlib.h: 15 bits of window, +16 = gzip wrapper
constexpr int kLevel = 3;                              // as the peer's default; higher levels win little on JSON
constexpr std::uint64_t kFreeOfRatio = 1024UL * 1024;  // small bodies may be as repetitive as they like
constexpr std::size_t kPiece = 32UL * 1024;
constexpr std::size_t kMaxInput = std::numeric_limits<uInt>::max();

Bytef* ZlibInput(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib's field is not const, but only read
}

}  // namespace

struct Gunzip::Stream {
  z_stream z{};
  bool ready = false;
};

Gunzip::Gunzip(std::size_t max_ratio) : max_ratio_(max_ratio), stream_(std::make_unique<Stream>()) {
  stream_->ready = inflateInit2(&stream_->z, kGzipWindow) == Z_OK;
}

Gunzip::~Gunzip() {
  if (stream_->ready) inflateEnd(&stream_->z);
}

Status Gunzip::CheckRatio() const {
  if (unpacked_bytes_ <= kFreeOfRatio + packed_bytes_ * max_ratio_) return {};
  return MakeError(Code::kTooLarge,
                   fmt::format("gzip body: {} bytes unpack to more than {} bytes, over the limit of {} to 1",
                               packed_bytes_, unpacked_bytes_, max_ratio_));
}

Status Gunzip::Write(std::string_view packed, const Sink& sink) {
  if (!stream_->ready) return MakeError(Code::kResourceExhausted, "gzip body: no memory to unpack it");
  z_stream& z = stream_->z;
  std::array<char, kPiece> piece;
  // A full output buffer may hide more output although all input is taken: then go round once more.
  bool more_output = false;
  while (!packed.empty() || more_output) {
    if (!member_open_) {
      if (any_member_ && inflateReset(&z) != Z_OK) return MakeError(Code::kInternal, "gzip body: reset failed");
      member_open_ = any_member_ = true;
    }
    const std::size_t offered = std::min(packed.size(), kMaxInput);
    z.next_in = ZlibInput(packed);
    z.avail_in = static_cast<uInt>(offered);
    z.next_out = reinterpret_cast<Bytef*>(piece.data());
    z.avail_out = static_cast<uInt>(piece.size());
    const int code = inflate(&z, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return MakeError(Code::kInvalidArgument,
                       fmt::format("gzip body: damaged or not gzip at byte {} of it", packed_bytes_));
    }
    const std::size_t taken = offered - z.avail_in;
    const std::size_t made = piece.size() - z.avail_out;
    packed.remove_prefix(taken);
    packed_bytes_ += taken;
    unpacked_bytes_ += made;
    RETURN_IF_ERROR(CheckRatio());
    if (made > 0) RETURN_IF_ERROR(sink(std::string_view(piece.data(), made)));
    if (code == Z_STREAM_END) member_open_ = false;
    more_output = member_open_ && z.avail_out == 0;
    if (taken == 0 && made == 0 && member_open_) break;  // Z_BUF_ERROR: needs more input than there is
  }
  return {};
}

Status Gunzip::Finish() const {
  if (any_member_ && !member_open_) return {};
  return MakeError(Code::kInvalidArgument,
                   fmt::format("gzip body: ended in the middle, after {} bytes of it", packed_bytes_));
}

std::string Gzip(std::string_view plain) {
  z_stream z{};
  if (plain.size() > kMaxInput || deflateInit2(&z, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string packed(deflateBound(&z, plain.size()), '\0');
  z.next_in = ZlibInput(plain);
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = reinterpret_cast<Bytef*>(packed.data());
  z.avail_out = static_cast<uInt>(std::min(packed.size(), kMaxInput));
  const int code = deflate(&z, Z_FINISH);
  packed.resize(code == Z_STREAM_END ? z.total_out : 0);
  deflateEnd(&z);
  return packed;
}

}  // namespace mlnode::net
