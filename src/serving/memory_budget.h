// serving/memory_budget.h: memory is reserved before it is used. A load reserves its peak, shrinks to what it measured,
// and gives it back when the model goes. Page cache never counts (core/cgroup.h). Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/guarded.h"
#include "core/result.h"

namespace mlnode::serving {

class MemoryBudget {
 public:
  // Bytes held for one purpose; given back by the destructor.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept;
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation();
    std::uint64_t bytes() const { return bytes_; }
    void ShrinkTo(std::uint64_t bytes);  // no-op when larger

   private:
    friend class MemoryBudget;
    MemoryBudget* budget_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  // `base_bytes`: what the process uses before any model; it counts against the limit.
  MemoryBudget(std::uint64_t limit_bytes, std::uint64_t base_bytes) : limit_(limit_bytes), base_(base_bytes) {}
  // `what` names the purpose in the message. kResourceExhausted, reason "circuit_breaking_exception", with needed,
  // reserved and limit in the message.
  Result<Reservation> Reserve(std::uint64_t bytes, const std::string& what);
  std::uint64_t limit() const { return limit_; }
  std::uint64_t Reserved() const;                                                     // base included
  std::uint64_t Refused() const { return refused_.load(std::memory_order_relaxed); }  // reservations, so far

 private:
  void Release(std::uint64_t bytes);
  const std::uint64_t limit_;
  const std::uint64_t base_;
  Guarded<std::uint64_t> reserved_;
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace mlnode::serving
