// simulation/world.h: one node in virtual time on one executor, its disk, and what may go wrong with both.
// Everything random comes from the seed: the same seed gives the same run.
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
#include "deploy/node_core.h"
#include "engines/testing/fake_engine.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::simulation {

// What a process runs on: forwards to the shared executor until the process is dead.
class ProcessExecutor final : public Executor {
 public:
  explicit ProcessExecutor(Executor& under) : under_(under) {}
  bool Post(Task task) override { return alive_ && under_.Post(std::move(task)); }
  Timer PostAfter(Duration delay, Task task) override {
    return alive_ ? under_.PostAfter(delay, std::move(task)) : Timer();
  }
  void Die() { alive_ = false; }

 private:
  Executor& under_;
  bool alive_ = true;
};

// What clients were told, to be held against what is.
struct Ledger {
  struct ModelFacts {
    bool loads = false;         // complete, right hash, sound content
    bool delete_tried = false;  // it may be gone
    bool delete_acknowledged = false;
  };
  std::map<ModelId, ModelFacts> models;  // acknowledged ones
  std::set<TaskId> tasks;                // acknowledged ones
  std::map<ModelId, std::uint64_t> generations;
  std::string setting;       // last acknowledged max_model_on_node; empty: none, or a later one may be in force
  int setting_changes = 0;   // begun
  int open_changes = 0;      // of them under way in this process
  int open_predictions = 0;  // of this process
  int predictions = 0;       // answered well
};

class World {
 public:
  static constexpr std::int64_t kDeadlineSeconds = 20;
  static constexpr std::uint64_t kMemoryBase = 1'000;

  World(std::uint64_t seed, std::string folder);
  ~World();

  std::uint64_t Below(std::uint64_t n) { return chance_.Below(n); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

  // Runs what is due until `by` has passed; a process that was severed from its disk meanwhile dies and is started
  // again. May be called inside a task (a slow engine): then a severed process only returns early.
  void RunFor(Duration by);
  // Posts what a client asks of the node.
  void Request(std::function<void()> request);
  void RequestAfter(Duration delay, std::function<void()> request);
  // The process dies, and another begins after `downtime`.
  void Restart(Duration downtime = {});
  // From here on nothing goes wrong any more.
  void CalmDown();
  // The process loses its disk at the `writes`-th write from now, and dies soon after.
  void CrashAfter(int writes) { writes_to_live_ = writes; }
  void SetSlowLoads(Duration each) { slow_load_ = each; }
  void SetFailingLoads(std::optional<Error> error) { load_error_ = std::move(error); }

  template <class... Args>
  void Trace(fmt::format_string<Args...> format, Args&&... args) {
    Note(fmt::format(format, std::forward<Args>(args)...));
  }
  void Violate(const std::string& what);
  const std::vector<std::string>& trace() const { return trace_; }
  int violations() const { return violations_; }
  int restarts() const { return restarts_; }

  deploy::NodeCore& node() { return *node_; }
  storage::MemoryStore& disk() { return disk_; }  // no faults, nothing runs inside
  storage::testing::FaultStore& store() { return store_; }
  engines::FakeEngine& engine() { return engine_; }
  mlnode::testing::ManualClock& clock() { return clock_; }
  Ledger& ledger() { return ledger_; }
  bool severed() const { return severed_; }

 private:
  void Boot();
  void Kill();
  void BeforeStoreCall(std::string_view call);
  Status OnLoad();
  void Note(std::string line);

  const std::string folder_;
  mlnode::testing::SeededRandom order_, chance_, ids_;
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_, &order_};
  storage::MemoryStore disk_{clock_};
  storage::testing::FaultStore store_{disk_};
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry engines_{engine_};
  std::unique_ptr<connectors::CredentialVault> vault_ = connectors::testing::TestVault();
  Ledger ledger_;

  // Of one process.
  std::unique_ptr<ProcessExecutor> process_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<config::Settings> settings_;
  std::unique_ptr<deploy::NodeCore> node_;
  bool severed_ = false;

  bool calm_ = false;
  int depth_ = 0;  // of RunFor
  int writes_to_live_ = 0;
  Duration slow_load_{};
  std::optional<Error> load_error_;
  int violations_ = 0;
  int restarts_ = 0;
  std::vector<std::string> trace_;
};

}  // namespace mlnode::simulation
