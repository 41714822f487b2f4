#include "deploy/cluster/suspension_watch.h"

#include <atomic>
#include <utility>

#include "core/guarded.h"
#include "core/log.h"

namespace mlnode::deploy {
namespace {

constexpr Duration kPatience = std::chrono::seconds(2);  // of one catching up
constexpr Duration kPause = std::chrono::seconds(1);     // after one that failed

}  // namespace

struct SuspensionWatch::State : std::enable_shared_from_this<SuspensionWatch::State> {
  State(storage::Store& s, const Clock& c, Executor& t, Executor& b) : store(s), clock(c), timers(t), background(b) {}

  // A machine that slept may have stopped its steady clock too: then only the other one tells.
  bool StoodStill() const {
    constexpr Duration kLimit = kLeaseDeath - kMargin;
    const std::chrono::milliseconds wall(clock.WallMillis() - last_wall.load());
    return clock.Now() - last.load() > kLimit || wall > kLimit;
  }
  void Note() {
    last = clock.Now();
    last_wall = clock.WallMillis();
  }
  // Whether this process stood still until now; counted before it is forgotten, so that nobody misses it.
  void Look() {
    if (!StoodStill()) return;
    ++suspensions;
    Note();
    LOG_WARN("deploy", "this process stood still for longer than others wait: it reads the plans again, then predicts");
  }
  bool IsCurrent() const { return caught_up == suspensions; }

  void Tick() {
    Look();
    Note();
    if (!IsCurrent()) CatchUp();
    Arm(&Timers::tick, kTick, &State::Tick);
  }

  void CatchUp() {
    if (catching_up.exchange(true)) return;
    const bool posted = background.Post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->CatchUpNow();
    });
    if (!posted) catching_up = false;  // the next tick tries again
  }

  void CatchUpNow() {
    const std::uint64_t from = suspensions;
    const Status caught = store.CatchUp(kPatience);
    Look();  // a suspension within the call is one that it did not see
    if (caught) caught_up = from;
    if (caught && IsCurrent()) LOG_INFO("deploy", "the plans are read again");
    if (!caught) Arm(&Timers::again, kPause, &State::TryAgain);
    if (caught) catching_up = false;
  }

  void TryAgain() {
    catching_up = false;
    if (!IsCurrent()) CatchUp();
  }

  struct Timers {
    Timer tick, again;
    bool stopped = true;
  };
  void Arm(Timer Timers::* which, Duration delay, void (State::*then)()) {
    Timer timer = timers.PostAfter(delay, [weak = weak_from_this(), then] {
      if (const auto self = weak.lock()) (self.get()->*then)();
    });
    const auto set = guarded.Lock();
    if (!set->stopped) std::swap((*set).*which, timer);  // the old one is cancelled once the lock is gone
  }

  storage::Store& store;
  const Clock& clock;
  Executor& timers;
  Executor& background;

  std::atomic<bool> running = false;
  std::atomic<SteadyTime> last = SteadyTime();
  std::atomic<EpochMillis> last_wall = 0;
  std::atomic<std::uint64_t> suspensions = 0;  // seen
  std::atomic<std::uint64_t> caught_up = 0;    // the last of them that the replica has caught up after
  std::atomic<bool> catching_up = false;
  Guarded<Timers> guarded;
};

SuspensionWatch::SuspensionWatch(storage::Store& store, const Clock& clock, Executor& timers, Executor& background)
    : state_(std::make_shared<State>(store, clock, timers, background)) {}

SuspensionWatch::~SuspensionWatch() { Stop(); }

void SuspensionWatch::Start() {
  state_->Note();
  state_->guarded.Lock()->stopped = false;
  state_->running = true;
  state_->Tick();
}

void SuspensionWatch::Stop() {
  state_->running = false;
  Timer tick, again;  // cancelled once the lock is gone
  const auto set = state_->guarded.Lock();
  set->stopped = true;
  std::swap(set->tick, tick);
  std::swap(set->again, again);
}

bool SuspensionWatch::Current() {
  if (!state_->running) return true;
  state_->Look();
  if (state_->IsCurrent()) return true;
  state_->CatchUp();
  return false;
}

}  // namespace mlnode::deploy
