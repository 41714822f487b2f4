#include "deploy/membership.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <utility>

#include "core/log.h"
#include "deploy/step_loop.h"

namespace mlnode::deploy {
namespace {

constexpr std::array kLeaseCollection{storage::Collection::kLeases};
constexpr int kBeatAttempts =
    8;  // of one beat, when others write the lease: two at most, this process's Leave and a rival

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

// Has one of these roles; "data" is one only of a hot node.
bool Fits(const Lease& lease, const std::vector<std::string>& roles) {
  return std::ranges::any_of(roles, [&lease](const std::string& role) {
    if (!Contains(lease.roles, role)) return false;
    const auto box_type = lease.attributes.find("box_type");
    return role != "data" || box_type == lease.attributes.end() || box_type->second == "hot";
  });
}

// Nodes that stay, have one of these roles and are not named as excluded.
std::vector<NodeId> WithRole(const std::vector<Lease>& live, const std::vector<std::string>& roles,
                             const config::Snapshot& settings) {
  const auto excluded = SplitNames(settings.String("plugins.ml_commons.exclude_nodes._name"));
  std::vector<NodeId> eligible;
  for (const Lease& lease : live) {
    if (!lease.leaving && Fits(lease, roles) && !Contains(excluded, lease.name)) eligible.push_back(lease.node);
  }
  return eligible;
}

// As it is stored; empty: none.
std::string IncarnationOf(const json::object& lease) {
  const auto text = StringField(lease, "incarnation");
  return text && *text ? **text : std::string();
}

}  // namespace

struct Membership::State {
  struct Other {
    std::uint64_t revision = 0;
    std::optional<Lease> lease;  // nullopt: not to be read
    SteadyTime changed;          // when this node first saw that revision
    bool dead = false;
    std::uint64_t look = 0;  // the last that found it
  };
  // What this node saw of the others.
  struct Sight {
    std::map<std::string, Other, std::less<>> others;
    std::uint64_t revision = 0;  // of the newest snapshot taken in
    std::uint64_t looks = 0;
    std::optional<SteadyTime> looked;
    bool deaf = false;                      // at the last look
    SteadyTime judges_from = SteadyTime();  // nobody is judged dead before
    LivePtr live;                           // told until something changes
    std::uint64_t own = 0;                  // what of this node it was made with
  };

  static void Listen(Sight& sight, SteadyTime now, bool following);
  static bool TakeIn(Sight& sight, const storage::Snapshot& snapshot, const std::string& self, SteadyTime now);
  static bool Judge(Sight& sight, SteadyTime now);

  std::atomic<Standing> standing = Standing::kOutside;
  std::atomic<std::uint64_t> own_changes = 1;  // counts what OwnLease shows
  std::atomic<bool> failing = false;           // the last beat was not written
  std::atomic<std::uint64_t> beat = 0;
  std::atomic<std::uint64_t> revision = 0;         // of the newest lease of this process
  std::atomic<SteadyTime> written = SteadyTime();  // when that was begun
  std::string replaced;        // the incarnation whose lease the first one replaced; set before `revision`
  Guarded<std::string> rival;  // the last that was logged
  std::function<void()> displaced;
  Guarded<Sight> sights;
  std::unique_ptr<StepLoop> loop;
};

Membership::Membership(NodeIdentity self, storage::Store& store, RandomSource& random, const Clock& clock,
                       Executor& executor)
    : self_(std::move(self)), store_(store), random_(random), clock_(clock), state_(std::make_unique<State>()) {
  state_->loop = std::make_unique<StepLoop>(executor, kLeaseBeat, [this] { Step(); });
}

Membership::~Membership() = default;

void Membership::OnDisplaced(std::function<void()> displaced) { state_->displaced = std::move(displaced); }

Membership::Standing Membership::standing() const { return state_->standing; }

Status Membership::Start() {
  RETURN_IF_ERROR(Beat());
  state_->standing = Standing::kMember;
  ++state_->own_changes;
  state_->loop->Start();
  return {};
}

void Membership::Step() {
  LiveNow();  // notes when the others were last heard of, whether or not anybody asks
  if (state_->standing == Standing::kDisplaced) return;
  const Status beat = Beat();
  LiveNow();  // the beat may have taken its time
  if (state_->failing.exchange(!beat) == beat.has_value()) {
    if (beat) LOG_INFO("deploy", "lease written again");
    if (!beat) LOG_WARN("deploy", "lease not written: {}", beat.error().message);
  }
}

void Membership::Leave() {
  Standing member = Standing::kMember;
  if (!state_->standing.compare_exchange_strong(member, Standing::kLeaving)) return;
  ++state_->own_changes;
  const Status told = Beat();
  if (!told) LOG_WARN("deploy", "others send predictions here until it refuses them: {}", told.error().message);
}

void Membership::Stop() {
  state_->loop->Stop();
  const Standing before = state_->standing.exchange(Standing::kOutside);
  ++state_->own_changes;
  if (before == Standing::kOutside || before == Standing::kDisplaced) return;
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
  lease.attributes = self_.attributes;
  lease.memory_bytes = self_.memory_bytes;
  lease.lanes = self_.lanes;
  lease.fast_precision = self_.fast_precision;
  lease.leaving = state_->standing == Standing::kLeaving;
  return lease;
}

// The lease as it stands; once this process has one, another's is only believed in from the authority. nullptr: there
// is none.
Result<storage::DocumentPtr> Membership::StoredLease(bool fresh) const {
  auto stored = fresh ? store_.GetFresh(LeaseKey(self_.id)) : store_.Get(LeaseKey(self_.id));
  const bool own = stored && IncarnationOf((*stored)->body) == IncarnationOf(StoredForm(OwnLease()));
  if (!fresh && !own && state_->revision != 0) stored = store_.GetFresh(LeaseKey(self_.id));
  if (!stored && stored.error().code == Code::kNotFound) return storage::DocumentPtr();
  return stored;
}

// What another wrote after this process did was written by somebody who lives. He whose lease the first one of this
// process replaced was there before it, and stays.
Status Membership::Beat() {
  ++state_->beat;
  const SteadyTime begin = clock_.Now();
  for (int attempt = 0; attempt < kBeatAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const storage::DocumentPtr stored, StoredLease(attempt > 0));
    const json::object own = StoredForm(OwnLease());
    std::string rival = stored ? IncarnationOf(stored->body) : std::string();
    if (rival == IncarnationOf(own)) rival.clear();
    const std::uint64_t before = state_->revision;
    if (before != 0 && !rival.empty() && stored->revision > before && rival == state_->replaced) {
      BeDisplaced(rival);
      return MakeError(Code::kFailedPrecondition, "another process of this node's id is in the cluster");
    }
    const auto written = storage::Commit(
        store_, {.key = LeaseKey(self_.id),
                 .expect = stored ? storage::Expect::Revision(stored->revision) : storage::Expect::Absent(),
                 .body = own,
                 .nonce = NewNonce(random_)});
    if (!written && written.error().code == Code::kConflict) continue;
    if (!written) return written.error();
    if (before == 0) {
      state_->replaced = rival;
    } else if (!rival.empty() && std::exchange(*state_->rival.Lock(), rival) != rival) {
      LOG_ERROR("deploy", "another process came with the id of this node, {}: was its data folder copied?",
                self_.id.str());
    }
    state_->revision = written->revision;
    state_->written = begin;
    ++state_->own_changes;
    return {};
  }
  return MakeError(Code::kConflict, "the lease was changed by others each time that it was to be written");
}

void Membership::BeDisplaced(const std::string& rival) {
  if (state_->standing.exchange(Standing::kDisplaced) == Standing::kDisplaced) return;
  ++state_->own_changes;
  LOG_ERROR("deploy",
            "a process of incarnation {} was in the cluster as node {} before this one and still is: this one takes no "
            "part. Was the data folder copied? Each node needs one of its own",
            rival, self_.id.str());
  if (state_->displaced) state_->displaced();
}

void Membership::State::Listen(Sight& sight, SteadyTime now, bool following) {
  const bool stood_still = sight.looked && now - *sight.looked > kUnheard;
  if (!following) {
    sight.deaf = true;
  } else if (std::exchange(sight.deaf, false) || stood_still) {
    sight.judges_from = now + kLeaseDeath;
  }
  sight.looked = std::max(sight.looked.value_or(now), now);
}

// Whether anything is new.
bool Membership::State::TakeIn(Sight& sight, const storage::Snapshot& snapshot, const std::string& self,
                               SteadyTime now) {
  // Two readers may come here in another order than they read in.
  if (snapshot.revision < sight.revision) return false;
  sight.revision = snapshot.revision;
  ++sight.looks;
  bool news = false;
  std::size_t found = 0;
  for (const storage::DocumentPtr& document : snapshot.documents) {
    if (document->key.id == self) continue;
    ++found;
    auto other = sight.others.find(document->key.id);
    if (other == sight.others.end()) other = sight.others.emplace(document->key.id, Other()).first;
    other->second.look = sight.looks;
    if (other->second.revision == document->revision) continue;
    news = true;
    auto lease = ReadLease(*document);
    if (!lease) LOG_WARN("deploy", "lease ignored: {}", lease.error().message);
    other->second.revision = document->revision;
    other->second.lease = lease ? std::optional(*std::move(lease)) : std::nullopt;
    other->second.changed = now;
    other->second.dead = false;
  }
  if (found == sight.others.size()) return news;
  std::erase_if(sight.others, [&sight](const auto& one) { return one.second.look != sight.looks; });
  return true;
}

// Whether somebody died.
bool Membership::State::Judge(Sight& sight, SteadyTime now) {
  if (sight.deaf || now < sight.judges_from) return false;
  bool died = false;
  for (auto& [id, other] : sight.others) {
    if (other.dead || now - other.changed < kLeaseDeath) continue;
    other.dead = died = true;
  }
  return died;
}

LivePtr Membership::LiveNow() const {
  bool following = store_.Following();
  const storage::Snapshot snapshot = store_.Read(kLeaseCollection);
  const std::uint64_t own = state_->own_changes;
  const Standing standing = state_->standing;
  const SteadyTime now = clock_.Now();
  const bool member = standing == Standing::kMember || standing == Standing::kLeaving;
  // A store that takes this node's beats no more may take nobody's.
  if (member && now - state_->written.load() > kUnheard) following = false;
  const auto sight = state_->sights.Lock();
  State::Listen(*sight, now, following);
  // Who is no member may see another process under its id.
  const bool news = State::TakeIn(*sight, snapshot, member ? self_.id.str() : std::string(), now);
  const bool died = State::Judge(*sight, now);
  if (sight->live && !news && !died && sight->own == own) return sight->live;
  auto live = std::make_shared<std::vector<Lease>>();
  if (member) live->push_back(OwnLease());
  for (const auto& [id, other] : sight->others) {
    if (other.lease && !other.dead) live->push_back(*other.lease);
  }
  std::ranges::sort(*live, {}, &Lease::node);
  sight->own = own;
  sight->live = std::move(live);
  return sight->live;
}

std::vector<Lease> Membership::Forgotten() const {
  LiveNow();
  const SteadyTime now = clock_.Now();
  std::vector<Lease> forgotten;
  const auto sight = state_->sights.Lock();
  for (const auto& [id, other] : sight->others) {
    if (other.lease && other.dead && now - other.changed >= kForgotten) forgotten.push_back(*other.lease);
  }
  return forgotten;
}

std::vector<NodeId> Membership::EligibleForLocal(const std::vector<Lease>& live, const config::Snapshot& settings) {
  const bool ml_only = settings.Bool("plugins.ml_commons.only_run_on_ml_node");
  const auto roles = settings.List("plugins.ml_commons.task_dispatcher.eligible_node_role.local_model");
  return WithRole(live, ml_only ? std::vector<std::string>{"ml"} : roles, settings);
}

std::vector<NodeId> Membership::EligibleForRemote(const std::vector<Lease>& live, const config::Snapshot& settings) {
  return WithRole(live, settings.List("plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model"), settings);
}

}  // namespace mlnode::deploy
