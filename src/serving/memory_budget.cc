#include "serving/memory_budget.h"

#include <fmt/format.h>

#include <utility>

namespace mlnode::serving {

MemoryBudget::Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

MemoryBudget::Reservation& MemoryBudget::Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  if (budget_ != nullptr) budget_->Release(bytes_);
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

MemoryBudget::Reservation::~Reservation() {
  if (budget_ != nullptr) budget_->Release(bytes_);
}

void MemoryBudget::Reservation::ShrinkTo(std::uint64_t bytes) {
  if (budget_ == nullptr || bytes >= bytes_) return;
  budget_->Release(bytes_ - bytes);
  bytes_ = bytes;
}

Result<MemoryBudget::Reservation> MemoryBudget::Reserve(std::uint64_t bytes, const std::string& what) {
  std::uint64_t held = 0;
  {
    const auto reserved = reserved_.Lock();
    held = base_ + *reserved;
    if (held <= limit_ && bytes <= limit_ - held) {
      *reserved += bytes;
      Reservation reservation;
      reservation.budget_ = this;
      reservation.bytes_ = bytes;
      return reservation;
    }
  }
  refused_.fetch_add(1, std::memory_order_relaxed);
  Error error =
      MakeError(Code::kResourceExhausted,
                fmt::format("Not enough memory for {}: it needs {} bytes, {} bytes are reserved and the limit is {} "
                            "bytes. Undeploy a model or raise the limit.",
                            what, bytes, held, limit_));
  error.reason = "circuit_breaking_exception";
  return error;
}

std::uint64_t MemoryBudget::Reserved() const { return base_ + *reserved_.Lock(); }

void MemoryBudget::Release(std::uint64_t bytes) { *reserved_.Lock() -= bytes; }

}  // namespace mlnode::serving
