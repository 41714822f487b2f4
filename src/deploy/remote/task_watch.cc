#include "deploy/remote/task_watch.h"

#include <utility>
#include <vector>

namespace mlnode::deploy {
namespace {

struct Waiter {
  UniqueFunction<void()> done;
  Timer timer;
};
struct Book {
  std::multimap<TaskId, std::shared_ptr<Waiter>> waiters;
  bool stopped = false;
};

}  // namespace

struct TaskWatch::State : std::enable_shared_from_this<TaskWatch::State> {
  State(tasks::TaskRepository& t, storage::Store& s, Executor& b, Executor& w, const Clock& c)
      : tasks(t), store(s), background(b), timers(w), clock(c) {}

  bool Ended(const TaskId& task) const {
    const auto record = tasks.Get(task);
    return !record || tasks::IsTerminal(record->state);
  }
  void Tell(const TaskId& task) {
    std::vector<std::shared_ptr<Waiter>> told;
    {
      const auto entries = book.Lock();
      const auto [first, last] = entries->waiters.equal_range(task);
      for (auto one = first; one != last; ++one) told.push_back(one->second);
      entries->waiters.erase(first, last);
    }
    for (const auto& waiter : told) waiter->done();
  }
  void TellAll() {
    std::multimap<TaskId, std::shared_ptr<Waiter>> all;
    {
      const auto entries = book.Lock();
      entries->stopped = true;
      all.swap(entries->waiters);
    }
    for (const auto& [task, waiter] : all) waiter->done();
  }

  tasks::TaskRepository& tasks;
  storage::Store& store;
  Executor& background;
  Executor& timers;
  const Clock& clock;
  Guarded<Book> book;
};

TaskWatch::TaskWatch(tasks::TaskRepository& tasks, storage::Store& store, Executor& background, Executor& timers,
                     const Clock& clock)
    : state_(std::make_shared<State>(tasks, store, background, timers, clock)) {}

TaskWatch::~TaskWatch() { Stop(); }

void TaskWatch::Start() {
  subscription_ = state_->store.Watch({storage::Collection::kTasks}, state_->background,
                                      [state = state_](const storage::Change& change) {
                                        if (change.kind == storage::Change::Kind::kResync) return;  // timers remain
                                        const TaskId task(change.key.id);
                                        if (state->Ended(task)) state->Tell(task);
                                      });
}

void TaskWatch::Stop() {
  subscription_.reset();
  state_->TellAll();
}

void TaskWatch::WhenEnded(const TaskId& task, Deadline deadline, UniqueFunction<void()> done) {
  auto waiter = std::make_shared<Waiter>();
  waiter->done = std::move(done);
  waiter->timer = state_->timers.PostAfter(deadline.Remaining(state_->clock), [weak = state_->weak_from_this(), task] {
    if (const auto state = weak.lock()) state->Tell(task);
  });
  bool waits = false;
  {
    const auto entries = state_->book.Lock();
    waits = !entries->stopped && entries->waiters.size() < kMaxWaiting;
    if (waits) entries->waiters.emplace(task, waiter);
  }
  if (!waits) return waiter->done();
  if (state_->Ended(task)) state_->Tell(task);
}

}  // namespace mlnode::deploy
