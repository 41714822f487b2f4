#include "storage/nats/nats_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/log.h"
#include "core/sha256.h"
#include "storage/nats/message_list.h"
#include "storage/nats/nats_documents.h"
#include "storage/write_check.h"

namespace mlnode::storage::nats {
namespace {

constexpr int kSwapAttempts = 16;  // others who write the same part at the same time
constexpr int kReadAttempts = 4;   // a part that is replaced while it is read
constexpr int kMoreQuestions = 8;  // even the only one of three that has a piece is missed once in 26 times

CallLimit OneCall() { return CallLimit(NatsStore::kCallLimit); }

Error PartError(Error error, const UploadId& upload, std::uint32_t number) {
  if (error.code != Code::kResourceExhausted && error.code != Code::kDataLoss) error.code = Code::kUnavailable;
  return Annotate(std::move(error), fmt::format("chunk {} of upload {}", number, upload.str()));
}

Error UploadError(Error error, std::string_view what) {
  if (error.code != Code::kResourceExhausted) error.code = Code::kUnavailable;
  return Annotate(std::move(error), what);
}

Result<Message> MakeMessage(const std::string& subject, std::string_view bytes) {
  Message message;
  if (natsMsg_Create(Out(message), subject.c_str(), nullptr, bytes.data(), static_cast<int>(bytes.size())) != NATS_OK) {
    return MakeError(Code::kInternal, "a message cannot be made");
  }
  return message;
}

}  // namespace

Result<std::shared_ptr<NatsSession>> NatsParts::Session() const {
  std::shared_ptr<NatsSession> session = link_.Current();
  if (!session) return NotConnected();
  return session;
}

Status NatsParts::Put(const UploadId& upload, std::uint32_t number, std::string_view bytes) {
  RETURN_IF_ERROR(CheckPart(upload, number, bytes));
  ASSIGN_OR_RETURN(const auto session, Session());
  const Place place{upload, number};
  const PartManifest manifest{
      .length = bytes.size(), .sha256 = Sha256Hex(bytes), .attempt = fmt::format("{:016x}", random_.Next())};
  Status put = PutPieces(*session, place, manifest, bytes);
  if (!put) {
    RemoveAttempt(*session, place, manifest);
    return PartError(std::move(put).error(), upload, number);
  }
  put = PutManifest(*session, place, manifest);
  if (put) return {};
  // Without an answer it may be there, and needs its pieces.
  if (put.error().code != Code::kDeadlineExceeded) RemoveAttempt(*session, place, manifest);
  return PartError(std::move(put).error(), upload, number);
}

Status NatsParts::PutPieces(NatsSession& session, const Place& place, const PartManifest& manifest,
                            std::string_view bytes) {
  for (int i = 0; i < manifest.pieces(); ++i) {
    const std::string subject = names_.PieceSubject(place.upload, place.number, manifest.attempt, i);
    ASSIGN_OR_RETURN(const Message piece,
                     MakeMessage(subject, bytes.substr(static_cast<std::size_t>(i) * kPieceBytes, kPieceBytes)));
    RETURN_IF_ERROR(session.Publish(*piece, 0, OneCall()));
  }
  return {};
}

Status NatsParts::PutManifest(NatsSession& session, const Place& place, const PartManifest& manifest) {
  const std::string text = EncodeManifest(manifest);
  const std::string subject = names_.PartSubject(place.upload, place.number);
  for (int attempt = 0; attempt < kSwapAttempts; ++attempt) {
    Result<StoredManifest> before = ReadManifest(session, place);
    if (!before) {
      Error error = std::move(before).error();  // nothing was sent
      error.code = Code::kUnavailable;
      return error;
    }
    // Refused by one leader, stored by the next.
    if (before->manifest && before->manifest->attempt == manifest.attempt) return {};
    ASSIGN_OR_RETURN(const Message message, MakeMessage(subject, text));
    const Result<std::uint64_t> stored = session.Publish(*message, before->sequence, OneCall());
    if (stored) {
      RemoveReplaced(session, place, *before);
      return {};
    }
    if (stored.error().code != Code::kConflict) return stored.error();
  }
  return MakeError(Code::kUnavailable, "it is being written by others");
}

// What is left of it when this fails is hidden by the newer manifest, and goes with the upload.
void NatsParts::RemoveReplaced(NatsSession& session, const Place& place, const StoredManifest& replaced) {
  if (replaced.sequence == 0) return;
  const Status removed = RemoveMessage(session, names_.chunks(), replaced.sequence);
  if (!removed) LOG_DEBUG("storage", "{} ({})", removed.error().message, removed.error().detail);
  if (replaced.manifest) RemoveAttempt(session, place, *replaced.manifest);
}

void NatsParts::RemoveAttempt(NatsSession& session, const Place& place, const PartManifest& manifest) {
  const Status removed =
      RemoveMessages(session, names_.chunks(), names_.PiecesOfAttempt(place.upload, place.number, manifest.attempt));
  if (!removed) LOG_DEBUG("storage", "{} ({})", removed.error().message, removed.error().detail);
}

Result<NatsParts::StoredManifest> NatsParts::ReadManifest(NatsSession& session, const Place& place) const {
  Result<Message> message = session.Last(names_.chunks(), names_.PartSubject(place.upload, place.number), OneCall());
  if (!message && message.error().code == Code::kNotFound) return StoredManifest();
  if (!message) return std::move(message).error();
  return StoredManifest{natsMsg_GetSequence(message->get()), DecodeManifest(BodyOf(**message))};
}

Result<std::string> NatsParts::Get(const UploadId& upload, std::uint32_t number) const {
  RETURN_IF_ERROR(CheckUpload(upload));
  ASSIGN_OR_RETURN(const auto session, Session());
  const Place place{upload, number};
  std::uint64_t incomplete = 0;
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    Result<StoredManifest> stored = ReadManifest(*session, place);
    if (!stored) return PartError(std::move(stored).error(), upload, number);
    if (stored->sequence == 0) {
      return MakeError(Code::kNotFound, fmt::format("upload {} has no chunk {}", upload.str(), number));
    }
    if (!stored->manifest) return PartError(std::move(stored->manifest).error(), upload, number);
    Result<std::optional<std::string>> bytes = ReadPieces(*session, place, *stored->manifest);
    if (!bytes) return PartError(std::move(bytes).error(), upload, number);
    if (*bytes && (*bytes)->size() == stored->manifest->length && Sha256Hex(**bytes) == stored->manifest->sha256) {
      return **std::move(bytes);
    }
    // Replaced while it was read, unless the same manifest is still there.
    if (*bytes || std::exchange(incomplete, stored->sequence) == stored->sequence) break;
  }
  return MakeError(Code::kDataLoss,
                   fmt::format("chunk {} of upload {} is damaged: upload it again", number, upload.str()));
}

Result<std::optional<std::string>> NatsParts::ReadPieces(NatsSession& session, const Place& place,
                                                         const PartManifest& manifest) const {
  std::string bytes;
  bytes.reserve(manifest.length);
  for (int i = 0; i < manifest.pieces(); ++i) {
    const std::string subject = names_.PieceSubject(place.upload, place.number, manifest.attempt, i);
    const Result<Message> piece = ReadPiece(session, subject);
    if (!piece && piece.error().code == Code::kNotFound) return std::optional<std::string>();
    if (!piece) return std::move(piece).error();
    bytes += BodyOf(**piece);
    if (bytes.size() > manifest.length) break;
  }
  return std::optional<std::string>(std::move(bytes));
}

// A piece never changes, so any server's is the right one; one that is behind may not have it yet. A 2.9 server that
// was killed may lack it for good, even while it leads: each question may go to another.
Result<Message> NatsParts::ReadPiece(NatsSession& session, const std::string& subject) const {
  Result<Message> piece = session.LastFromAny(names_.chunks(), subject, OneCall());
  if (piece) return piece;
  Result<Message> leaders = session.Last(names_.chunks(), subject, OneCall());
  for (int i = 0; i < kMoreQuestions && !leaders && leaders.error().code == Code::kNotFound; ++i) {
    piece = session.LastFromAny(names_.chunks(), subject, OneCall());
    if (piece) return piece;
  }
  return leaders;
}

Result<std::vector<std::uint32_t>> NatsParts::List(const UploadId& upload) const {
  RETURN_IF_ERROR(CheckUpload(upload));
  ASSIGN_OR_RETURN(const auto session, Session());
  Result<std::vector<std::string>> subjects =
      session->Subjects(names_.chunks(), names_.PartsOf(upload.str()), OneCall());
  if (!subjects) return UploadError(std::move(subjects).error(), "the chunks of an upload cannot be listed");
  std::vector<std::uint32_t> numbers;
  for (const std::string& subject : *subjects) {
    if (const auto name = names_.ChunkOf(subject); name && name->part) numbers.push_back(*name->part);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::vector<Store::UploadInfo>> NatsParts::ListUploads() const {
  ASSIGN_OR_RETURN(const auto session, Session());
  std::set<UploadId> ids;
  for (const std::string& filter : {names_.PartsOf("*"), names_.PiecesOf("*")}) {
    Result<std::vector<std::string>> subjects = session->Subjects(names_.chunks(), filter, OneCall());
    if (!subjects) return UploadError(std::move(subjects).error(), "the uploads cannot be listed");
    for (const std::string& subject : *subjects) {
      if (auto name = names_.ChunkOf(subject)) ids.insert(std::move(name->upload));
    }
  }
  std::vector<Store::UploadInfo> uploads;
  for (const UploadId& id : ids) {
    Result<std::int64_t> last_write = LastWriteMillis(*session, id.str());
    if (!last_write) return UploadError(std::move(last_write).error(), "the uploads cannot be listed");
    if (*last_write > 0) uploads.push_back({id, *last_write});  // else it was removed meanwhile
  }
  return uploads;
}

Result<std::int64_t> NatsParts::LastWriteMillis(NatsSession& session, const std::string& upload) const {
  std::int64_t newest_ns = 0;
  for (const std::string& filter : {names_.PartsOf(upload), names_.PiecesOf(upload)}) {
    const Result<Message> last = session.Last(names_.chunks(), filter, OneCall());
    if (!last && last.error().code != Code::kNotFound) return last.error();
    if (last) newest_ns = std::max(newest_ns, natsMsg_GetTime(last->get()));
  }
  return newest_ns / 1'000'000;
}

Status NatsParts::Remove(const UploadId& upload) {
  RETURN_IF_ERROR(CheckUpload(upload));
  ASSIGN_OR_RETURN(const auto session, Session());
  // Manifests first: a part is not there any more before its pieces go.
  for (const std::string& filter : {names_.PartsOf(upload.str()), names_.PiecesOf(upload.str())}) {
    Status removed = RemoveMessages(*session, names_.chunks(), filter);
    if (!removed) return UploadError(std::move(removed).error(), "an upload cannot be removed");
  }
  return {};
}

}  // namespace mlnode::storage::nats
