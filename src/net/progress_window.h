// net/progress_window.h: how slow a peer may be that takes or sends a long message: at least `min_bytes` in every
// `window`, the rest of the message in the last one. A limit that any byte restarts would let one byte a minute hold a
// connection and its memory for days. Threads: one at a time. Time is the caller's.
#pragma once

#include <chrono>
#include <cstddef>

namespace mlnode::net {

class ProgressWindow {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ProgressWindow(std::size_t min_bytes, std::chrono::milliseconds window) : min_bytes_(min_bytes), window_(window) {}
  // A message begins: when its first window ends.
  Time Begin(Time now) {
    moved_ = 0;
    return deadline_ = now + window_;
  }
  // So many more bytes have moved: when the window that now runs ends. The next begins with the last byte that was due.
  Time Moved(std::size_t bytes, Time now) {
    moved_ += bytes;
    return moved_ < min_bytes_ ? deadline_ : Begin(now);
  }

 private:
  const std::size_t min_bytes_;
  const std::chrono::milliseconds window_;
  std::size_t moved_ = 0;
  Time deadline_{};
};

}  // namespace mlnode::net
