// rest/readiness.h: whether this node wants requests: GET /_ready. Set by the composition root, read by any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace mlnode::rest {

class Readiness {
 public:
  enum class Stage : std::uint8_t { kStarting, kServing, kStopping };
  void Set(Stage stage) { stage_.store(stage, std::memory_order_release); }
  Stage stage() const { return stage_.load(std::memory_order_acquire); }

 private:
  std::atomic<Stage> stage_ = Stage::kStarting;
};

}  // namespace mlnode::rest
