// storage/watch_hub.h: hands notices of changed keys to subscribers on their own executors.
//
// One delivery task is queued per subscription at a time, so notices of one never overlap, whatever the executor. Keys
// that change again before they are delivered are told once. When an executor refuses the task the keys are forgotten
// and one kResync is delivered later: tried again every kRetryDelay for kRetries times, and at the next change after
// that. Destroying a subscription waits for its notice where that runs on another thread, so hold no lock that a notice
// takes; it may be destroyed from inside its own notice, and outlive the hub. Threads: any. No lock is held while
// posting or in a notice.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/store.h"

namespace mlnode::storage {

class WatchHub {
 public:
  static constexpr Duration kRetryDelay = std::chrono::milliseconds(100);
  static constexpr int kRetries = 600;

  std::unique_ptr<Subscription> Watch(const std::vector<Collection>& collections, Executor& executor,
                                      std::function<void(const Change&)> notice);
  // The caller holds no lock. Cost: O(subscriptions) plus one Post per idle subscription to the key's collection.
  void Announce(const Key& key);
  void AnnounceResync();
  // Existing subscriptions hear nothing any more: their process is gone (simulation).
  void Abandon();

 private:
  class Subscriber;
  class Delivery;
  class Handle;
  std::vector<std::shared_ptr<Subscriber>> Live();

  std::mutex mutex_;
  std::vector<std::weak_ptr<Subscriber>> subscribers_;
};

}  // namespace mlnode::storage
