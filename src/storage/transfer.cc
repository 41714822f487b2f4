#include "storage/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "storage/listing.h"
#include "storage/write_check.h"

namespace mlnode::storage {
namespace {

// What is referred to comes before what refers to it; plans last, for they make nodes act.
constexpr std::array kCopied{Collection::kSettings,   Collection::kReservations, Collection::kModelGroups,
                             Collection::kConnectors, Collection::kModels,       Collection::kControllers,
                             Collection::kTasks,      Collection::kPlans};
constexpr std::uint64_t kDocumentsPerNotice = 100;
constexpr std::chrono::seconds kCatchUpLimit(10);
// Nothing is copied yet, and `before` is what the marker said before.
constexpr std::string_view kClaimed = "claimed";
constexpr std::string_view kRunning = "running";
constexpr std::string_view kComplete = "complete";

Key MarkerKey() { return {Collection::kMeta, "transfer"}; }

// Of the copied kinds. Whoever creates or changes a document makes `newest` grow, whoever only removes some makes them
// fewer: the same numbers again mean that nobody wrote.
struct Held {
  std::int64_t documents = 0, newest = 0;
  bool operator==(const Held&) const = default;
};

Held HeldBy(const Store& store) {
  Held held;
  for (const DocumentPtr& document : store.Read(kCopied).documents) {
    ++held.documents;
    held.newest = std::max(held.newest, static_cast<std::int64_t>(document->revision));
  }
  return held;
}

struct Marker {
  std::string state, source;
  std::optional<Held> held = {};  // kComplete: by the target, at the end
};

Result<Marker> ParseMarker(const json::object& body) {
  ASSIGN_OR_RETURN(const auto state, StringField(body, "state"));
  ASSIGN_OR_RETURN(const auto source, StringField(body, "source"));
  if (!state || !source) return MakeError(Code::kDataLoss, "meta/transfer is damaged: it has no state or no source");
  ASSIGN_OR_RETURN(const auto documents, IntField(body, "documents"));
  ASSIGN_OR_RETURN(const auto newest, IntField(body, "newest"));
  Marker marker{.state = *state, .source = *source};
  if (documents && newest) marker.held = Held{.documents = *documents, .newest = *newest};
  return marker;
}

json::object StoredForm(const Marker& marker) {
  json::object body{{"state", marker.state}, {"source", marker.source}};
  if (marker.held) {
    body["documents"] = marker.held->documents;
    body["newest"] = marker.held->newest;
  }
  return body;
}

// From the authority: what somebody else wrote a moment ago counts.
Result<std::optional<json::object>> ReadMarkerBody(const Store& store) {
  const auto stored = store.GetFresh(MarkerKey());
  if (!stored && stored.error().code == Code::kNotFound) return std::optional<json::object>();
  if (!stored) return stored.error();
  return std::optional((*stored)->body);
}

// As it is, or as it was before a claim.
Result<std::optional<Marker>> ReadMarkerBeforeClaim(const Store& store) {
  ASSIGN_OR_RETURN(std::optional<json::object> body, ReadMarkerBody(store));
  if (!body) return std::optional<Marker>();
  ASSIGN_OR_RETURN(Marker marker, ParseMarker(*body));
  if (marker.state != kClaimed) return std::optional(std::move(marker));
  ASSIGN_OR_RETURN(const json::object* before, ObjectField(*body, "before"));
  if (before == nullptr) return std::optional<Marker>();
  ASSIGN_OR_RETURN(marker, ParseMarker(*before));
  return std::optional(std::move(marker));
}

Status WriteMarker(Store& store, RandomSource& random, const json::object& marker) {
  const auto written = Update(store, random, MarkerKey(),
                              [&](json::object& body) -> Result<bool> {
                                body = marker;
                                return true;
                              },
                              {.create_if_absent = true});
  if (!written) return written.error();
  return {};
}

// One run from one store into another.
class Run {
 public:
  Run(const Store& from, Store& to, RandomSource& random, const TransferOptions& options)
      : from_(from), to_(to), random_(random), options_(options) {}

  Result<TransferReport> Do() {
    RETURN_IF_ERROR(from_.CatchUp(kCatchUpLimit));
    RETURN_IF_ERROR(TakeTarget());
    const Snapshot source = from_.Read(kCopied);
    progress_.documents_total = source.documents.size();
    RETURN_IF_ERROR(CopyUploads());
    RETURN_IF_ERROR(CheckNeeded(source));
    RETURN_IF_ERROR(CopyDocuments(source));
    RETURN_IF_ERROR(CompareDocuments(source));
    RETURN_IF_ERROR(Complete());
    return report_;
  }

 private:
  // A first look, so that a command that cannot succeed keeps no node from starting; the claim; the look that counts.
  Status TakeTarget() {
    ASSIGN_OR_RETURN(const std::optional<Marker> before, ReadMarkerBeforeClaim(to_));
    if (Status fits = CheckTarget(before); !fits) return Withdraw(before, std::move(fits).error());
    json::object claim = StoredForm({.state = std::string(kClaimed), .source = options_.source_id});
    if (before) claim["before"] = StoredForm(*before);
    RETURN_IF_ERROR(WriteMarker(to_, random_, claim));
    if (Status fits = CheckTarget(before); !fits) return Withdraw(before, std::move(fits).error());
    return WriteMarker(to_, random_, StoredForm({.state = std::string(kRunning), .source = options_.source_id}));
  }

  // Of this run's claim, or of one that a crash left.
  Error Withdraw(const std::optional<Marker>& before, Error why) {
    const auto now = ReadMarkerBody(to_);
    if (!now || !*now) return why;
    const auto marker = ParseMarker(**now);
    if (!marker || marker->state != kClaimed) return why;
    Status withdrawn;
    if (before) {
      withdrawn = WriteMarker(to_, random_, StoredForm(*before));
    } else if (const auto removed =
                   Remove(to_, random_, MarkerKey(), KeyText(MarkerKey()), [](const Document&) { return Status(); });
               !removed && removed.error().code != Code::kNotFound) {
      withdrawn = removed.error();
    }
    if (!withdrawn) {
      why.detail = fmt::format("nodes refuse the target until this command is run again, for its claim stays: {}",
                               withdrawn.error().message);
    }
    return why;
  }

  Status CheckTarget(const std::optional<Marker>& marker) const {
    RETURN_IF_ERROR(options_.alone());
    RETURN_IF_ERROR(to_.CatchUp(kCatchUpLimit));
    if (marker && marker->source == options_.source_id) return CheckUnchanged(*marker);
    if (marker && marker->state == kRunning) {
      return MakeError(Code::kFailedPrecondition,
                       fmt::format("the target holds an unfinished transfer from {}; finish that one, or use an empty "
                                   "target",
                                   marker->source));
    }
    const std::int64_t held = HeldBy(to_).documents;
    if (held == 0) return {};
    return MakeError(
        Code::kFailedPrecondition,
        fmt::format("the target holds {} documents that this source did not put there; use an empty target", held));
  }

  // An unfinished transfer's target is refused by nodes: nobody has written there.
  Status CheckUnchanged(const Marker& marker) const {
    if (marker.state == kRunning || options_.overwrite || marker.held == HeldBy(to_)) return {};
    return MakeError(Code::kFailedPrecondition,
                     "the target was written to since this source was copied there, and that would be undone; use an "
                     "empty target, or give --overwrite if it is to be undone");
  }

  Status Complete() {
    RETURN_IF_ERROR(to_.CatchUp(kCatchUpLimit));
    return WriteMarker(
        to_, random_, StoredForm({.state = std::string(kComplete), .source = options_.source_id, .held = HeldBy(to_)}));
  }

  Status CopyUploads() {
    ASSIGN_OR_RETURN(const std::vector<Store::UploadInfo> uploads, from_.ListUploads());
    std::map<UploadId, std::vector<std::uint32_t>> numbers;
    for (const Store::UploadInfo& upload : uploads) {
      ASSIGN_OR_RETURN(numbers[upload.id], from_.ListParts(upload.id));
      progress_.parts_total += numbers[upload.id].size();
    }
    for (const auto& [upload, parts] : numbers) {
      for (const std::uint32_t number : parts) RETURN_IF_ERROR(CopyPart(upload, number));
    }
    ASSIGN_OR_RETURN(const std::vector<Store::UploadInfo> there, to_.ListUploads());
    for (const Store::UploadInfo& upload : there) {
      if (copied_.contains(upload.id)) continue;
      RETURN_IF_ERROR(to_.RemoveUpload(upload.id));
      ++report_.uploads_removed;
    }
    return {};
  }

  // Both stores verify a part's own hash when it is read. One that went since it was listed is missed by CheckNeeded,
  // if by anybody.
  Status CopyPart(const UploadId& upload, std::uint32_t number) {
    const Result<std::string> read = from_.GetPart(upload, number);
    if (!read && read.error().code == Code::kNotFound) return {};
    if (!read) return read.error();
    const std::string& bytes = *read;
    const Result<std::string> there = to_.GetPart(upload, number);
    if (there && *there == bytes) {
      ++report_.parts_same;
    } else {
      RETURN_IF_ERROR(to_.PutPart(upload, number, bytes));
      ASSIGN_OR_RETURN(const std::string kept, to_.GetPart(upload, number));
      if (kept != bytes) return NotKept(fmt::format("part {} of upload {}", number, upload.str()));
      ++report_.parts_copied;
    }
    copied_[upload].insert(number);
    ++progress_.parts;
    progress_.bytes += bytes.size();
    options_.progress(progress_);
    return {};
  }

  // After the parts: a document that was there before them all was removed, or replaced, with its parts.
  Status CheckNeeded(const Snapshot& source) const {
    for (const DocumentPtr& document : source.documents) {
      const NeededParts needed = options_.needs(*document);
      const auto copied = copied_.find(needed.upload);
      for (const std::uint32_t number : needed.numbers) {
        if (copied != copied_.end() && copied->second.contains(number)) continue;
        return WhyMissing(*document, number);
      }
    }
    return {};
  }

  Error WhyMissing(const Document& document, std::uint32_t number) const {
    const Result<DocumentPtr> now = from_.GetFresh(document.key);
    if (!now && now.error().code != Code::kNotFound) return now.error();
    if (!now || (*now)->revision != document.revision) {
      return MakeError(Code::kUnavailable,
                       fmt::format("{} was changed while it was copied; run it again", KeyText(document.key)));
    }
    return MakeError(Code::kDataLoss,
                     fmt::format("the source has lost part {} of {}, which cannot be copied without it: remove that "
                                 "and run it again",
                                 number, KeyText(document.key)));
  }

  Status CopyDocuments(const Snapshot& source) {
    std::set<Key> wanted;
    for (const DocumentPtr& document : source.documents) wanted.insert(document->key);
    for (const DocumentPtr& extra : to_.Read(kCopied).documents) {
      if (wanted.contains(extra->key)) continue;
      const auto removed =
          Remove(to_, random_, extra->key, KeyText(extra->key), [](const Document&) { return Status(); });
      if (!removed && removed.error().code != Code::kNotFound) return removed.error();
      ++report_.documents_removed;
    }
    for (const DocumentPtr& document : source.documents) {
      RETURN_IF_ERROR(CopyDocument(*document));
      if (++progress_.documents % kDocumentsPerNotice == 0) options_.progress(progress_);
    }
    options_.progress(progress_);
    return {};
  }

  Status CopyDocument(const Document& document) {
    ASSIGN_OR_RETURN(const Updated updated, Update(to_, random_, document.key,
                                                   [&](json::object& body) -> Result<bool> {
                                                     if (body == document.body && !body.empty()) return false;
                                                     body = document.body;
                                                     return true;
                                                   },
                                                   {.create_if_absent = true}));
    ++(updated.changed ? report_.documents_copied : report_.documents_same);
    return {};
  }

  Status CompareDocuments(const Snapshot& source) const {
    for (const DocumentPtr& document : source.documents) {
      ASSIGN_OR_RETURN(const DocumentPtr kept, to_.GetFresh(document->key));
      if (kept->body != document->body) return NotKept(KeyText(document->key));
    }
    return {};
  }

  static Error NotKept(const std::string& what) {
    return MakeError(Code::kDataLoss, fmt::format("the target does not hold {} as it was written", what));
  }

  const Store& from_;
  Store& to_;
  RandomSource& random_;
  const TransferOptions& options_;
  TransferProgress progress_;
  TransferReport report_;
  std::map<UploadId, std::set<std::uint32_t>> copied_ = {};  // parts, those that were there already among them
};

}  // namespace

Result<TransferReport> Transfer(const Store& from, Store& to, RandomSource& random, const TransferOptions& options) {
  return Run(from, to, random, options).Do();
}

Status CheckTransferred(const Store& store) {
  ASSIGN_OR_RETURN(const std::optional<json::object> body, ReadMarkerBody(store));
  if (!body) return {};
  ASSIGN_OR_RETURN(const Marker marker, ParseMarker(*body));
  if (marker.state == kComplete) return {};
  if (marker.state == kClaimed) {
    return MakeError(Code::kFailedPrecondition,
                     fmt::format("a transfer from {} into this store is about to begin; if its process is gone, run "
                                 "the same `mlnode migrate` again, which goes on or leaves all as it was",
                                 marker.source));
  }
  return MakeError(Code::kFailedPrecondition,
                   fmt::format("a transfer from {} into this store has not ended: run the same `mlnode migrate` again, "
                               "which goes on from what is there",
                               marker.source));
}

}  // namespace mlnode::storage
