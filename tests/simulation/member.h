// simulation/member.h: one node of a simulated world: its process, which dies, stops and comes back, its disk, its
// engine, and its way to the store.
//
// A lone node has the store for itself (a disk: only its own writes are there, and they are there at once); a node of
// several has a replica that hears of the others' writes late and may be cut off. Tasks of a process wait in its own
// executor; the world runs them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/testing/manual_executor.h"
#include "deploy/node_core.h"
#include "engines/testing/fake_engine.h"
#include "storage/memory/memory_replica_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::simulation {

class World;

struct MemberOptions {
  std::string name;  // and id
  std::vector<std::string> roles;
  std::string folder;
  bool alone = true;
};

class Member {
 public:
  static constexpr std::uint64_t kMemoryBase = 1'000;

  Member(World& world, MemberOptions options);
  ~Member();

  const NodeId& id() const { return id_; }
  const MemberOptions& options() const { return options_; }

  // --- The process.
  bool running() const { return core_ != nullptr; }  // a frozen one too
  deploy::NodeCore& core() { return *core_; }
  std::uint64_t incarnation() const { return incarnation_; }
  void Boot();  // after a failure it tries again half a second later, as who watches over processes does
  void Kill();  // at once: kill -9
  // As SIGTERM: says that it leaves, serves on for `drain`, then ends (when the world comes to it).
  void Leave(Duration drain);
  bool leaves() const { return out_at_.has_value(); }
  bool DueOut() const;
  void End();
  // It is to start then; nullopt: not by itself.
  void set_back_at(std::optional<SteadyTime> at) { back_at_ = at; }
  const std::optional<SteadyTime>& back_at() const { return back_at_; }
  bool DueBack() const;
  // Its tasks wait; its clock goes on.
  void FreezeFor(Duration by);
  bool frozen() const;

  // What the world sees of it, noted as time passes: since when it runs, hears and speaks without a break, and when
  // its lease last changed, which is what the others go by (one may come through though it does not follow yet).
  void NoteTime(bool nested);
  SteadyTime well_since() const { return well_since_; }
  SteadyTime last_heard() const { return last_heard_; }
  // Who lived as this process knew when it last heard of others, and when that was.
  deploy::LivePtr known_live;
  SteadyTime known_at{};

  // --- Its tasks.
  bool HasWork();
  void RunOneTask() { executor_.RunOne(); }
  std::optional<SteadyTime> NextDue();
  // What a client asks of this node; not done when it does not run.
  void Request(std::function<void()> request);
  void RequestAfter(Duration delay, std::function<void()> request);

  // --- Faults.
  storage::testing::FaultStore& store() { return *store_; }
  storage::MemoryReplicaStore* replica() { return replica_.get(); }  // null: alone, or not running
  // The machine's way to the store, whichever process runs. For nodes of several only.
  void CutOff();
  void Heal(storage::MemoryReplicaStore::Gap gap);
  // It loses its store at the `writes`-th write from now, and dies as soon as nothing of it is under way.
  void CrashAfter(int writes) { writes_to_live_ = writes; }
  bool severed() const { return severed_; }
  void SetSlowLoads(Duration each) { slow_load_ = each; }
  void SetFailingLoads(std::optional<Error> error) { load_error_ = std::move(error); }
  void CalmDown();

  engines::FakeEngine& engine() { return engine_; }
  int open_changes = 0;      // of settings, under way in this process
  int open_predictions = 0;  // of this process

 private:
  deploy::NodeCoreEnvironment Environment();
  void BeforeStoreCall(std::string_view call);
  Status OnLoad();
  void Clear();  // what a process leaves behind in memory

  World& world_;
  const MemberOptions options_;
  const NodeId id_;
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry engines_{engine_};
  mlnode::testing::ManualExecutor executor_;

  // Of one process.
  std::unique_ptr<storage::MemoryReplicaStore> replica_;
  std::unique_ptr<storage::testing::FaultStore> store_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<config::Settings> settings_;
  std::unique_ptr<deploy::NodeCore> core_;
  std::uint64_t incarnation_ = 0;
  bool severed_ = false;

  bool cut_ = false;
  std::optional<SteadyTime> out_at_;
  SteadyTime well_since_{}, last_heard_{};
  std::uint64_t lease_revision_ = 0;  // 0: none
  std::optional<SteadyTime> back_at_;
  SteadyTime frozen_until_{};
  int writes_to_live_ = 0;
  Duration slow_load_{};
  std::optional<Error> load_error_;
};

}  // namespace mlnode::simulation
