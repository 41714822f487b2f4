// serving/snapshot_cell.h: a shared pointer that many threads read while one changes it; reading takes no lock and
// never waits. The left-right scheme: two copies, readers counted on the one they use, the writer changes the other and
// swaps. Why not std::atomic<std::shared_ptr>: that of libstdc++ 12 unlocks its readers with relaxed order, a data race
// (ThreadSanitizer agrees). Cost of Load: three atomic increments. Store waits for readers that are copying the pointer
// right now: nanoseconds.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>

namespace mlnode::serving {

template <class T>
class SnapshotCell {
 public:
  explicit SnapshotCell(const std::shared_ptr<const T>& value) : copies_{value, value} {}

  std::shared_ptr<const T> Load() const {
    std::atomic<std::size_t>& readers = readers_[side_.load()];
    readers.fetch_add(1);
    std::shared_ptr<const T> value = copies_[current_.load()];
    readers.fetch_sub(1);
    return value;
  }

  // Returns the previous value, so that the caller decides where it is destroyed.
  [[nodiscard]] std::shared_ptr<const T> Store(std::shared_ptr<const T> value) {
    const std::lock_guard lock(writing_);
    const std::size_t old = current_.load();
    copies_[1 - old] = value;
    current_.store(1 - old);
    // Whoever still reads the old copy announced itself on one of the two sides: let both run dry, new readers on the
    // other.
    const std::size_t side = side_.load();
    WaitUntilEmpty(1 - side);
    side_.store(1 - side);
    WaitUntilEmpty(side);
    std::swap(copies_[old], value);
    return value;
  }

 private:
  void WaitUntilEmpty(std::size_t side) const {
    while (readers_[side].load() != 0) std::this_thread::yield();
  }

  std::array<std::shared_ptr<const T>, 2> copies_;
  std::atomic<std::size_t> current_{0};
  std::atomic<std::size_t> side_{0};
  mutable std::array<std::atomic<std::size_t>, 2> readers_{};
  std::mutex writing_;
};

}  // namespace mlnode::serving
