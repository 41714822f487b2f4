// simulation/world.h: nodes in virtual time on one thread, what they share, and what may go wrong with it. Everything
// random comes from the seed: the same seed gives the same run.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "connectors/testing/test_vault.h"
#include "core/testing/manual_executor.h"
#include "simulation/member.h"
#include "storage/memory/memory_authority.h"

namespace mlnode::simulation {

// What clients want of a model's deployment: known while the last request for it was answered well and none other was
// under way beside it or when it began.
class Wish {
 public:
  // A request begins. It is under way as long as the token lives: it ends with its process, too.
  struct Token {
    std::uint64_t number = 0;
    bool alone = false;
  };
  std::shared_ptr<const Token> Begin();
  void Acknowledge(const Token& token, deploy::PlanMode mode);
  const std::optional<deploy::PlanMode>& known() const { return known_; }

 private:
  std::uint64_t begun_ = 0;
  std::vector<std::weak_ptr<const Token>> open_;
  std::optional<deploy::PlanMode> known_;
};

// What clients were told, to be held against what is.
struct Ledger {
  struct Facts {
    int deletes = 0;  // that were not refused: it may be gone
    bool delete_acknowledged = false;
  };
  std::map<ModelId, Facts> models;  // acknowledged ones
  std::map<GroupId, Facts> groups;  // acknowledged ones
  std::set<TaskId> tasks;           // acknowledged ones
  std::map<ModelId, std::uint64_t> generations;
  std::map<ModelId, Wish> wishes;
  std::string setting;      // last acknowledged max_model_on_node; empty: none, or a later one may be in force
  int setting_changes = 0;  // begun
  int predictions = 0;      // answered well
};

class World {
 public:
  // As long as it lives, calls of a store do nothing but what they are for: whoever looks sees one moment.
  class Still {
   public:
    explicit Still(World& world) : world_(world) { ++world_.still_; }
    ~Still() { --world_.still_; }
    Still(const Still&) = delete;
    Still& operator=(const Still&) = delete;

   private:
    World& world_;
  };

  static constexpr std::int64_t kDeadlineSeconds = 20;

  // `nodes` of them, all started. `folder`: their disks.
  World(std::uint64_t seed, int nodes, const std::string& folder);
  ~World();

  std::uint64_t Below(std::uint64_t n) { return chance_.Below(n); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

  // Runs what is due until `by` has passed; a process that was severed from its store meanwhile dies and is started
  // again.
  void RunFor(Duration by);
  // The same from inside a task of `member` (a slow engine): ends early once that one was severed, and nobody dies or
  // starts meanwhile. Little else nests in it: a load inside that of others' passes at once.
  void PassInside(Member& member, Duration by);
  // One of the tasks that are due. False: there is none.
  bool RunOneTask();
  // From inside of a store call: now and then other work, which another thread or process does meanwhile.
  void Interleave() {
    if (still_ == 0 && order_.Below(4) == 0) RunOneTask();
  }
  // All processes die, and begin again after `downtime`.
  void RestartAll(Duration downtime);
  // From here on nothing goes wrong any more. Whoever has not left for good comes back.
  void CalmDown();
  // What happens by itself at that time, whoever runs.
  void At(Duration delay, std::function<void()> event) { events_.PostAfter(delay, std::move(event)).Detach(); }
  void set_inside(std::function<void()> act) { inside_ = std::move(act); }  // from time to time during PassInside

  template <class... Args>
  void Trace(fmt::format_string<Args...> format, Args&&... args) {
    Note(fmt::format(format, std::forward<Args>(args)...));
  }
  void Violate(const std::string& what);
  const std::vector<std::string>& trace() const { return trace_; }
  int violations() const { return violations_; }
  int restarts() const { return restarts_; }

  // Did a task wait inside another one within the last `by`: what a thread then did late is the simulation's doing.
  bool nested_within(Duration by) const { return clock_.Now() - nested_ < by; }

  bool alone() const { return members_.size() == 1; }
  const std::vector<std::unique_ptr<Member>>& members() const { return members_; }
  std::vector<Member*> Running() const;
  Member& Any();         // of all
  Member* AnyRunning();  // null: none runs
  // The truth of the store: no faults, no delay, nothing else runs meanwhile.
  storage::MemoryAuthority& authority() { return authority_; }
  mlnode::testing::ManualClock& clock() { return clock_; }
  mlnode::testing::SeededRandom& order() { return order_; }
  RandomSource& ids() { return ids_; }
  const connectors::CredentialVault& vault() const { return *vault_; }
  Duration DeliveryDelay();
  Ledger& ledger() { return ledger_; }

 private:
  void Pass(Duration by, const Member* inside);
  void RunWhatIsDue();
  void Tick(SteadyTime end, bool inside);
  void Reap();
  void Note(std::string line);

  mlnode::testing::SeededRandom order_, chance_, ids_;
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor events_{clock_};
  storage::MemoryAuthority authority_{clock_};
  std::unique_ptr<connectors::CredentialVault> vault_ = connectors::testing::TestVault();
  Ledger ledger_;
  std::vector<std::unique_ptr<Member>> members_;
  std::function<void()> inside_;

  bool calm_ = false;
  int depth_ = 0;  // of Pass
  int still_ = 0;
  SteadyTime nested_{};  // when one last passed inside another
  int violations_ = 0;
  int restarts_ = 0;
  std::vector<std::string> trace_;
};

}  // namespace mlnode::simulation
