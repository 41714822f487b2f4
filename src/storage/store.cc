#include "storage/store.h"

#include "storage/listing.h"

#include <fmt/format.h>

#include <array>

#include "storage/write_check.h"

namespace mlnode::storage {
namespace {

using Field = std::string_view;

constexpr std::array kModelFields = {Field("model_group_id"), Field("name"), Field("model_content_hash_value"),
                                     Field("connector_id")};
constexpr std::array kGroupFields = {Field("name")};
constexpr std::array kTaskFields = {Field("model_id"), Field("state"), Field("task_type")};

constexpr std::array<CollectionTraits, kCollectionCount> kTraits = {{
    {Collection::kModels, "models", false, kModelFields},
    {Collection::kModelGroups, "model_groups", false, kGroupFields},
    {Collection::kTasks, "tasks", false, kTaskFields},
    {Collection::kControllers, "controllers", false, {}},
    {Collection::kConnectors, "connectors", false, {}},
    {Collection::kPlans, "plans", false, {}},
    {Collection::kPlacements, "placements", true, {}},
    {Collection::kLeases, "leases", true, {}},
    {Collection::kSettings, "settings", false, {}},
    {Collection::kReservations, "reservations", false, {}},
    {Collection::kMeta, "meta", false, {}},
    {Collection::kBegun, "begun", false, {}},
}};

constexpr int kCommitAttempts = 4;
constexpr int kUpdateAttempts = 16;
constexpr std::chrono::milliseconds kRetryAfter{1000};

Error Unsettled(const Key& key, std::string why) {
  Error error =
      MakeError(Code::kUnavailable,
                fmt::format("it is not known whether {} was written; read it before trying again", KeyText(key)));
  error.detail = std::move(why);
  error.retry_after = kRetryAfter;
  return error;
}

// The document to change; an empty body with revision 0 where absence is allowed.
Result<Document> BaseOf(Store& store, const Key& key, bool fresh, const UpdateOptions& options) {
  Result<DocumentPtr> found = fresh ? store.GetFresh(key) : store.Get(key);
  if (!found && !fresh && found.error().code == Code::kNotFound) found = store.GetFresh(key);
  if (found) return Document(**found);
  if (found.error().code == Code::kNotFound && options.create_if_absent) return Document{.key = key, .body = {}};
  return std::move(found).error();
}

}  // namespace

const CollectionTraits& TraitsOf(Collection collection) { return kTraits[static_cast<std::size_t>(collection)]; }

Result<Written> Commit(Store& store, const Write& write) {
  bool lost = false;  // an attempt's outcome was
  std::string why;
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    WriteOutcome outcome = store.TryWrite(write);
    if (const auto* written = std::get_if<Written>(&outcome)) return *written;
    const auto* error = std::get_if<Error>(&outcome);
    // After a lost outcome a refusal says nothing about the earlier attempt, which may be what it collided with.
    if (error != nullptr && !lost) return *error;
    lost = true;
    why = error != nullptr ? error->message : std::get<Unknown>(outcome).why;
    const Result<std::optional<Written>> settled = store.Settle(write.key, write.nonce);
    if (settled && *settled) return **settled;
    // Not the newest write of the key: it never happened, or it did and was overwritten. The swap tried again tells the
    // two apart, unless somebody else wrote meanwhile.
    if (settled && error != nullptr && error->code == Code::kConflict) break;
  }
  return Unsettled(write.key, std::move(why));
}

Result<Updated> Update(Store& store, RandomSource& random, const Key& key,
                       const std::function<Result<bool>(json::object& body)>& change, UpdateOptions options) {
  for (int attempt = 0; attempt < kUpdateAttempts; ++attempt) {
    ASSIGN_OR_RETURN(Document base, BaseOf(store, key, attempt > 0, options));
    ASSIGN_OR_RETURN(const bool changed, change(base.body));
    if (!changed) return Updated{{base.revision, base.version}, false, std::move(base.body)};
    const Expect expect = base.revision == 0 ? Expect::Absent() : Expect::Revision(base.revision);
    const Write write{.key = key, .expect = expect, .body = base.body, .nonce = NewNonce(random)};
    Result<Written> written = Commit(store, write);
    if (written) return Updated{*written, true, std::move(base.body)};
    if (written.error().code != Code::kConflict) return std::move(written).error();
  }
  Error error = MakeError(Code::kConflict, fmt::format("{} was changed by others {} times while it was to be updated",
                                                       KeyText(key), kUpdateAttempts));
  error.retry_after = kRetryAfter;
  return error;
}

Result<DocumentPtr> GetOrAsk(const Store& store, const Key& key) {
  Result<DocumentPtr> found = store.Get(key);
  return !found && found.error().code == Code::kNotFound ? store.GetFresh(key) : found;
}

Result<Written> Remove(Store& store, RandomSource& random, const Key& key, std::string_view what,
                       const std::function<Status(const Document&)>& still) {
  for (int attempt = 0; attempt < kUpdateAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const DocumentPtr current, store.GetFresh(key));
    RETURN_IF_ERROR(still(*current));
    Result<Written> removed = Commit(
        store,
        {.key = key, .expect = Expect::Revision(current->revision), .body = std::nullopt, .nonce = NewNonce(random)});
    if (removed || removed.error().code != Code::kConflict) return removed;
  }
  return MakeError(Code::kConflict,
                   fmt::format("{} was changed by others while it was to be removed; try again", what));
}

}  // namespace mlnode::storage
