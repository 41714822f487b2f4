#include "storage/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "storage/write_check.h"

namespace mlnode::storage {
namespace {

std::size_t IndexPosition(Collection collection, std::string_view field) {
  const auto indexed = TraitsOf(collection).indexed;
  const auto at = std::find(indexed.begin(), indexed.end(), field);
  if (at == indexed.end()) {
    const std::string what = fmt::format("bug: {} has no index on {}", TraitsOf(collection).name, field);
    std::fprintf(stderr, "%s\n", what.c_str());
    std::abort();
  }
  return static_cast<std::size_t>(at - indexed.begin());
}

// Calls f(position, value) for every indexed field that the document has as a string.
template <class F>
void ForEachIndexed(const Document& document, F&& f) {
  const auto indexed = TraitsOf(document.key.collection).indexed;
  for (std::size_t i = 0; i < indexed.size(); ++i) {
    const json::value* value = document.body.if_contains(indexed[i]);
    if (value == nullptr || !value->is_string()) continue;
    const json::string& text = value->get_string();
    f(i, std::string(text.data(), text.size()));
  }
}

}  // namespace

Result<DocumentPtr> Replica::Get(const Key& key) const {
  {
    const std::lock_guard lock(mutex_);
    const auto& live = TableOf(key.collection).live;
    if (const auto found = live.find(key.id); found != live.end()) return found->second.document;
  }
  return MakeError(Code::kNotFound, fmt::format("{} does not exist", KeyText(key)));
}

Snapshot Replica::Read(std::span<const Collection> collections) const {
  Snapshot snapshot;
  const std::lock_guard lock(mutex_);
  snapshot.revision = revision_;
  for (const Collection collection : collections) {
    for (const auto& [id, live] : TableOf(collection).live) snapshot.documents.push_back(live.document);
  }
  return snapshot;
}

std::vector<DocumentPtr> Replica::Find(Collection collection, std::string_view field, std::string_view value) const {
  const std::size_t position = IndexPosition(collection, field);
  std::vector<DocumentPtr> documents;
  const std::lock_guard lock(mutex_);
  const Table& table = TableOf(collection);
  if (position >= table.indexes.size()) return documents;  // nothing was ever written there
  const Index& index = table.indexes[position];
  const auto ids = index.find(value);
  if (ids == index.end()) return documents;
  for (const std::string& id : ids->second) documents.push_back(table.live.find(id)->second.document);
  return documents;
}

std::vector<DocumentPtr> Replica::FindUnder(Collection collection, std::string_view head) const {
  std::vector<DocumentPtr> documents;
  const std::lock_guard lock(mutex_);
  const auto& live = TableOf(collection).live;
  for (auto at = live.lower_bound(head); at != live.end() && at->first.starts_with(head); ++at)
    documents.push_back(at->second.document);
  return documents;
}

std::optional<Written> Replica::Settle(const Key& key, std::uint64_t nonce) const {
  const std::lock_guard lock(mutex_);
  const auto& live = TableOf(key.collection).live;
  if (const auto found = live.find(key.id); found != live.end()) {
    if (found->second.nonce != nonce) return std::nullopt;
    return Written{found->second.document->revision, found->second.document->version};
  }
  const auto removal = removals_.find(key);
  if (removal == removals_.end() || removal->second.nonce != nonce) return std::nullopt;
  return removal->second.written;
}

std::unique_ptr<Subscription> Replica::Watch(const std::vector<Collection>& collections, Executor& executor,
                                             std::function<void(const Change&)> notice) {
  return hub_.Watch(collections, executor, std::move(notice));
}

Result<std::uint64_t> Replica::Check(const Write& write) const {
  DocumentPtr now;
  {
    const std::lock_guard lock(mutex_);
    const auto& live = TableOf(write.key.collection).live;
    if (const auto found = live.find(write.key.id); found != live.end()) now = found->second.document;
  }
  return CheckExpectation(write, now.get());
}

void Replica::Apply(const Record& record) {
  const std::lock_guard lock(mutex_);
  ApplyLocked(record);
}

std::vector<Key> Replica::ApplyNewer(const std::vector<Record>& records) {
  std::vector<Key> changed;
  const std::lock_guard lock(mutex_);
  for (const Record& record : records) {
    if (record.document->revision <= RevisionOf(record.document->key)) continue;
    ApplyLocked(record);
    changed.push_back(record.document->key);
  }
  return changed;
}

void Replica::ReplaceAll(const std::vector<Record>& records, std::uint64_t revision) {
  std::array<Table, kCollectionCount> gone;  // freed when the lock is not held any more
  const std::lock_guard lock(mutex_);
  gone.swap(tables_);
  removals_.clear();
  removals_by_revision_.clear();
  revision_ = revision;
  for (const Record& record : records) ApplyLocked(record);
}

std::uint64_t Replica::RevisionOf(const Key& key) const {
  const auto& live = TableOf(key.collection).live;
  if (const auto found = live.find(key.id); found != live.end()) return found->second.document->revision;
  const auto removal = removals_.find(key);
  return removal == removals_.end() ? 0 : removal->second.written.revision;
}

void Replica::Replace(bool ephemeral, const std::vector<Record>& records) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < kCollectionCount; ++i) {
    const auto collection = static_cast<Collection>(i);
    if (TraitsOf(collection).ephemeral == ephemeral) TableOf(collection) = Table();
  }
  std::erase_if(removals_by_revision_, [&](const auto& removal) {
    if (TraitsOf(removal.second.collection).ephemeral != ephemeral) return false;
    removals_.erase(removal.second);
    return true;
  });
  for (const Record& record : records) ApplyLocked(record);
}

void Replica::ApplyLocked(const Record& record) {
  const Document& document = *record.document;
  const Key& key = document.key;
  revision_ = std::max(revision_, document.revision);
  Table& table = TableOf(key.collection);
  table.indexes.resize(TraitsOf(key.collection).indexed.size());
  if (const auto old = table.live.find(key.id); old != table.live.end()) {
    Unindex(*old->second.document);
    if (record.removed) table.live.erase(old);
  }
  ForgetRemoval(key);
  if (record.removed) {
    Remember(key, Removal{{document.revision, document.version}, record.nonce});
    return;
  }
  AddToIndex(document);
  table.live.insert_or_assign(key.id, Live{record.document, record.nonce});
}

void Replica::Unindex(const Document& document) {
  Table& table = TableOf(document.key.collection);
  ForEachIndexed(document, [&](std::size_t position, const std::string& value) {
    const auto ids = table.indexes[position].find(value);
    ids->second.erase(document.key.id);
    if (ids->second.empty()) table.indexes[position].erase(ids);
  });
}

void Replica::AddToIndex(const Document& document) {
  Table& table = TableOf(document.key.collection);
  ForEachIndexed(document, [&](std::size_t position, std::string value) {
    table.indexes[position][std::move(value)].insert(document.key.id);
  });
}

void Replica::Remember(const Key& key, const Removal& removal) {
  removals_by_revision_.emplace(removal.written.revision, key);
  removals_.emplace(key, removal);
  if (removals_by_revision_.size() > kRemovalsKept) {
    removals_.erase(removals_by_revision_.begin()->second);
    removals_by_revision_.erase(removals_by_revision_.begin());
  }
}

void Replica::ForgetRemoval(const Key& key) {
  if (const auto removal = removals_.find(key); removal != removals_.end()) {
    removals_by_revision_.erase(removal->second.written.revision);
    removals_.erase(removal);
  }
}

}  // namespace mlnode::storage
