// core/guarded.h: a value that can only be reached while its lock is held.
// Rule: no callback, Post or store call while a Locked is alive. Lock order, where two nest, stands in the room's
// README.
#pragma once

#include <mutex>
#include <utility>

namespace mlnode {

// Access to a guarded value; the lock lasts as long as this object. Keep it in a named local.
template <class T>
class [[nodiscard]] Locked {
 public:
  Locked(std::mutex& mutex, T& value) : lock_(mutex), value_(value) {}
  T* operator->() const { return &value_; }
  T& operator*() const { return value_; }
  std::unique_lock<std::mutex>& lock() { return lock_; }  // for condition variables

 private:
  std::unique_lock<std::mutex> lock_;
  T& value_;
};

template <class T>
class Guarded {
 public:
  Guarded() = default;
  template <class... Args>
  explicit Guarded(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}
  Locked<T> Lock() { return Locked<T>(mutex_, value_); }
  Locked<const T> Lock() const { return Locked<const T>(mutex_, value_); }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

}  // namespace mlnode
