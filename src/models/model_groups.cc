// The groups of ModelRepository. A name belongs to the group that its reservation names; the group's own document comes
// second.
#include <chrono>
#include <utility>

#include "core/log.h"
#include "core/sha256.h"
#include "models/model_repository.h"
#include "storage/document_format.h"
#include "storage/listing.h"

namespace mlnode::models {
namespace {

constexpr int kAttempts = 16;  // lost swaps in a row before the caller is told
// A rename reserves the new name, then writes it into the group. So long it has for that, which takes milliseconds:
// then the reservation counts as left by a crash.
constexpr std::chrono::milliseconds kRenameLimit{60'000};
constexpr std::chrono::seconds kHearLimit{2};  // for what others wrote to arrive here

storage::Key KeyOf(const GroupId& id) { return {storage::Collection::kModelGroups, id.str()}; }

// Names may be longer than a key and hold any character.
storage::Key ReservationOf(const std::string& name) {
  return {storage::Collection::kReservations, "group_name/" + Sha256Hex(name)};
}

Error NotFound() { return MakeError(Code::kNotFound, "Fail to find model group"); }
Error TranslateMiss(Error error) { return error.code == Code::kNotFound ? NotFound() : std::move(error); }

Error NameTaken(const GroupId& holder) {
  return MakeError(Code::kInvalidArgument,
                   "The name you provided is already being used by a model group with ID: " + holder.str() + ".");
}

Error Contended(const std::string& what) {
  return MakeError(Code::kConflict, what + " was changed by others at the same time; try again");
}

Error Damaged(const storage::Document& document, std::string_view field) {
  return MakeError(Code::kDataLoss, "model group " + document.key.id + ": stored field [" + std::string(field) +
                                        "] is missing or malformed");
}

// Who holds a name now: nullopt and revision 0 when nobody ever did.
struct Reservation {
  std::optional<GroupId> holder;
  std::uint64_t revision = 0;
  EpochMillis reserved_at = 0;
};
Result<Reservation> ReadReservation(const storage::Store& store, const std::string& name) {
  const Result<storage::DocumentPtr> found = store.GetFresh(ReservationOf(name));
  if (!found && found.error().code == Code::kNotFound) return Reservation{};
  if (!found) return found.error();
  RETURN_IF_ERROR(storage::CheckFormat(**found));
  const Result<std::optional<std::string>> holder = StringField((*found)->body, "model_group_id");
  if (!holder || !holder->has_value()) return Damaged(**found, "model_group_id");
  const Result<std::optional<std::int64_t>> time = IntField((*found)->body, "reserved_at");
  return Reservation{GroupId(**holder), (*found)->revision, time ? time->value_or(0) : 0};
}

Result<storage::Written> WriteReservation(storage::Store& store, RandomSource& random, const std::string& name,
                                          storage::Expect expect, std::optional<json::object> body) {
  return storage::Commit(
      store, {.key = ReservationOf(name), .expect = expect, .body = std::move(body), .nonce = NewNonce(random)});
}

json::object ReservationForm(const std::string& name, const GroupId& holder, EpochMillis now) {
  return {{"model_group_id", holder.str()}, {"name", name}, {"reserved_at", now}};
}

// The words of a rename where those of a creation are different.
Error NameOfAnother(const storage::Store& store, const std::string& name, Error taken) {
  const Result<Reservation> holder = ReadReservation(store, name);
  if (taken.code != Code::kInvalidArgument || !holder || !holder->holder) return taken;
  return MakeError(Code::kInvalidArgument, "The name you provided is already being used by another model with ID: " +
                                               holder->holder->str() + ". Please provide a different name");
}

// The group a reservation of `name` is for; kNotFound when it does not exist or goes by another name.
Result<Group> HolderOf(const storage::Store& store, const GroupId& id, const std::string& name) {
  const Result<storage::DocumentPtr> found = store.GetFresh(KeyOf(id));
  if (!found) return TranslateMiss(found.error());
  ASSIGN_OR_RETURN(Group group, ReadGroup(**found));
  if (group.name != name) return NotFound();
  return group;
}

// Whether a reservation of `name` counts: its holder exists and goes by the name, or may be about to (a rename).
Result<bool> IsInForce(const storage::Store& store, const Reservation& reservation, const std::string& name,
                       EpochMillis now) {
  const Result<storage::DocumentPtr> found = store.GetFresh(KeyOf(*reservation.holder));
  if (!found && found.error().code == Code::kNotFound) return false;
  if (!found) return found.error();
  ASSIGN_OR_RETURN(const Group group, ReadGroup(**found));
  return group.name == name || now - reservation.reserved_at < kRenameLimit.count();
}

}  // namespace

Result<Group> ReadGroup(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  Group group;
  group.id = GroupId(document.key.id);
  const Result<std::optional<std::string>> name = StringField(document.body, "name");
  if (!name || !name->has_value()) return Damaged(document, "name");
  group.name = **name;
  const Result<std::optional<std::string>> description = StringField(document.body, "description");
  if (!description) return Damaged(document, "description");
  group.description = *description;
  const auto numbers = {std::pair{"latest_version", &group.latest_version},
                        std::pair{"created_time", &group.created_time},
                        std::pair{"last_updated_time", &group.last_updated_time}};
  for (const auto& [field, target] : numbers) {
    const Result<std::optional<std::int64_t>> value = IntField(document.body, field);
    if (!value || !value->has_value()) return Damaged(document, field);
    *target = **value;
  }
  return group;
}

json::object GroupForm(const Group& group) {
  json::object out;
  out["name"] = group.name;
  out["latest_version"] = group.latest_version;
  if (group.description) out["description"] = *group.description;
  out["access"] = "public";
  out["created_time"] = group.created_time;
  out["last_updated_time"] = group.last_updated_time;
  return out;
}

Result<Group> ModelRepository::GetGroup(const GroupId& id) const {
  Result<storage::DocumentPtr> found = storage::GetOrAsk(store_, KeyOf(id));
  if (!found) return TranslateMiss(std::move(found).error());
  return ReadGroup(**found);
}

std::vector<Group> ModelRepository::ListGroups() const {
  return storage::ReadListing(store_, storage::Collection::kModelGroups, "models", ReadGroup);
}

Result<Group> ModelRepository::FindGroupByName(const std::string& name) const {
  ASSIGN_OR_RETURN(const Reservation reservation, ReadReservation(store_, name));
  if (!reservation.holder) return NotFound();
  return HolderOf(store_, *reservation.holder, name);
}

// Points the name's reservation at `id`; its revision. One whose holder does not exist may belong to somebody between
// their two steps or to a crash: it is taken over either way, and the swap with which a creator confirms its
// reservation tells the one who lost it.
Result<std::uint64_t> ModelRepository::ReserveName(const std::string& name, const GroupId& id) {
  const EpochMillis time = clock_.WallMillis();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const Reservation now, ReadReservation(store_, name));
    if (now.holder && *now.holder != id) {
      ASSIGN_OR_RETURN(const bool taken, IsInForce(store_, now, name, time));
      if (taken) return NameTaken(*now.holder);
    }
    const Result<storage::Written> reserved = WriteReservation(
        store_, random_, name, now.holder ? storage::Expect::Revision(now.revision) : storage::Expect::Absent(),
        ReservationForm(name, id, time));
    if (reserved) return reserved->revision;
    if (reserved.error().code != Code::kConflict) return reserved.error();
  }
  return Contended("the model group name");
}

bool ModelRepository::HoldsName(const std::string& name, const GroupId& id) const {
  const Result<Reservation> reservation = ReadReservation(store_, name);
  return reservation && reservation->holder == id;
}

// Left behind by a failure here, a reservation is taken over by the next group of that name.
void ModelRepository::FreeName(const std::string& name, const GroupId& id) {
  const Result<Reservation> reservation = ReadReservation(store_, name);
  if (!reservation || reservation->holder != id) return;
  const Result<storage::Written> freed =
      WriteReservation(store_, random_, name, storage::Expect::Revision(reservation->revision), std::nullopt);
  if (!freed) LOG_DEBUG("models", "reservation of model group {} stays: {}", id.str(), freed.error().message);
}

Result<Group> ModelRepository::CreateGroup(const std::string& name, const std::optional<std::string>& description) {
  const EpochMillis now = clock_.WallMillis();
  const Group group{.id = GroupId(NewDocumentId(random_)),
                    .name = name,
                    .description = description,
                    .created_time = now,
                    .last_updated_time = now};
  ASSIGN_OR_RETURN(const std::uint64_t reserved, ReserveName(name, group.id));
  ASSIGN_OR_RETURN(const storage::Written written, storage::Commit(store_, {.key = KeyOf(group.id),
                                                                            .expect = storage::Expect::Absent(),
                                                                            .body = GroupForm(group),
                                                                            .nonce = NewNonce(random_)}));
  // Whoever saw the reservation without its group and wants it can only swap what this swap has not changed: of the two
  // one fails. To look whether the name is still held would not do: they may swap after the look.
  const Result<storage::Written> confirmed = WriteReservation(
      store_, random_, name, storage::Expect::Revision(reserved), ReservationForm(name, group.id, now));
  if (confirmed) return group;
  const Result<storage::Written> removed =
      storage::Commit(store_, {.key = KeyOf(group.id),
                               .expect = storage::Expect::Revision(written.revision),
                               .body = std::nullopt,
                               .nonce = NewNonce(random_)});
  if (!removed)
    LOG_WARN("models", "model group {} lost its name and stays: {}", group.id.str(), removed.error().message);
  if (confirmed.error().code != Code::kConflict) return confirmed.error();
  return Contended("the model group name");
}

Result<Group> ModelRepository::UpdateGroup(const GroupId& id, const std::optional<std::string>& name,
                                           const std::optional<std::string>& description) {
  ASSIGN_OR_RETURN(const Group before, GetGroup(id));
  const bool renamed = name && *name != before.name;
  if (renamed) {
    auto reserved = ReserveName(*name, id);
    if (!reserved) return NameOfAnother(store_, *name, std::move(reserved).error());
  }
  Group group;
  auto write = [&](const std::optional<std::string>& new_name) {
    return storage::Update(store_, random_, KeyOf(id), [&](json::object& body) -> Result<bool> {
      ASSIGN_OR_RETURN(group, ReadGroup({.key = KeyOf(id), .body = body}));
      if (new_name) group.name = *new_name;
      if (description) group.description = description;
      group.last_updated_time = clock_.WallMillis();
      body = GroupForm(group);
      return true;
    });
  };
  const Result<storage::Updated> updated = write(name);
  if (!updated) {
    // An unknown write may have given the group its new name: that of a group must not be free.
    if (renamed && updated.error().code != Code::kUnavailable) FreeName(*name, id);
    return TranslateMiss(updated.error());
  }
  if (!renamed) return group;
  if (!HoldsName(*name, id)) {
    const Result<storage::Updated> reverted = write(before.name);
    if (!reverted)
      LOG_WARN("models", "model group {} lost its new name and keeps it: {}", id.str(), reverted.error().message);
    return Contended("the model group name");
  }
  FreeName(before.name, id);
  return group;
}

Status ModelRepository::MarkUsed(const GroupId& id) {
  const Result<storage::Updated> marked =
      storage::Update(store_, random_, KeyOf(id), [](json::object&) -> Result<bool> { return true; });
  return marked ? Status() : TranslateMiss(marked.error());
}

Result<std::int64_t> ModelRepository::NextVersion(const GroupId& id) {
  std::int64_t version = 0;
  auto step = [&](json::object& body) -> Result<bool> {
    ASSIGN_OR_RETURN(Group group, ReadGroup({.key = KeyOf(id), .body = body}));
    version = ++group.latest_version;
    group.last_updated_time = clock_.WallMillis();
    body = GroupForm(group);
    return true;
  };
  const Result<storage::Updated> updated = storage::Update(store_, random_, KeyOf(id), step);
  if (!updated) return TranslateMiss(updated.error());
  return version;
}

void ModelRepository::GiveBackVersion(const GroupId& id, std::int64_t version) {
  auto step = [&](json::object& body) -> Result<bool> {
    ASSIGN_OR_RETURN(Group group, ReadGroup({.key = KeyOf(id), .body = body}));
    if (group.latest_version != version) return false;
    --group.latest_version;
    body = GroupForm(group);
    return true;
  };
  const Result<storage::Updated> updated = storage::Update(store_, random_, KeyOf(id), step);
  if (!updated && updated.error().code != Code::kNotFound)
    LOG_WARN("models", "model group {} keeps version {} without a model: {}", id.str(), version,
             updated.error().message);
}

Result<storage::Written> ModelRepository::RemoveGroup(const GroupId& id) {
  std::string name;
  // A registration that has made its model since marks the group, which changes the revision: the next attempt sees
  // the model. One that makes it later finds no group to mark, and takes the model back. The group comes from the
  // authority, the models from the replica: that must have heard of all that came before the group's mark.
  const auto unused = [&](const storage::Document& document) -> Status {
    ASSIGN_OR_RETURN(const Group group, ReadGroup(document));
    name = group.name;
    RETURN_IF_ERROR(store_.CatchUp(kHearLimit));
    if (store_.Find(storage::Collection::kModels, "model_group_id", id.str()).empty()) return {};
    return MakeError(Code::kConflict, "Cannot delete the model group when it has associated model versions");
  };
  Result<storage::Written> removed = storage::Remove(store_, random_, KeyOf(id), "model group " + id.str(), unused);
  if (!removed) return TranslateMiss(std::move(removed).error());
  FreeName(name, id);
  return removed;
}

}  // namespace mlnode::models
