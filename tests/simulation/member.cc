#include "simulation/member.h"

#include <utility>

#include "simulation/world.h"

namespace mlnode::simulation {
namespace {

constexpr Duration kBootRetry = std::chrono::milliseconds(500);

}  // namespace

Member::Member(World& world, MemberOptions options)
    : world_(world), options_(std::move(options)), id_(options_.name), executor_(world.clock(), &world.order()) {
  engine_.SetBehaviour({.on_load = [this](const engines::LoadOptions&) { return OnLoad(); }, .on_run = nullptr});
}

Member::~Member() { Clear(); }

deploy::NodeCoreEnvironment Member::Environment() {
  deploy::NodeIdentity self;
  self.id = id_;
  self.incarnation = incarnation_;
  self.name = options_.name;
  self.roles = options_.roles;
  self.address = options_.name + ":9200";
  self.started_at = world_.clock().WallMillis();
  return {.self = std::move(self),
          .store = *store_,
          .executors = {.io = executor_, .cpu = executor_, .lanes = executor_, .background = executor_},
          .loading = executor_,
          .lease = executor_,
          .clock = world_.clock(),
          .random = world_.ids(),
          .engines = engines_,
          .settings = *settings_,
          .metrics = *metrics_,
          .vault = world_.vault(),
          .temporary = options_.folder + "/tmp",
          .cache = {.folder = options_.folder + "/cache", .max_bytes = 20'000, .sync = FileSync::kNone},
          .queue = {.lanes = 2},
          .memory_limit_bytes = 300ULL << 20U,  // a load needs 64 MiB and more: not all of them fit at once
          .memory_base_bytes = kMemoryBase,
          .memory_used = [] { return std::uint64_t{0}; },
          .clustered = !options_.alone};
}

void Member::Boot() {
  severed_ = false;
  back_at_.reset();
  frozen_until_ = {};
  if (!options_.alone) {
    replica_ = std::make_unique<storage::MemoryReplicaStore>(world_.authority(), executor_,
                                                             [this] { return world_.DeliveryDelay(); });
    if (cut_) replica_->CutOff();
    store_.reset();
  }
  if (!store_) {
    store_ = options_.alone ? std::make_unique<storage::testing::FaultStore>(world_.authority())
                            : std::make_unique<storage::testing::FaultStore>(*replica_);
    store_->set_before_call([this](std::string_view call) { BeforeStoreCall(call); });
  }
  store_->Reconnect();
  metrics_ = std::make_unique<Metrics>();
  settings_ = config::Settings::Create({{"mlnode.deploy.deadline_seconds", std::to_string(World::kDeadlineSeconds)},
                                        {"mlnode.registration_grace_minutes", "1"},
                                        {"plugins.ml_commons.allow_registering_model_via_local_file", "true"}})
                  .value();
  incarnation_ = world_.ids().Next();
  auto started = deploy::NodeCore::Start(Environment());
  if (started) {
    well_since_ = world_.clock().Now();
    core_ = *std::move(started);
    return;
  }
  world_.Trace("{}: boot failed: {}", options_.name, started.error().message);
  Clear();
  back_at_ = world_.clock().Now() + kBootRetry;
}

void Member::Clear() {
  executor_.DropAll();
  core_.reset();
  executor_.DropAll();
  if (!options_.alone) {
    store_.reset();
    replica_.reset();
  }
  executor_.DropAll();
  severed_ = false;
  out_at_.reset();
  open_predictions = 0;
  open_changes = 0;
  known_live.reset();
}

void Member::Kill() {
  if (!running()) return;
  world_.Trace("{}: dies", options_.name);
  Clear();
}

void Member::Leave(Duration drain) {
  world_.Trace("{}: leaves", options_.name);
  core_->Leave();
  out_at_ = world_.clock().Now() + drain;
}

bool Member::DueOut() const {
  return running() && out_at_ && *out_at_ <= world_.clock().Now() && !severed_ && !frozen();
}

void Member::End() {
  world_.Trace("{}: ends", options_.name);
  core_->Stop();
  Clear();
}

void Member::NoteTime(bool nested) {
  const SteadyTime now = world_.clock().Now();
  const bool speaks = running() && !frozen() && !severed_ && store_->Following();
  const auto lease = world_.authority().Get(deploy::LeaseKey(id_));
  const std::uint64_t revision = lease ? (*lease)->revision : 0;
  if (std::exchange(lease_revision_, revision) != revision) last_heard_ = now;
  if (!speaks || nested) well_since_ = now;
}

bool Member::DueBack() const { return !running() && back_at_ && *back_at_ <= world_.clock().Now(); }

void Member::FreezeFor(Duration by) { frozen_until_ = world_.clock().Now() + by; }

bool Member::frozen() const { return world_.clock().Now() < frozen_until_; }

bool Member::HasWork() {
  if (!running() || frozen()) return false;
  if (executor_.ReadyCount() > 0) return true;
  const auto due = executor_.NextDue();
  return due && *due <= world_.clock().Now();
}

std::optional<SteadyTime> Member::NextDue() {
  if (!running()) return back_at_;
  if (frozen()) return frozen_until_;
  return executor_.NextDue();
}

void Member::Request(std::function<void()> request) {
  if (!running() || !executor_.Post(std::move(request))) world_.Trace("{}: request refused", options_.name);
}

void Member::RequestAfter(Duration delay, std::function<void()> request) {
  if (running()) executor_.PostAfter(delay, std::move(request)).Detach();
}

void Member::CutOff() {
  cut_ = true;
  if (replica_) replica_->CutOff();
}

void Member::Heal(storage::MemoryReplicaStore::Gap gap) {
  cut_ = false;
  if (replica_) replica_->Heal(gap);
}

void Member::BeforeStoreCall(std::string_view call) {
  if (severed_) return;
  if (writes_to_live_ > 0 && (call == "TryWrite" || call == "PutPart") && --writes_to_live_ == 0) {
    world_.Trace("{}: store lost at {}", options_.name, call);
    severed_ = true;
    store_->Sever();
    return;
  }
  if (running()) world_.Interleave();
}

Status Member::OnLoad() {
  if (slow_load_ > Duration::zero()) {
    world_.Trace("{}: slow load begins", options_.name);
    world_.PassInside(*this, slow_load_);
    world_.Trace("{}: slow load ends", options_.name);
  }
  if (load_error_) return *load_error_;
  return {};
}

void Member::CalmDown() {
  writes_to_live_ = 0;
  slow_load_ = Duration::zero();
  load_error_.reset();
  frozen_until_ = {};
  if (store_) store_->ForgetFaults();
  Heal(storage::MemoryReplicaStore::Gap::kByLog);
}

}  // namespace mlnode::simulation
