#include "deploy/membership.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>

#include "core/log.h"
#include "deploy/step_loop.h"

namespace mlnode::deploy {
namespace {

constexpr std::array kLeaseCollection{storage::Collection::kLeases};

std::vector<std::string> SplitNames(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

template <class T>
bool Contains(const std::vector<T>& values, const T& value) {
  return std::ranges::find(values, value) != values.end();
}

}  // namespace

struct Membership::State {
  struct Seen {
    Lease lease;
    SteadyTime changed;  // when this node first saw that revision
  };
  std::atomic<bool> member = false;
  std::atomic<bool> failing = false;  // the last beat was not written
  std::atomic<std::uint64_t> beat = 0;
  Guarded<std::map<NodeId, Seen>> others;
  std::unique_ptr<StepLoop> loop;
};

Membership::Membership(NodeIdentity self, storage::Store& store, RandomSource& random, const Clock& clock,
                       Executor& background)
    : self_(std::move(self)), store_(store), random_(random), clock_(clock), state_(std::make_unique<State>()) {
  state_->loop = std::make_unique<StepLoop>(background, kLeaseBeat, [this] {
    const Status beat = Beat();
    Live();  // notes when the others were last heard of, whether or not anybody asks
    if (state_->failing.exchange(!beat) == beat.has_value()) {
      if (beat) LOG_INFO("deploy", "lease written again");
      if (!beat) LOG_WARN("deploy", "lease not written: {}", beat.error().message);
    }
  });
}

Membership::~Membership() = default;

Status Membership::Start() {
  RETURN_IF_ERROR(Beat());
  state_->member = true;
  state_->loop->Start();
  return {};
}

void Membership::Stop() {
  state_->loop->Stop();
  if (!state_->member.exchange(false)) return;
  const auto stored = store_.GetFresh(LeaseKey(self_.id));
  if (!stored) return;
  const auto lease = ReadLease(**stored);
  if (!lease || lease->incarnation != self_.incarnation) return;
  const auto removed = storage::Commit(store_, {.key = LeaseKey(self_.id),
                                                .expect = storage::Expect::Revision((*stored)->revision),
                                                .body = std::nullopt,
                                                .nonce = NewNonce(random_)});
  if (!removed) LOG_WARN("deploy", "lease not removed, others see this node die: {}", removed.error().message);
}

Lease Membership::OwnLease() const {
  Lease lease;
  lease.node = self_.id;
  lease.incarnation = self_.incarnation;
  lease.beat = state_->beat;
  lease.name = self_.name;
  lease.roles = self_.roles;
  lease.address = self_.address;
  lease.version = self_.version;
  lease.started_at = self_.started_at;
  return lease;
}

Status Membership::Beat() {
  ++state_->beat;
  const auto written = storage::Update(store_, random_, LeaseKey(self_.id),
                                       [this](json::object& body) -> Result<bool> {
                                         body = StoredForm(OwnLease());
                                         return true;
                                       },
                                       {.create_if_absent = true});
  if (!written) return written.error();
  return {};
}

std::vector<Lease> Membership::Live() const {
  const storage::Snapshot snapshot = store_.Read(kLeaseCollection);
  const SteadyTime now = clock_.Now();
  std::vector<Lease> live;
  if (state_->member) live.push_back(OwnLease());
  {
    const auto others = state_->others.Lock();
    std::map<NodeId, State::Seen> seen;
    for (const storage::DocumentPtr& document : snapshot.documents) {
      auto lease = ReadLease(*document);
      if (!lease || lease->node == self_.id) continue;
      const auto known = others->find(lease->node);
      // Two readers may come here in another order than they read in: only a newer revision is news.
      const bool news = known == others->end() || known->second.lease.revision < lease->revision;
      State::Seen entry = news ? State::Seen{*lease, now} : known->second;
      if (now - entry.changed < kLeaseDeath) live.push_back(entry.lease);
      seen.emplace(entry.lease.node, std::move(entry));
    }
    std::swap(*others, seen);
  }
  std::ranges::sort(live, {}, &Lease::node);
  return live;
}

std::vector<NodeId> Membership::EligibleForLocal(const config::Snapshot& settings) const {
  const bool ml_only = settings.Bool("plugins.ml_commons.only_run_on_ml_node");
  const auto roles = settings.List("plugins.ml_commons.task_dispatcher.eligible_node_role.local_model");
  return WithRole(ml_only ? std::vector<std::string>{"ml"} : roles, settings);
}

std::vector<NodeId> Membership::EligibleForRemote(const config::Snapshot& settings) const {
  return WithRole(settings.List("plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model"), settings);
}

// Live nodes that have one of these roles and are not named as excluded.
std::vector<NodeId> Membership::WithRole(const std::vector<std::string>& roles,
                                         const config::Snapshot& settings) const {
  const auto excluded = SplitNames(settings.String("plugins.ml_commons.exclude_nodes._name"));
  std::vector<NodeId> eligible;
  for (const Lease& lease : Live()) {
    const bool fits = std::ranges::any_of(roles, [&](const std::string& role) { return Contains(lease.roles, role); });
    if (fits && !Contains(excluded, lease.name)) eligible.push_back(lease.node);
  }
  return eligible;
}

}  // namespace mlnode::deploy
