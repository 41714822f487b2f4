// net/input_buffer.h: the bytes of one connection that are read and not yet dealt with; contiguous, bounded.
// Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace mlnode::net {

class InputBuffer {
 public:
  explicit InputBuffer(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  bool empty() const { return begin_ == end_; }
  std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  void Consume(std::size_t bytes) { begin_ += bytes; }
  void Commit(std::size_t bytes) { end_ += bytes; }
  // Room to read into. The buffer has `wanted` bytes in all, more when they are taken; empty when it is full at its
  // limit.
  std::span<char> Prepare(std::size_t wanted) {
    if (empty()) begin_ = end_ = 0;
    if (end_ == capacity_ || capacity_ < wanted) MakeRoom(wanted);
    return {bytes_.get() + end_, capacity_ - end_};
  }
  // Gives memory beyond `keep` back; only when empty.
  void Shrink(std::size_t keep) {
    if (!empty() || capacity_ <= keep) return;
    bytes_.reset();
    capacity_ = begin_ = end_ = 0;
  }

 private:
  void MakeRoom(std::size_t wanted) {
    const std::size_t held = end_ - begin_;
    if (capacity_ < wanted || held == capacity_) {
      const std::size_t capacity = std::min(max_bytes_, std::max(wanted, held == capacity_ ? capacity_ * 2 : 0));
      if (capacity <= capacity_) return;
      auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
      if (held > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, held);
      bytes_ = std::move(bytes);
      capacity_ = capacity;
    } else {
      std::memmove(bytes_.get(), bytes_.get() + begin_, held);
    }
    begin_ = 0;
    end_ = held;
  }

  const std::size_t max_bytes_;
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace mlnode::net
