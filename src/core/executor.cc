#include "core/executor.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace mlnode {

struct ThreadPool::Shared {
  using TimerKey = std::pair<SteadyTime, std::uint64_t>;

  Options options;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<Task> queue;
  std::map<TimerKey, Task> timers;
  std::uint64_t next_timer = 0;
  bool stopping = false;
  std::vector<std::thread> threads;

  void Run();
  // Next task to run, or an empty one when the pool has stopped and the queue is drained. Takes and returns with the
  // lock held.
  Task Next(std::unique_lock<std::mutex>& lock);
};

namespace {

SteadyTime Now() { return SystemClock().Now(); }

void NameThread(const ThreadPool::Options& options) {
  pthread_setname_np(pthread_self(), options.name.substr(0, 15).c_str());
  // Linux keeps niceness per thread; lowering priority needs no right, so a failure only means no change.
  if (options.nice != 0) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), options.nice);
}

}  // namespace

Task ThreadPool::Shared::Next(std::unique_lock<std::mutex>& lock) {
  while (true) {
    if (!stopping && !timers.empty() && timers.begin()->first.first <= Now()) {
      Task due = std::move(timers.begin()->second);
      timers.erase(timers.begin());
      if (!timers.empty()) wake.notify_one();  // another thread takes over waiting for the next timer
      return due;
    }
    if (!queue.empty()) {
      Task task = std::move(queue.front());
      queue.pop_front();
      // This thread may have been the one that watched the timers: an idle one goes on watching.
      if (!timers.empty()) wake.notify_one();
      return task;
    }
    if (stopping) return {};
    if (timers.empty()) {
      wake.wait(lock);
    } else {
      wake.wait_until(lock, timers.begin()->first.first);
    }
  }
}

void ThreadPool::Shared::Run() {
  NameThread(options);
  std::unique_lock lock(mutex);
  while (Task task = Next(lock)) {
    lock.unlock();
    task();
    task = Task();  // what it owns goes before the lock comes back
    lock.lock();
  }
}

ThreadPool::ThreadPool(Options options) : shared_(std::make_shared<Shared>()) {
  shared_->options = std::move(options);
  for (int i = 0; i < shared_->options.threads; ++i) {
    shared_->threads.emplace_back([shared = shared_] { shared->Run(); });
  }
}

ThreadPool::~ThreadPool() { Stop(); }

bool ThreadPool::Post(Task task) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->stopping || shared_->queue.size() >= shared_->options.queue) return false;
  shared_->queue.push_back(std::move(task));
  shared_->wake.notify_one();
  return true;
}

Timer ThreadPool::PostAfter(Duration delay, Task task) {
  struct PoolTimer final : Timer::State {
    std::weak_ptr<Shared> pool;
    Shared::TimerKey key;
    void Cancel() override {
      Task dropped;  // destroyed after the lock
      if (auto shared = pool.lock()) {
        const std::lock_guard lock(shared->mutex);
        if (auto node = shared->timers.extract(key)) dropped = std::move(node.mapped());
      }
    }
  };
  auto timer = std::make_shared<PoolTimer>();
  const std::lock_guard lock(shared_->mutex);
  if (shared_->stopping) return Timer();
  timer->pool = shared_;
  timer->key = {Now() + std::max(delay, Duration::zero()), shared_->next_timer++};
  shared_->timers.emplace(timer->key, std::move(task));
  shared_->wake.notify_one();
  return Timer(timer);
}

void ThreadPool::Stop() {
  std::vector<std::thread> threads;
  std::map<Shared::TimerKey, Task> timers;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    threads.swap(shared_->threads);
    timers.swap(shared_->timers);
    shared_->wake.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
}

std::size_t ThreadPool::QueueDepth() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->queue.size();
}

struct Strand::State : std::enable_shared_from_this<Strand::State> {
  explicit State(Executor& e) : executor(e) {}
  Executor& executor;
  std::mutex mutex;
  std::deque<Task> queue;
  bool running = false;

  bool Add(Task task) {
    const std::lock_guard lock(mutex);
    if (!running) {
      // One drain step is posted per task, so that a busy strand does not starve its neighbours on the pool.
      if (!executor.Post([self = shared_from_this()] { self->Step(); })) return false;
      running = true;
    }
    queue.push_back(std::move(task));
    return true;
  }

  void Step() {
    Task task;
    {
      const std::lock_guard lock(mutex);
      task = std::move(queue.front());
      queue.pop_front();
    }
    task();
    task = Task();
    while (true) {
      {
        const std::lock_guard lock(mutex);
        running = !queue.empty();
        if (!running || executor.Post([self = shared_from_this()] { self->Step(); })) return;
        task = std::move(queue.front());  // the pool is full or stopping: go on in this slot rather than lose work
        queue.pop_front();
      }
      task();
      task = Task();
    }
  }
};

Strand::Strand(Executor& executor) : state_(std::make_shared<State>(executor)) {}

bool Strand::Post(Task task) { return state_->Add(std::move(task)); }

Timer Strand::PostAfter(Duration delay, Task task) {
  auto held = std::make_shared<Task>(std::move(task));
  return state_->executor.PostAfter(delay, [state = state_, held] {
    // A full pool drops a timer's task as it drops any other; periodic work re-arms itself before it works.
    (void)state->Add([held] { (*held)(); });
  });
}

}  // namespace mlnode
