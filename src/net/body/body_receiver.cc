#include "net/body/body_receiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace mlnode::net {
namespace {

constexpr std::size_t kFirstRoom = 4UL * 1024;  // of a body whose length is not known
constexpr std::size_t kFirstRoomAnnounced =
    1024UL * 1024;  // of one whose length is: a promise of more must be kept first

}  // namespace

bool BodyBudget::Take(std::size_t bytes) {
  std::size_t used = used_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_ || used > limit_ - bytes) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

bool BodyBudget::HasRoomFor(std::uint64_t bytes) const { return bytes <= limit_ && used() <= limit_ - bytes; }

bool BudgetHold::Take(std::size_t bytes) {
  if (!budget_.Take(bytes)) return false;
  held_ += bytes;
  return true;
}

BodyReceiver::BodyReceiver(std::string& body, BudgetHold& hold, Limits limits, bool gzip,
                           std::optional<std::uint64_t> announced)
    : body_(body), hold_(hold), limits_(limits) {
  if (gzip) {
    gunzip_ = std::make_unique<Gunzip>(limits.max_ratio);
  } else {
    announced_ = announced;
  }
}

Status BodyReceiver::Grow(std::size_t needed) {
  if (needed > limits_.max_bytes) {
    return MakeError(Code::kTooLarge,
                     fmt::format("request body is larger than the limit of {} bytes", limits_.max_bytes));
  }
  const std::size_t most =
      announced_ ? std::min<std::size_t>(static_cast<std::size_t>(*announced_), limits_.max_bytes) : limits_.max_bytes;
  const std::size_t first = announced_ ? kFirstRoomAnnounced : kFirstRoom;
  const std::size_t room = std::max(needed, std::min(most, std::max(first, body_.size() * 2)));
  if (!hold_.Take(room - body_.size())) {
    return MakeError(Code::kResourceExhausted,
                     fmt::format("request bodies in progress hold {} of {} bytes: try again later",
                                 hold_.budget().used(), hold_.budget().limit()));
  }
  body_.resize(room);
  return {};
}

Status BodyReceiver::AppendPlain(std::string_view piece) {
  if (piece.size() > body_.size() - filled_) RETURN_IF_ERROR(Grow(filled_ + piece.size()));
  std::memcpy(body_.data() + filled_, piece.data(), piece.size());
  filled_ += piece.size();
  return {};
}

Status BodyReceiver::Append(std::string_view piece) {
  if (piece.empty()) return {};
  if (!gunzip_) return AppendPlain(piece);
  return gunzip_->Write(piece, [this](std::string_view plain) { return AppendPlain(plain); });
}

Result<std::span<char>> BodyReceiver::Prepare(std::size_t wanted) {
  if (filled_ == body_.size()) RETURN_IF_ERROR(Grow(filled_ + 1));
  return std::span(body_).subspan(filled_, std::min(wanted, body_.size() - filled_));
}

Status BodyReceiver::Finish() {
  body_.resize(filled_);
  return gunzip_ ? gunzip_->Finish() : Status();
}

}  // namespace mlnode::net
