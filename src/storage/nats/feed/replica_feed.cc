#include "storage/nats/feed/replica_feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "storage/nats/document_message.h"
#include "storage/write_check.h"

namespace mlnode::storage::nats {
namespace {

constexpr Millis kFirstPause{50};
constexpr Millis kLongestPause{1'000};
constexpr Millis kLongestLook{500};  // between looks at silence, purge and what is held back
constexpr Millis kProbeLimit{500};
constexpr Millis kConsumerLimit{4'000};  // four questions (FeedConsumer): of three servers one may be dead
constexpr Millis kBetweenQuestions{1'000};
constexpr std::size_t kPurgedAtOnce = 4;
constexpr std::size_t kMostDoubtful = 64;  // holes in one batch: a question each

}  // namespace

ReplicaFeed::ReplicaFeed(NatsLink& link, const StreamNames& names, Replica& replica, OwnWrites& own, const Clock& clock,
                         FeedTimes times)
    : link_(link), names_(names), replica_(replica), own_(own), clock_(clock), times_(times) {
  Hear();
}

Status ReplicaFeed::Start(Millis limit) {
  thread_ = std::make_unique<ThreadPool>(ThreadPool::Options{.name = "nats"});
  (void)thread_->Post([this] { Run(); });
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, limit, [&] { return caught_up_.load(); })) return {};
  Error error = MakeError(Code::kUnavailable, "the documents could not be read from NATS in time");
  error.detail = last_failure_;
  return error;
}

void ReplicaFeed::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  link_.Shutdown();
  thread_.reset();
}

bool ReplicaFeed::Following() const { return caught_up_ && !unanswered_ && !Silent(); }

bool ReplicaFeed::WaitFor(std::uint64_t sequence, Millis limit) const {
  std::unique_lock lock(mutex_);
  const auto holds = [&] { return caught_up_ && applied_ >= sequence; };
  return changed_.wait_for(lock, limit, [&] { return holds() || stopping_; }) && holds();
}

bool ReplicaFeed::WaitUntilCaughtUp(Millis limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return caught_up_ || stopping_; }) && caught_up_;
}

std::optional<Record> ReplicaFeed::NewestOf(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const SwapJudge::Standing* standing = judge_.Find(key);
  if (standing == nullptr) return std::nullopt;
  Record record{.document = nullptr, .nonce = standing->nonce, .removed = standing->removed};
  if (record.removed) {
    record.document = std::make_shared<const Document>(
        Document{.key = key, .body = {}, .revision = standing->sequence, .version = standing->version});
    return record;
  }
  Result<DocumentPtr> live = replica_.Get(key);
  if (!live) return std::nullopt;
  record.document = *std::move(live);
  return record;
}

void ReplicaFeed::Run() {
  Millis pause = kFirstPause;
  bool told = false;
  SchedulePurge();
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    std::shared_ptr<NatsSession> session = link_.Current();
    Error why;
    bool was_following = false;
    if (!session) {
      Result<std::shared_ptr<NatsSession>> connected = link_.Connect();
      if (connected) {
        session = *std::move(connected);
      } else {
        why = std::move(connected).error();
      }
    }
    if (session) why = Follow(session, was_following);
    caught_up_ = false;
    if (was_following) {
      told = false;
      pause = kFirstPause;
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      last_failure_ = why.message + " (" + why.detail + ")";
    }
    if (!std::exchange(told, true)) {
      LOG_WARN("storage", "the documents in NATS are not followed: {} ({})", why.message, why.detail);
    } else if (session) {
      LOG_INFO("storage", "the documents in NATS are still not followed: {} ({})", why.message, why.detail);
    }
    // Only the consumer's server may be gone: then the connection is kept, unless it led to nothing.
    if (session && (!was_following || unanswered_ || !session->Answers(kProbeLimit))) link_.Drop();
    Pause(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

void ReplicaFeed::Pause(Millis wait) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [&] { return stopping_; });
}

Error ReplicaFeed::Follow(const std::shared_ptr<NatsSession>& session, bool& was_following) {
  const Result<StreamState> state = CertainState(*session, CallLimit(NatsStore::kCallLimit));
  if (!state) return state.error();
  const CallLimit limit(NatsStore::kCallLimit);
  const Result<std::uint64_t> from = PlaceToBegin(*session, *state, limit);
  if (!from) return from.error();
  const auto consumer = FeedConsumer::Make(session, names_.documents(), *from, CallLimit(kConsumerLimit));
  if (!consumer) return consumer.error();
  Hear();
  Status ended = Receive(**consumer, *state, *from == 1);
  was_following = caught_up_;
  return ended ? Error() : std::move(ended).error();
}

// Of a leader that is cut off from the other servers: it would seem that the end of the stream is lost, and what is
// known is thrown away for what was. Where the stream is full nobody can tell; its leader's word is taken then.
Result<StreamState> ReplicaFeed::CertainState(NatsSession& session, const CallLimit& limit) const {
  const Result<std::uint64_t> barrier = session.PutBarrier(names_.BarrierSubject(), Again::kIfSilent, limit);
  if (!barrier && barrier.error().code != Code::kResourceExhausted) return barrier.error();
  ASSIGN_OR_RETURN(const StreamState state, session.State(names_.documents(), limit));
  if (barrier && state.last < *barrier) return MakeError(Code::kUnavailable, "the leader of the documents is behind");
  return state;
}

Result<ReplicaFeed::Anchor> ReplicaFeed::FindAnchor(NatsSession& session, const StreamState& state,
                                                    const CallLimit& limit) const {
  if (state.created_ns != created_ns_ || state.last < anchor_.sequence) return Anchor::kAnother;
  if (anchor_.sequence == 0) return Anchor::kMissing;
  const Result<Message> message = session.At(names_.documents(), anchor_.sequence, limit);
  if (!message && message.error().code == Code::kNotFound) return Anchor::kMissing;
  if (!message) return message.error();
  return natsMsg_GetTime(message->get()) == anchor_.time_ns ? Anchor::kHolds : Anchor::kAnother;
}

Result<std::uint64_t> ReplicaFeed::PlaceToBegin(NatsSession& session, const StreamState& state,
                                                const CallLimit& limit) {
  ASSIGN_OR_RETURN(const Anchor anchor, FindAnchor(session, state, limit));
  if (anchor == Anchor::kAnother && created_ns_ != 0) {
    LOG_WARN("storage", "stream {} is not the one it was: all is read anew", names_.documents());
  }
  created_ns_ = state.created_ns;
  const Duration longest = times_.grace / 2;
  const bool long_silence = clock_.Now() - HeardAt() > longest;
  const bool long_ago = state.last > anchor_.sequence && Duration(state.last_time_ns - anchor_.time_ns) > longest;
  const std::lock_guard lock(mutex_);
  if (anchor != Anchor::kHolds || long_silence || long_ago) applied_ = 0;
  return applied_ + 1;
}

Status ReplicaFeed::Receive(FeedConsumer& consumer, const StreamState& state, bool whole) {
  std::uint64_t after = 0;
  received_ = anchor_;
  if (whole) {
    received_ = {};
  } else {
    const std::lock_guard lock(mutex_);
    after = applied_;
  }
  PrefixBuffer buffer(after, consumer.has_backlog() ? state.last : after);
  bool caught_up = false;
  SteadyTime progress = clock_.Now();
  if (state.messages == 0 || state.last <= after) buffer.Idle(state.last);
  for (;;) {
    const SteadyTime now = clock_.Now();
    if (buffer.last() >= state.last) buffer.SetLimited(now);
    const bool first = !caught_up && buffer.last() >= state.last && (buffer.Empty() || buffer.Ready(now));
    if (first || (caught_up && buffer.Ready(now))) {
      PrefixBuffer::Batch batch = buffer.Take();
      RETURN_IF_ERROR(CheckHoles(batch.doubtful));
      Apply(std::move(batch), first && whole);
      if (first) NoteCaughtUp();
      caught_up = true;
    }
    FeedConsumer::Event event = consumer.Next(TimeToNextLook(buffer));
    if (event.kind == FeedConsumer::Event::Kind::kOver) return MakeError(Code::kUnavailable, std::move(event.why));
    Take(event, buffer);
    if (event.kind == FeedConsumer::Event::Kind::kMessage) progress = clock_.Now();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return MakeError(Code::kUnavailable, "the store is closing");
    }
    if (Silent()) return MakeError(Code::kUnavailable, "nothing was heard of the server any more");
    if (caught_up) {
      RETURN_IF_ERROR(DoChores());
    } else if (clock_.Now() - progress > times_.silence) {
      return MakeError(Code::kUnavailable, "this server is behind and brings no news");
    }
  }
}

void ReplicaFeed::NoteCaughtUp() {
  LOG_INFO("storage", "the documents in NATS are followed");
  unanswered_ = false;
  unanswered_since_ = SteadyTime::max();
  const std::lock_guard lock(mutex_);
  caught_up_ = true;
  changed_.notify_all();
}

Millis ReplicaFeed::TimeToNextLook(const PrefixBuffer& buffer) const {
  const SteadyTime at = buffer.ReadyAt();
  if (at == SteadyTime::max()) return kLongestLook;
  return std::clamp(std::chrono::duration_cast<Millis>(at - clock_.Now()), Millis(1), kLongestLook);
}

void ReplicaFeed::Take(FeedConsumer::Event& event, PrefixBuffer& buffer) {
  using Kind = FeedConsumer::Event::Kind;
  if (event.kind == Kind::kNothing) return;
  Hear();
  if (event.kind == Kind::kIdle) buffer.Idle(event.info.stream_sequence);
  if (event.kind != Kind::kMessage) return;
  unanswered_ = false;  // somebody's write was stored: there is a quorum
  const DeliveryInfo& info = event.info;
  std::optional<Swap> swap;
  const auto key = names_.KeyOf(natsMsg_GetSubject(event.message.get()));
  if (key) {
    Result<Swap> decoded = DecodeDocument(*key, *event.message, info.stream_sequence);
    if (decoded) {
      swap = *std::move(decoded);
      swap->time_ns = info.time_ns;
    } else {
      LOG_ERROR("storage", "left out: {}", decoded.error().message);
    }
  }
  tombstones_.Hear(info.time_ns);
  received_ = {info.stream_sequence, info.time_ns};
  buffer.Add(info.stream_sequence, info.pending, std::move(swap), clock_.Now());
}

// Once the reading begins anew, what was left out is in the stream's past, and is delivered.
Status ReplicaFeed::CheckHoles(const std::vector<PrefixBuffer::Hole>& holes) const {
  if (holes.empty()) return {};
  if (holes.size() > kMostDoubtful)
    return MakeError(Code::kUnavailable, "too much is missing in what this server brings");
  const std::shared_ptr<NatsSession> session = link_.Current();
  if (!session) return MakeError(Code::kUnavailable, "the connection is lost");
  for (const auto& [from, to] : holes) {
    const Result<std::uint64_t> next =
        session->NextFrom(names_.documents(), names_.documents_filter(), from, CallLimit(NatsStore::kCallLimit));
    if (!next && next.error().code != Code::kNotFound) return next.error();
    if (next && *next > to) continue;
    if (!next) {
      // One that was just elected may not have applied yet what its predecessor stored.
      ASSIGN_OR_RETURN(const StreamState state, session->State(names_.documents(), CallLimit(NatsStore::kCallLimit)));
      if (state.last >= to) continue;
      return MakeError(Code::kUnavailable, "the leader of the documents is behind");
    }
    return MakeError(Code::kUnavailable, fmt::format("the server left message {} out", *next));
  }
  return {};
}

// Takes all that came.
void ReplicaFeed::Apply(PrefixBuffer::Batch batch, bool whole) {
  anchor_ = received_;
  std::vector<Key> changed;
  if (whole) {
    tombstones_.Clear();
    SwapJudge judge;
    const std::vector<Record> records = Judge(judge, batch, /*complete=*/false);
    {
      const std::lock_guard lock(mutex_);
      judge_ = std::move(judge);
      replica_.ReplaceAll(records, batch.sequence);
    }
    LOG_INFO("storage", "read all documents from NATS: {} messages", batch.records.size());
    replica_.AnnounceResync();
  } else {
    const std::lock_guard lock(mutex_);
    changed = replica_.ApplyNewer(Judge(judge_, batch, batch.complete));
  }
  for (const Key& key : changed) replica_.Announce(key);
  {
    const std::lock_guard lock(mutex_);
    applied_ = whole ? batch.sequence : std::max(applied_, batch.sequence);
  }
  changed_.notify_all();
}

std::vector<Record> ReplicaFeed::Judge(SwapJudge& judge, PrefixBuffer::Batch& batch, bool complete) {
  using Verdict = SwapJudge::Verdict;
  std::vector<Record> records;
  for (Swap& swap : batch.records) {
    const Verdict verdict = judge.Judge(swap, complete);
    const Document& document = *swap.record.document;
    if (verdict != Verdict::kAssumed) {
      own_.Note(document.key, swap.record.nonce, document.revision, verdict == Verdict::kValid);
    }
    if (verdict == Verdict::kVoid) continue;
    if (swap.record.removed) {
      const auto forgotten = tombstones_.Note({document.revision, document.key}, swap.time_ns, clock_.Now());
      if (forgotten) judge.Forget(forgotten->key, forgotten->sequence);
    }
    records.push_back(std::move(swap.record));
  }
  return records;
}

Status ReplicaFeed::DoChores() {
  const SteadyTime now = clock_.Now();
  if (!unanswered_) {
    unanswered_since_ = SteadyTime::max();
  } else if (now >= next_question_) {
    next_question_ = now + kBetweenQuestions;
    unanswered_since_ = std::min(unanswered_since_, now);
    const std::shared_ptr<NatsSession> session = link_.Current();
    // It counts when it comes (Take): what stores is not always what is heard.
    if (session) (void)session->PutBarrier(names_.BarrierSubject(), Again::kIfSilent, CallLimit(kProbeLimit));
    if (now - unanswered_since_ > times_.silence) {
      return MakeError(Code::kUnavailable, "this server stores nothing any more, or brings no news");
    }
  }
  if (now < next_purge_) return {};
  if (const std::shared_ptr<NatsSession> session = link_.Current()) PurgeTombstones(*session);
  return {};
}

void ReplicaFeed::SchedulePurge() {
  const auto period = static_cast<std::uint64_t>(times_.purge_period.count());
  next_purge_ = clock_.Now() + times_.purge_period + Duration(random_.Next() % (period / 2 + 1));
}

// A few at a time and for a moment, since nothing is read meanwhile.
void ReplicaFeed::PurgeTombstones(NatsSession& session) {
  const std::vector<Tombstones::Removal> due = tombstones_.Due(times_.grace, kPurgedAtOnce, clock_.Now());
  const CallLimit limit(kProbeLimit);
  for (const Tombstones::Removal& removal : due) {
    const Status purged = PurgeTombstone(session, removal, limit);
    if (!purged && purged.error().code != Code::kDataLoss) {
      LOG_DEBUG("storage", "{} ({})", purged.error().message, purged.error().detail);
      SchedulePurge();
      return;
    }
    tombstones_.Forget(removal.sequence);
    if (!purged) {  // it would be the same the next time, and the younger ones would wait for it
      LOG_WARN("storage", "what is left of {} stays in NATS: {}", KeyText(removal.key), purged.error().message);
      continue;
    }
    const std::lock_guard lock(mutex_);
    judge_.Forget(removal.key, removal.sequence);
  }
  if (due.size() < kPurgedAtOnce) SchedulePurge();
}

// By sequence: what is written under the key meanwhile stays. The removal goes last: without it, what lies below would
// be the document again, and what lies above and is void would count for who reads it first.
Status ReplicaFeed::PurgeTombstone(NatsSession& session, const Tombstones::Removal& removal, const CallLimit& limit) {
  const SwapJudge::Standing* standing = judge_.Find(removal.key);
  // Where something was written since, the stream drops it in time.
  if (standing == nullptr || standing->sequence != removal.sequence) return {};
  const Result<Message> there = session.At(names_.documents(), removal.sequence, limit);
  if (!there && there.error().code == Code::kNotFound) return {};  // another node was first
  if (!there) return there.error();
  ASSIGN_OR_RETURN(const Swap found, DecodeDocument(removal.key, **there, removal.sequence));
  if (!found.record.removed || found.record.nonce != standing->nonce) {
    return MakeError(Code::kDataLoss, "the servers' copies of the documents differ");
  }
  std::vector<std::uint64_t> messages = standing->messages;
  std::erase(messages, removal.sequence);
  messages.push_back(removal.sequence);
  for (const std::uint64_t sequence : messages) {
    Status removed = session.Remove(names_.documents(), sequence, limit);
    if (!removed && removed.error().code != Code::kNotFound) return removed;
  }
  return {};
}

}  // namespace mlnode::storage::nats
