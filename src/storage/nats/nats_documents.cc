#include "storage/nats/nats_documents.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/log.h"
#include "storage/nats/document_message.h"
#include "storage/write_check.h"

namespace mlnode::storage::nats {
namespace {

constexpr int kAttempts = 4;
constexpr Millis kRetryAfter{1'000};
constexpr Millis kLookAgain{250};
constexpr Millis kLagPause{10};

// Reading told nothing: for a write that means that nothing was written.
Error NotRead(Error error) {
  if (error.code == Code::kDeadlineExceeded) error.code = Code::kUnavailable;
  return error;
}

// An answer of a server that says for certain that nothing was stored, as TryWrite may return it.
Error NotWritten(Error error) {
  if (error.code == Code::kFailedPrecondition || error.code == Code::kNotFound) error.code = Code::kUnavailable;
  return error;
}

Error NotNow(std::string why) {
  Error error = MakeError(Code::kUnavailable, std::move(why));
  error.retry_after = kRetryAfter;
  return error;
}

Error Behind() { return NotNow("this node has not yet heard all that was written"); }

}  // namespace

Error NotConnected() { return NotNow("this node has no connection to the NATS servers"); }

WriteOutcome NatsDocuments::TryWrite(const Write& write) {
  Result<std::optional<StoredBody>> body = CheckWrite(write);
  if (!body) return std::move(body).error();
  if (!link_.Current()) return NotConnected();
  const CallLimit limit(NatsStore::kCallLimit);
  const std::unique_ptr<OwnWrites::Turn> turn = own_.Begin(write.key, write.nonce, limit);
  if (!turn) return NotNow(KeyText(write.key) + " is being written by others");
  // What is known of an old state would be a bad base, and the echo would not come.
  if (!feed_.WaitUntilCaughtUp(Millis(limit.Left()))) return Behind();
  const std::shared_ptr<NatsSession> session = link_.Current();
  if (!session) return NotConnected();
  WriteOutcome outcome = WriteInTurn(*session, write, *body, Attempt{*turn, limit});
  const auto* error = std::get_if<Error>(&outcome);
  if (std::holds_alternative<Written>(outcome)) {
    feed_.NoteWrite(/*answered=*/true);
  } else if (error == nullptr || error->code == Code::kUnavailable) {
    feed_.NoteWrite(/*answered=*/false);
  }
  return outcome;
}

WriteOutcome NatsDocuments::WriteInTurn(NatsSession& session, const Write& write, const std::optional<StoredBody>& body,
                                        const Attempt& attempt) {
  std::optional<Base> base = KnownBase(write);
  bool full = false;  // a leader had no space, at which it stores nothing but resigns: the next one may have stored it
  for (int i = 0; i < kAttempts && !attempt.limit.Over(); ++i) {
    if (!base) {
      Result<Newest> look = Look(session, write.key, attempt.limit);
      if (!look && full) return Unknown{look.error().message + " (" + look.error().detail + ")"};
      if (!look) return std::move(look).error();
      // This very write, tried before.
      const std::optional<Record>& newest = look->record;
      if (i > 0 && newest && newest->nonce == write.nonce && write.nonce != 0) {
        return Written{newest->document->revision, newest->document->version};
      }
      Result<Base> found = BaseOn(write, *look);
      if (!found) return std::move(found).error();
      base = *found;
    }
    Result<Message> message = EncodeDocument(names_.SubjectOf(write.key), body ? &body->text : nullptr,
                                             {.nonce = write.nonce, .version = base->version, .base = base->sequence});
    if (!message) return std::move(message).error();
    const Result<std::uint64_t> stored = session.Publish(**message, base->last, attempt.limit);
    if (!stored && stored.error().code == Code::kResourceExhausted && !std::exchange(full, true)) {
      base.reset();
      continue;
    }
    if (auto outcome = stored ? Judged(write, *base, *stored, attempt) : Refused(stored.error())) {
      return *std::move(outcome);
    }
    base.reset();
  }
  Error error = MakeError(Code::kConflict, KeyText(write.key) + " is being written by others");
  error.retry_after = kRetryAfter;
  return error;
}

std::optional<WriteOutcome> NatsDocuments::Refused(const Error& error) {
  if (error.code == Code::kConflict) return std::nullopt;
  LOG_DEBUG("storage", "{} ({})", error.message, error.detail);
  if (error.code == Code::kDeadlineExceeded) return Unknown{error.message + " (" + error.detail + ")"};
  return NotWritten(error);
}

std::optional<WriteOutcome> NatsDocuments::Judged(const Write& write, const Base& base, std::uint64_t sequence,
                                                  const Attempt& attempt) const {
  if (!feed_.WaitFor(sequence, Millis(attempt.limit.Left()))) {
    return Unknown{
        fmt::format("{} is message {}, which this node has not heard in time", KeyText(write.key), sequence)};
  }
  const std::optional<bool> valid = attempt.turn.IsValid(sequence);
  if (valid && !*valid) return std::nullopt;
  const Written written{sequence, base.version};
  if (valid) return written;
  // Messages before it were missing. What the key has now is certain.
  const std::optional<Record> newest = feed_.NewestOf(write.key);
  if (newest && newest->document->revision == sequence && newest->nonce == write.nonce) return written;
  return Unknown{fmt::format("{} was message {}, and others came after it", KeyText(write.key), sequence)};
}

std::optional<NatsDocuments::Base> NatsDocuments::KnownBase(const Write& write) const {
  const std::optional<Record> known = feed_.NewestOf(write.key);
  if (!known) return std::nullopt;
  const Result<std::uint64_t> version = CheckExpectation(write, known->removed ? nullptr : known->document.get());
  if (!version) return std::nullopt;
  return Base{.sequence = known->document->revision, .last = known->document->revision, .version = *version};
}

Result<NatsDocuments::Base> NatsDocuments::BaseOn(const Write& write, const Newest& newest) {
  const std::optional<Record>& record = newest.record;
  const bool live = record && !record->removed;
  ASSIGN_OR_RETURN(const std::uint64_t version, CheckExpectation(write, live ? record->document.get() : nullptr));
  // All who write it now must name one base, whether they still remember a removal or not: the one that the stream has.
  std::uint64_t sequence = newest.last_removes ? newest.last : 0;
  if (record) sequence = newest.last == 0 ? 0 : record->document->revision;
  return Base{.sequence = sequence, .last = newest.last, .version = version};
}

Result<NatsDocuments::Newest> NatsDocuments::Look(NatsSession& session, const Key& key, const CallLimit& limit) const {
  for (;;) {
    const Result<Message> last = session.Last(names_.documents(), names_.SubjectOf(key), limit);
    if (!last && last.error().code != Code::kNotFound) return NotWritten(NotRead(last.error()));
    const std::uint64_t sequence = last ? natsMsg_GetSequence(last->get()) : 0;
    bool removes = false;
    if (last) {
      ASSIGN_OR_RETURN(const Swap swap, DecodeDocument(key, **last, sequence));
      removes = swap.record.removed;
    }
    // Again now and then: the message may go while it is waited for.
    if (feed_.WaitFor(sequence, std::min(Millis(limit.Left()), kLookAgain))) {
      Newest newest{.record = feed_.NewestOf(key), .last = sequence, .last_removes = removes};
      // Documents are not purged: this is a leader that was just elected and has not applied yet what its predecessor
      // acknowledged, or the stream was made anew.
      if (last || !newest.record || newest.record->removed) return newest;
      std::this_thread::sleep_for(kLagPause);
    }
    if (limit.Over()) return Behind();
  }
}

Result<DocumentPtr> NatsDocuments::GetFresh(const Key& key) const {
  const Error absent = MakeError(Code::kNotFound, KeyText(key) + " does not exist");
  if (!CheckKey(key)) return absent;  // nothing of that name can have been written
  const std::shared_ptr<NatsSession> session = link_.Current();
  if (!session) return NotConnected();
  const Result<Newest> newest = Look(*session, key, CallLimit(NatsStore::kCallLimit));
  if (!newest) return newest.error();
  if (!newest->record || newest->record->removed) return absent;
  return newest->record->document;
}

Result<std::optional<Written>> NatsDocuments::Settle(const Key& key, std::uint64_t nonce) const {
  RETURN_IF_ERROR(CatchUp(NatsStore::kCallLimit));
  const std::optional<Record> newest = feed_.NewestOf(key);
  if (!newest || newest->nonce != nonce) return std::optional<Written>();
  return std::optional<Written>(Written{newest->document->revision, newest->document->version});
}

Status NatsDocuments::CatchUp(Duration limit) const {
  const CallLimit end(std::chrono::duration_cast<Millis>(limit));
  const std::shared_ptr<NatsSession> session = link_.Current();
  if (!session) return NotConnected();
  const CallLimit call(std::min(Millis(end.Left()), NatsStore::kCallLimit));
  const Result<std::uint64_t> barrier = session->PutBarrier(names_.BarrierSubject(), Again::kIfEither, call);
  if (!barrier) {
    Error error = barrier.error();
    error.code = Code::kUnavailable;
    return error;
  }
  if (feed_.WaitFor(*barrier, Millis(end.Left()))) return {};
  return Behind();
}

}  // namespace mlnode::storage::nats
