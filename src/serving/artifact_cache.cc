#include "serving/artifact_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>
#include <vector>

#include "core/guarded.h"
#include "core/log.h"
#include "models/archive.h"
#include "serving/archive_fetch.h"
#include "serving/artifact_entry.h"

namespace mlnode::serving {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporary = "tmp-";

Error FolderError(std::string_view step, const fs::path& path, const std::error_code& why) {
  const bool full = why == std::errc::no_space_on_device;
  Error error = MakeError(full ? Code::kResourceExhausted : Code::kInternal,
                          fmt::format("The model cache could not be {}: {}.", step, why.message()));
  error.detail = path.string();
  return error;
}

void RemoveTree(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) LOG_WARN("serving", "cache folder {} could not be removed: {}", folder.string(), error.message());
}

// A folder that goes with its scope.
class WorkFolder {
 public:
  explicit WorkFolder(fs::path path) : path_(std::move(path)) {}
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() { RemoveTree(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string EntryName(const LoadSpec& spec) {
  std::string name =
      fmt::format("{}.{}.{}", spec.content_hash, models::TraitsOf(spec.function).name, models::FormatName(spec.format));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

// The hash becomes a folder's name: a document may hold anything.
bool IsSha256(const std::string& hash) {
  constexpr std::size_t kDigits = 64;
  return hash.size() == kDigits && hash.find_first_not_of("0123456789abcdef") == std::string::npos;
}

class DiskArtifactCache final : public ArtifactCache {
 public:
  DiskArtifactCache(Options options, storage::Store& store) : options_(std::move(options)), store_(store) {}

  Status Scan();
  Result<std::shared_ptr<const Artifact>> Obtain(const LoadSpec& spec, const Progress& progress) override;
  void Keep(const std::set<std::string>& content_hashes) override;

 private:
  struct Entry {
    EntryInfo info;
    fs::file_time_type last_use;
    std::weak_ptr<const Artifact> user;
  };
  struct Index {
    std::map<std::string, Entry> entries;
    std::uint64_t next_temporary = 0;
  };

  std::shared_ptr<const Artifact> Find(const std::string& name);
  Result<std::shared_ptr<const Artifact>> Make(const std::string& name, const LoadSpec& spec, const Progress& progress);
  Result<EntryInfo> Unpack(const fs::path& work, const LoadSpec& spec, const Progress& progress);
  Result<std::shared_ptr<const Artifact>> Publish(const std::string& name, const fs::path& made, const EntryInfo& info);
  std::shared_ptr<const Artifact> Use(Entry& entry, const std::string& name);
  fs::path NewTemporary(Index& index) const;
  void Discard(const std::string& name, const std::shared_ptr<const Artifact>& seen);
  // Takes an entry out of the index; where its files are now, to be removed without the lock. Empty: it stays.
  fs::path TakeAway(Index& index, const std::string& name) const;
  std::map<std::string, std::uint64_t> MeasureDerived();  // bytes by entry; reads folders, without the lock
  void Evict();

  const Options options_;
  storage::Store& store_;
  Guarded<Index> index_;
};

fs::path DiskArtifactCache::NewTemporary(Index& index) const {
  return options_.folder / fmt::format("{}{}", kTemporary, index.next_temporary++);
}

// Takes over whole entries, removes everything else.
Status DiskArtifactCache::Scan() {
  std::error_code error;
  fs::create_directories(options_.folder, error);
  if (error) return FolderError("made", options_.folder, error);
  std::vector<fs::path> found;
  fs::directory_iterator at(options_.folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) found.push_back(at->path());
  if (error) return FolderError("read", options_.folder, error);
  for (const fs::path& path : found) {
    const std::string name = path.filename().string();
    const auto info =
        name.starts_with(kTemporary) ? Result<EntryInfo>(MakeError(Code::kNotFound, "half-made")) : ReadEntry(path);
    if (info) {
      index_.Lock()->entries[name] = {*info, LastUse(path), {}};
    } else {
      LOG_INFO("serving", "cache folder {} is not whole ({}) and is removed", name, info.error().message);
      RemoveTree(path);
    }
  }
  Evict();
  return {};
}

std::shared_ptr<const Artifact> DiskArtifactCache::Use(Entry& entry, const std::string& name) {
  entry.last_use = fs::file_time_type::clock::now();
  if (auto shared = entry.user.lock()) return shared;
  const fs::path folder = options_.folder / name;
  auto artifact = std::make_shared<const Artifact>(
      Artifact{.folder = folder,
               .model_file = entry.info.model_file.empty() ? fs::path() : folder / entry.info.model_file,
               .tokenizer = folder / "tokenizer.json",
               .model_bytes = entry.info.model_bytes,
               .derived = folder / kDerivedFolder});
  entry.user = artifact;
  return artifact;
}

std::shared_ptr<const Artifact> DiskArtifactCache::Find(const std::string& name) {
  const auto index = index_.Lock();
  const auto found = index->entries.find(name);
  return found == index->entries.end() ? nullptr : Use(found->second, name);
}

// Takes the entry that `seen` stood for out of the cache. Who still uses it keeps its open files.
void DiskArtifactCache::Discard(const std::string& name, const std::shared_ptr<const Artifact>& seen) {
  fs::path away;
  {
    const auto index = index_.Lock();
    const auto found = index->entries.find(name);
    if (found == index->entries.end() || found->second.user.lock() != seen) return;
    index->entries.erase(found);
    away = NewTemporary(*index);
    std::error_code error;
    fs::rename(options_.folder / name, away, error);
    if (error) away = options_.folder / name;
  }
  RemoveTree(away);
}

fs::path DiskArtifactCache::TakeAway(Index& index, const std::string& name) const {
  std::error_code error;
  fs::path to = NewTemporary(index);
  fs::rename(options_.folder / name, to, error);
  if (error) return {};
  index.entries.erase(name);
  return to;
}

void DiskArtifactCache::Keep(const std::set<std::string>& content_hashes) {
  std::vector<fs::path> away;
  {
    const auto index = index_.Lock();
    std::vector<std::string> unowned;
    for (const auto& [name, entry] : index->entries) {
      if (entry.user.expired() && !content_hashes.contains(name.substr(0, name.find('.')))) unowned.push_back(name);
    }
    for (const std::string& name : unowned) away.push_back(TakeAway(*index, name));
  }
  for (const fs::path& folder : away) {
    if (!folder.empty()) RemoveTree(folder);
  }
}

std::map<std::string, std::uint64_t> DiskArtifactCache::MeasureDerived() {
  std::vector<std::string> names;
  {
    const auto index = index_.Lock();
    for (const auto& [name, entry] : index->entries) names.push_back(name);
  }
  std::map<std::string, std::uint64_t> derived;
  for (const std::string& name : names) derived[name] = DerivedBytes(options_.folder / name);
  return derived;
}

void DiskArtifactCache::Evict() {
  const std::map<std::string, std::uint64_t> derived = MeasureDerived();
  const auto bytes_of = [&derived](const std::string& name, const Entry& entry) {
    const auto found = derived.find(name);
    return entry.info.total_bytes + (found == derived.end() ? 0 : found->second);
  };
  std::vector<fs::path> away;
  {
    const auto index = index_.Lock();
    std::uint64_t total = 0;
    std::vector<std::pair<fs::file_time_type, std::string>> idle;
    for (const auto& [name, entry] : index->entries) {
      total += bytes_of(name, entry);
      if (entry.user.expired()) idle.emplace_back(entry.last_use, name);
    }
    std::sort(idle.begin(), idle.end());
    for (const auto& [used, name] : idle) {
      if (total <= options_.max_bytes) break;
      const std::uint64_t bytes = bytes_of(name, index->entries[name]);
      fs::path folder = TakeAway(*index, name);
      if (folder.empty()) continue;
      total -= bytes;
      away.push_back(std::move(folder));
    }
  }
  for (const fs::path& folder : away) RemoveTree(folder);
}

Result<std::shared_ptr<const Artifact>> DiskArtifactCache::Obtain(const LoadSpec& spec, const Progress& progress) {
  if (!IsSha256(spec.content_hash)) {
    return MakeError(Code::kInvalidArgument, "The model's content hash is not 64 lower-case hexadecimal digits.");
  }
  const std::string name = EntryName(spec);
  RETURN_IF_ERROR(progress(Phase::kFetching, 0, 0));
  if (const auto known = Find(name)) {
    const auto marker = ReadEntry(known->folder);
    const Status sound = marker ? CheckEntry(known->folder, *marker) : Status(marker.error());
    if (sound) {
      NoteUse(known->folder);
      Evict();
      return known;
    }
    LOG_WARN("serving", "cache entry {} is damaged ({}) and is made again", name, sound.error().message);
    Discard(name, known);
  }
  return Make(name, spec, progress);
}

Result<EntryInfo> DiskArtifactCache::Unpack(const fs::path& work, const LoadSpec& spec, const Progress& progress) {
  const fs::path archive = work / "archive.zip";
  RETURN_IF_ERROR(FetchArchive(store_, spec, archive, progress));
  RETURN_IF_ERROR(progress(Phase::kUnpacking, 0, 0));
  const models::ArchiveRules rules{.function = spec.function, .format = spec.format, .sync = options_.sync};
  ASSIGN_OR_RETURN(const models::ArchiveSummary summary,
                   models::UnpackArchive(archive, rules, work / "entry",
                                         [&](std::uint64_t bytes) { return progress(Phase::kUnpacking, bytes, 0); }));
  std::error_code error;
  fs::remove(archive, error);  // early, for the space; the work folder goes anyway
  RETURN_IF_ERROR(progress(Phase::kUnpacking, summary.unpacked_bytes, summary.unpacked_bytes));
  return SealEntry(work / "entry", summary.model_file, options_.sync);
}

Result<std::shared_ptr<const Artifact>> DiskArtifactCache::Make(const std::string& name, const LoadSpec& spec,
                                                                const Progress& progress) {
  const WorkFolder work(NewTemporary(*index_.Lock()));
  std::error_code error;
  fs::create_directory(work.path(), error);
  if (error) return FolderError("written", work.path(), error);
  ASSIGN_OR_RETURN(const EntryInfo info, Unpack(work.path(), spec, progress));
  ASSIGN_OR_RETURN(auto artifact, Publish(name, work.path() / "entry", info));
  RETURN_IF_ERROR(SyncDirectory(options_.folder.string(), options_.sync));
  Evict();
  return artifact;
}

Result<std::shared_ptr<const Artifact>> DiskArtifactCache::Publish(const std::string& name, const fs::path& made,
                                                                   const EntryInfo& info) {
  const auto index = index_.Lock();
  const auto found = index->entries.find(name);
  if (found != index->entries.end()) return Use(found->second, name);  // somebody else was faster
  std::error_code error;
  fs::rename(made, options_.folder / name, error);
  if (error) return FolderError("written", options_.folder / name, error);
  return Use(index->entries.emplace(name, Entry{info, {}, {}}).first->second, name);
}

}  // namespace

Result<std::unique_ptr<ArtifactCache>> ArtifactCache::Open(Options options, storage::Store& store) {
  auto cache = std::make_unique<DiskArtifactCache>(std::move(options), store);
  RETURN_IF_ERROR(cache->Scan());
  return std::unique_ptr<ArtifactCache>(std::move(cache));
}

}  // namespace mlnode::serving
