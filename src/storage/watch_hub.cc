#include "storage/watch_hub.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <set>
#include <thread>
#include <utility>

namespace mlnode::storage {

namespace {
using ThreadId = decltype(std::this_thread::get_id());

// One call of Post or PostAfter. Guarded by its subscriber's lock.
struct Attempt {
  bool returned = false;
  bool dropped = false;  // before it returned: the call is refused, and its caller goes on
};
}  // namespace

// A queued delivery. Destroyed without having run: the executor dropped it.
class WatchHub::Delivery {
 public:
  Delivery(std::shared_ptr<Subscriber> subscriber, std::shared_ptr<Attempt> attempt)
      : subscriber_(std::move(subscriber)), attempt_(std::move(attempt)) {}
  Delivery(Delivery&&) = default;
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;
  Delivery& operator=(Delivery&&) = delete;
  ~Delivery();
  void operator()();

 private:
  std::shared_ptr<Subscriber> subscriber_;
  std::shared_ptr<Attempt> attempt_;
};

class WatchHub::Subscriber : public std::enable_shared_from_this<Subscriber> {
 public:
  Subscriber(const std::vector<Collection>& collections, Executor& executor, std::function<void(const Change&)> notice)
      : executor_(executor), notice_(std::move(notice)) {
    for (const Collection collection : collections) wanted_[static_cast<std::size_t>(collection)] = true;
  }

  bool Wants(Collection collection) const { return wanted_[static_cast<std::size_t>(collection)]; }

  void Add(const Key& key) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      if (!resync_ && queued_.insert(key).second) queue_.push_back(key);
      if (!Claim()) return;
    }
    Queue();
  }

  void AddResync() {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      ForgetKeys();
      if (!Claim()) return;
    }
    Queue();
  }

  // Delivers what waits now; what comes meanwhile gets a task of its own, so that a busy store does not hold the
  // executor.
  void Deliver() {
    std::deque<Key> keys;
    bool resync = false;
    {
      const std::lock_guard lock(mutex_);
      failures_ = 0;
      keys.swap(queue_);
      queued_.clear();
      resync = std::exchange(resync_, false);
    }
    if (resync) Tell(Change{.kind = Change::Kind::kResync});
    for (Key& key : keys) Tell(Change{.kind = Change::Kind::kKey, .key = std::move(key)});
    {
      const std::lock_guard lock(mutex_);
      scheduled_ = false;
      if (closed_ || (queue_.empty() && !resync_) || !Claim()) return;
    }
    Queue();
  }

  void OnDropped(Attempt& attempt) {
    {
      const std::lock_guard lock(mutex_);
      if (!attempt.returned) {
        attempt.dropped = true;
        return;
      }
      if (!ClaimRetry()) return;
    }
    QueueLater();
  }

  void Close() {
    Timer timer;
    std::function<void(const Change&)> notice;
    std::unique_lock lock(mutex_);
    closed_ = true;
    const auto here = std::this_thread::get_id();
    idle_.wait(lock, [&] { return (telling_ == ThreadId() || telling_ == here) && calls_ == 0; });
    if (telling_ != here) notice.swap(notice_);  // frees what it owns now, not when the last queued task goes
    timer = std::move(timer_);
    lock.unlock();
  }

 private:
  // The next three with the lock held. True: the caller owns the one delivery there is and must queue it.
  bool Claim() {
    if (scheduled_) return false;
    scheduled_ = true;
    ++calls_;
    return true;
  }
  bool ClaimRetry() {
    scheduled_ = false;
    ForgetKeys();
    return !closed_ && ++failures_ <= kRetries && Claim();
  }
  void ForgetKeys() {
    queue_.clear();
    queued_.clear();
    resync_ = true;
  }

  void Queue() {
    auto attempt = std::make_shared<Attempt>();
    const bool posted = executor_.Post(Delivery(shared_from_this(), attempt));
    {
      const std::lock_guard lock(mutex_);
      attempt->returned = true;
      --calls_;
      idle_.notify_all();
      if ((posted && !attempt->dropped) || !ClaimRetry()) return;
    }
    QueueLater();
  }

  void QueueLater() {
    auto attempt = std::make_shared<Attempt>();
    Timer timer = executor_.PostAfter(kRetryDelay, Delivery(shared_from_this(), attempt));
    const std::lock_guard lock(mutex_);
    attempt->returned = true;
    --calls_;
    idle_.notify_all();
    if (attempt->dropped) {
      scheduled_ = false;  // the executor is stopping; should it not be, the next change tries again
    } else if (!closed_) {
      std::swap(timer_, timer);
    }
  }

  void Tell(const Change& change) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      telling_ = std::this_thread::get_id();
    }
    notice_(change);
    const std::lock_guard lock(mutex_);
    telling_ = ThreadId();
    idle_.notify_all();
  }

  Executor& executor_;
  std::function<void(const Change&)> notice_;
  std::array<bool, kCollectionCount> wanted_{};

  std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<Key> queue_;
  std::set<Key> queued_;
  bool resync_ = false;
  bool scheduled_ = false;  // a delivery is queued, running, or about to be queued
  bool closed_ = false;
  int failures_ = 0;
  int calls_ = 0;     // of the executor, under way
  ThreadId telling_;  // runs the notice
  Timer timer_;
};

// NOLINTNEXTLINE(bugprone-exception-escape): only for want of memory, which ends the process
WatchHub::Delivery::~Delivery() {
  if (subscriber_) subscriber_->OnDropped(*attempt_);
}

void WatchHub::Delivery::operator()() { std::exchange(subscriber_, nullptr)->Deliver(); }

class WatchHub::Handle final : public Subscription {
 public:
  explicit Handle(std::shared_ptr<Subscriber> subscriber) : subscriber_(std::move(subscriber)) {}
  ~Handle() override { subscriber_->Close(); }

 private:
  std::shared_ptr<Subscriber> subscriber_;
};

std::unique_ptr<Subscription> WatchHub::Watch(const std::vector<Collection>& collections, Executor& executor,
                                              std::function<void(const Change&)> notice) {
  auto subscriber = std::make_shared<Subscriber>(collections, executor, std::move(notice));
  const std::lock_guard lock(mutex_);
  std::erase_if(subscribers_, [](const auto& known) { return known.expired(); });
  subscribers_.push_back(subscriber);
  return std::make_unique<Handle>(std::move(subscriber));
}

std::vector<std::shared_ptr<WatchHub::Subscriber>> WatchHub::Live() {
  std::vector<std::shared_ptr<Subscriber>> live;
  const std::lock_guard lock(mutex_);
  for (const auto& known : subscribers_) {
    if (auto subscriber = known.lock()) live.push_back(std::move(subscriber));
  }
  return live;
}

void WatchHub::Announce(const Key& key) {
  for (const auto& subscriber : Live()) {
    if (subscriber->Wants(key.collection)) subscriber->Add(key);
  }
}

void WatchHub::AnnounceResync() {
  for (const auto& subscriber : Live()) subscriber->AddResync();
}

void WatchHub::Abandon() {
  std::vector<std::weak_ptr<Subscriber>> gone;
  const std::lock_guard lock(mutex_);
  gone.swap(subscribers_);
}

}  // namespace mlnode::storage
