// net/body/body_receiver.h: collects one request body: undoes gzip, and keeps to the size limit and to the memory
// budget. Threads: one at a time; BodyBudget: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/body/gzip.h"

namespace mlnode::net {

// Bytes of request bodies in memory, over all connections.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t limit) : limit_(limit) {}
  bool Take(std::size_t bytes);
  void Give(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  bool HasRoomFor(std::uint64_t bytes) const;
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t limit() const { return limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

// What one body holds of the budget; gives it back when destroyed.
class BudgetHold {
 public:
  explicit BudgetHold(BodyBudget& budget) : budget_(budget) {}  // `budget` outlives this
  BudgetHold(const BudgetHold&) = delete;
  BudgetHold& operator=(const BudgetHold&) = delete;
  ~BudgetHold() { budget_.Give(held_); }
  bool Take(std::size_t bytes);
  const BodyBudget& budget() const { return budget_; }

 private:
  BodyBudget& budget_;
  std::size_t held_ = 0;
};

class BodyReceiver {
 public:
  struct Limits {
    std::size_t max_bytes;  // of the body, after gunzip
    std::size_t max_ratio;  // see Gunzip
  };
  // `body` and `hold` outlive this. `announced`: Content-Length when there is one.
  BodyReceiver(std::string& body, BudgetHold& hold, Limits limits, bool gzip, std::optional<std::uint64_t> announced);

  // Errors of all three: kTooLarge (size, ratio), kResourceExhausted (budget), kInvalidArgument (damaged gzip).
  Status Append(std::string_view piece);
  // Room to read at least one and at most `wanted` plain bytes into, without a copy; then Commit. Not for gzip bodies.
  Result<std::span<char>> Prepare(std::size_t wanted);
  void Commit(std::size_t bytes) { filled_ += bytes; }
  Status Finish();
  bool plain() const { return gunzip_ == nullptr; }

 private:
  Status AppendPlain(std::string_view piece);
  Status Grow(std::size_t needed);

  std::string& body_;  // size() is the room made, filled_ how much of it counts, until Finish()
  BudgetHold& hold_;
  Limits limits_;
  std::optional<std::uint64_t> announced_;
  std::size_t filled_ = 0;
  std::unique_ptr<Gunzip> gunzip_;
};

}  // namespace mlnode::net
