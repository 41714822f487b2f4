#include "simulation/world.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace mlnode::simulation {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr int kBusyLimit = 200'000;  // tasks without time passing: something kicks itself for ever

}  // namespace

World::World(std::uint64_t seed, std::string folder)
    : folder_(std::move(folder)), order_(seed * 3 + 1), chance_(seed * 3 + 2), ids_(seed * 3 + 3) {
  store_.set_before_call([this](std::string_view call) { BeforeStoreCall(call); });
  engine_.SetBehaviour({.on_load = [this](const engines::LoadOptions&) { return OnLoad(); }, .on_run = nullptr});
  Boot();
}

World::~World() { Kill(); }

void World::Boot() {
  severed_ = false;
  store_.Reconnect();
  process_ = std::make_unique<ProcessExecutor>(executor_);
  metrics_ = std::make_unique<Metrics>();
  settings_ = config::Settings::Create({{"mlnode.deploy.deadline_seconds", std::to_string(kDeadlineSeconds)},
                                        {"mlnode.registration_grace_minutes", "1"},
                                        {"plugins.ml_commons.allow_registering_model_via_local_file", "true"}})
                  .value();
  deploy::NodeIdentity self;
  self.id = NodeId("node-1");
  self.incarnation = ids_.Next();
  self.name = "node-1";
  self.roles = {"data", "ml"};
  auto started = deploy::NodeCore::Start(
      {.self = std::move(self),
       .store = store_,
       .executors = {.io = *process_, .cpu = *process_, .lanes = *process_, .background = *process_},
       .loading = *process_,
       .clock = clock_,
       .random = ids_,
       .engines = engines_,
       .settings = *settings_,
       .metrics = *metrics_,
       .vault = *vault_,
       .temporary = folder_ + "/tmp",
       .cache = {.folder = folder_ + "/cache", .max_bytes = 20'000, .sync = FileSync::kNone},
       .queue = {.lanes = 2},
       .memory_limit_bytes = 300ULL << 20U,  // a load needs 64 MiB and more: not all of them fit at once
       .memory_base_bytes = kMemoryBase,
       .memory_used = [] { return std::uint64_t{0}; }});
  if (!started) {
    Trace("boot failed: {}", started.error().message);
    severed_ = true;  // another attempt
    return;
  }
  node_ = *std::move(started);
}

void World::Kill() {
  process_->Die();
  executor_.DropAll();
  node_.reset();
  executor_.DropAll();
  ledger_.open_predictions = 0;
  ledger_.open_changes = 0;
}

void World::Restart(Duration downtime) {
  Trace("restart");
  ++restarts_;
  do {
    Kill();
    clock_.Advance(std::exchange(downtime, Duration::zero()));
    disk_.Restart();
    Boot();
  } while (severed_);
}

void World::CalmDown() {
  calm_ = true;
  writes_to_live_ = 0;
  slow_load_ = Duration::zero();
  load_error_.reset();
  store_.Reconnect();
  if (severed_) Restart();
}

void World::RunFor(Duration by) {
  const SteadyTime end = clock_.Now() + by;
  ++depth_;
  for (int ran = 0; clock_.Now() < end;) {
    while (executor_.RunOne()) {
      if (++ran > kBusyLimit) {
        std::fprintf(stderr, "still busy after %d tasks at one moment\n", ran);
        std::abort();
      }
    }
    if (severed_ && depth_ > 1) break;
    if (severed_) Restart();
    clock_.Advance(kTick);
    ran = 0;
  }
  --depth_;
}

void World::Request(std::function<void()> request) {
  if (!process_->Post(std::move(request))) Trace("request refused");
}

void World::RequestAfter(Duration delay, std::function<void()> request) {
  process_->PostAfter(delay, std::move(request)).Detach();
}

void World::BeforeStoreCall(std::string_view call) {
  if (severed_) return;
  if (writes_to_live_ > 0 && (call == "TryWrite" || call == "PutPart") && --writes_to_live_ == 0) {
    Trace("disk lost at {}", call);
    severed_ = true;
    store_.Sever();
    return;
  }
  if (node_ && order_.Below(4) == 0) executor_.RunOne();
}

Status World::OnLoad() {
  if (slow_load_ > Duration::zero()) {
    Trace("slow load begins");
    RunFor(slow_load_);
    Trace("slow load ends");
  }
  if (load_error_) return *load_error_;
  return {};
}

void World::Note(std::string line) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now().time_since_epoch()).count();
  trace_.push_back(fmt::format("{:>9}.{:03} {}", millis / 1000 - 3600, millis % 1000, std::move(line)));
}

void World::Violate(const std::string& what) {
  ++violations_;
  Note("VIOLATED: " + what);
}

}  // namespace mlnode::simulation
