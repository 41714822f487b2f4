#include "models/archive.h"

#include <algorithm>
#include <array>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "core/utf8.h"
#include "models/new_file.h"
#include "models/serving_properties.h"
#include "models/zip_reader.h"

namespace mlnode::models {
namespace {

constexpr std::uint64_t kRatioMatters = 1024ULL * 1024;        // smaller entries cannot hurt by their ratio
constexpr std::uint64_t kMaxPropertiesBytes = 1024ULL * 1024;  // of a serving.properties
constexpr std::size_t kMaxNameBytes = 1024;
constexpr std::size_t kMaxPartBytes = 255;  // of one folder or file name: NAME_MAX

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }
Error BadEntry(std::string_view name, std::string_view why) {
  std::string shown(name.substr(0, 200));
  for (char& c : shown) c = static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
  return Invalid("Bad zip entry: [" + shown + "] " + std::string(why));
}
Error TooLarge(std::string message) { return MakeError(Code::kTooLarge, std::move(message)); }

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// A relative path of plain names that stays below the folder it is unpacked to.
Status CheckName(std::string_view name) {
  if (name.empty()) return BadEntry(name, "has no name");
  if (name.size() > kMaxNameBytes) return BadEntry(name, "has a name of more than 1024 bytes");
  if (!IsValidUtf8(name)) return BadEntry(name, "has a name that is not UTF-8");
  if (name.front() == '/') return BadEntry(name, "is an absolute path");
  if (name.find('\\') != std::string_view::npos) return BadEntry(name, "holds a backslash");
  if (name.size() > 1 && name[1] == ':') return BadEntry(name, "names a drive");
  for (char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return BadEntry(name, "holds a control character");
  }
  std::string_view rest = name.ends_with('/') ? name.substr(0, name.size() - 1) : name;
  while (true) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return BadEntry(name, "leaves the folder or names it twice");
    if (part.size() > kMaxPartBytes) return BadEntry(name, "has a part of more than 255 bytes");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

// Goes through all entries once; knows at the end whether the archive is a model.
class ArchiveCheck {
 public:
  ArchiveCheck(const ZipReader& zip, const ArchiveRules& rules) : zip_(zip), rules_(rules) {}
  Result<ArchiveSummary> Run();
  // The entries in order, once Run has accepted them.
  const std::vector<ZipEntry>& entries() const { return entries_; }

 private:
  Status CheckEntry(std::uint64_t index, const ZipEntry& entry);
  Status CheckClaims(const ZipEntry& entry);
  Status CheckUnique(const ZipEntry& entry);
  Status CheckContentRules(std::uint64_t index, const ZipEntry& entry);
  Status CheckModelFile(std::string_view name);
  Status CheckWhole() const;

  const ZipReader& zip_;
  const ArchiveRules& rules_;
  ArchiveSummary summary_;
  std::vector<ZipEntry> entries_;
  std::set<std::string, std::less<>> files_, folders_;
  std::string nested_model_;
  bool has_tokenizer_ = false;
};

Status ArchiveCheck::CheckClaims(const ZipEntry& entry) {
  const ArchiveLimits& limits = rules_.limits;
  if (entry.claimed_bytes > limits.max_total_bytes - std::min(limits.max_total_bytes, summary_.unpacked_bytes))
    return TooLarge("the archive unpacks to more than the limit of " + std::to_string(limits.max_total_bytes) +
                    " bytes");
  summary_.unpacked_bytes += entry.claimed_bytes;
  const bool suspicious = entry.claimed_bytes > kRatioMatters &&
                          entry.claimed_bytes / std::max<std::uint64_t>(entry.packed_bytes, 1) > limits.max_ratio;
  if (suspicious)
    return TooLarge("the archive entry [" + entry.name + "] unpacks to more than " + std::to_string(limits.max_ratio) +
                    " times its size");
  return {};
}

Status ArchiveCheck::CheckUnique(const ZipEntry& entry) {
  const bool folder = entry.kind == EntryKind::kDirectory;
  const std::string path = folder ? entry.name.substr(0, entry.name.size() - 1) : entry.name;
  if (files_.contains(path) || (!folder && folders_.contains(path)))
    return BadEntry(entry.name, "is in the archive twice");
  constexpr std::ptrdiff_t kMaxDepth = 32;  // no model needs it; each level is a folder to make and to sync
  if (std::count(path.begin(), path.end(), '/') > kMaxDepth) return BadEntry(entry.name, "lies deeper than 32 folders");
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (files_.contains(path.substr(0, slash))) return BadEntry(entry.name, "lies below a file");
    folders_.insert(path.substr(0, slash));
  }
  (folder ? folders_ : files_).insert(path);
  return {};
}

Status ArchiveCheck::CheckModelFile(std::string_view name) {
  const bool torch = name.ends_with(".pt"), onnx = name.ends_with(".onnx");
  if (!torch && !onnx) return {};
  const bool wants_onnx = rules_.format == engines::ModelFormat::kOnnx;
  if (torch && wants_onnx) return Invalid("Model format is ONNX, but find .pt file");
  if (onnx && !wants_onnx) return Invalid("Model format is TORCH_SCRIPT, but find .onnx file");
  if (!summary_.model_file.empty() || !nested_model_.empty())
    return Invalid("Find multiple model files, but expected only one");
  (name.find('/') == std::string_view::npos ? summary_.model_file : nested_model_) = name;
  return {};
}

Status ArchiveCheck::CheckContentRules(std::uint64_t index, const ZipEntry& entry) {
  constexpr std::array<std::string_view, 5> kExecutables = {".jar", ".class", ".so", ".dylib", ".dll"};
  const std::string lower = Lower(entry.name);
  for (std::string_view suffix : kExecutables) {
    if (lower.ends_with(suffix)) return Invalid("Model archive contains a disallowed executable file: " + entry.name);
  }
  if (lower == "serving.properties" || lower.ends_with("/serving.properties")) {
    if (entry.claimed_bytes > kMaxPropertiesBytes)
      return TooLarge("[" + entry.name + "] is larger than the limit of 1048576 bytes");
    std::string text;
    RETURN_IF_ERROR(zip_.Read(index, entry, [&](std::string_view piece) -> Status {
      text += piece;
      return {};
    }));
    RETURN_IF_ERROR(CheckServingProperties(text));
  }
  has_tokenizer_ = has_tokenizer_ || entry.name == "tokenizer.json";
  return CheckModelFile(entry.name);
}

Status ArchiveCheck::CheckEntry(std::uint64_t index, const ZipEntry& entry) {
  RETURN_IF_ERROR(CheckName(entry.name));
  if (entry.kind == EntryKind::kOther) return BadEntry(entry.name, "is a link or a special file");
  if (entry.encrypted) return BadEntry(entry.name, "is encrypted");
  if (!entry.readable) return BadEntry(entry.name, "is packed by a method that is not supported");
  RETURN_IF_ERROR(CheckUnique(entry));
  RETURN_IF_ERROR(CheckClaims(entry));
  if (entry.kind == EntryKind::kDirectory)
    return entry.claimed_bytes == 0 ? Status() : BadEntry(entry.name, "is a folder with content");
  return CheckContentRules(index, entry);
}

Status ArchiveCheck::CheckWhole() const {
  if (summary_.model_file.empty() && TraitsOf(rules_.function).needs_model_file) {
    if (nested_model_.empty()) return Invalid("Can't find model file");
    return Invalid("Can't find model file at the top of the archive, only [" + nested_model_ + "]");
  }
  return has_tokenizer_ ? Status() : Invalid("No tokenizer file");
}

Result<ArchiveSummary> ArchiveCheck::Run() {
  summary_.entries = zip_.size();
  if (summary_.entries > rules_.limits.max_entries)
    return TooLarge("the archive has " + std::to_string(summary_.entries) + " entries, the limit is " +
                    std::to_string(rules_.limits.max_entries));
  for (std::uint64_t i = 0; i < summary_.entries; ++i) {
    ASSIGN_OR_RETURN(ZipEntry entry, zip_.Entry(i));
    RETURN_IF_ERROR(CheckEntry(i, entry));
    entries_.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(CheckWhole());
  return summary_;
}

class Unpacking {
 public:
  Unpacking(const ZipReader& zip, std::filesystem::path folder, FileSync sync,
            const std::function<Status(std::uint64_t)>& progress)
      : zip_(zip), folder_(std::move(folder)), sync_(sync), progress_(progress) {}

  // What an entry claims is also the most it may write (ZipReader::Read), so the limits checked on claims hold for
  // bytes.
  Status Run(const std::vector<ZipEntry>& entries) {
    for (std::uint64_t i = 0; i < entries.size(); ++i) RETURN_IF_ERROR(One(i, entries[i]));
    return {};
  }

 private:
  Status One(std::uint64_t index, const ZipEntry& entry) {
    const std::filesystem::path path = folder_ / entry.name;
    const bool folder = entry.kind == EntryKind::kDirectory;
    std::error_code failed;
    std::filesystem::create_directories(folder ? path : path.parent_path(), failed);
    if (failed) return FileError("create a folder", path, failed.value());
    if (folder) return {};
    ASSIGN_OR_RETURN(NewFile file, NewFile::Create(path));
    RETURN_IF_ERROR(zip_.Read(index, entry, [&](std::string_view piece) -> Status {
      RETURN_IF_ERROR(file.Append(piece));
      written_ += piece.size();
      return progress_ ? progress_(written_) : Status();
    }));
    return file.Finish(sync_);
  }
  const ZipReader& zip_;
  const std::filesystem::path folder_;
  const FileSync sync_;
  const std::function<Status(std::uint64_t)>& progress_;
  std::uint64_t written_ = 0;
};

}  // namespace

Result<ArchiveSummary> CheckArchive(const std::filesystem::path& archive, const ArchiveRules& rules) {
  ASSIGN_OR_RETURN(const ZipReader zip, ZipReader::Open(archive, rules.limits.max_entries));
  return ArchiveCheck(zip, rules).Run();
}

Result<ArchiveSummary> UnpackArchive(const std::filesystem::path& archive, const ArchiveRules& rules,
                                     const std::filesystem::path& folder,
                                     const std::function<Status(std::uint64_t bytes)>& progress) {
  ASSIGN_OR_RETURN(const ZipReader zip, ZipReader::Open(archive, rules.limits.max_entries));
  ArchiveCheck check(zip, rules);
  ASSIGN_OR_RETURN(const ArchiveSummary summary, check.Run());
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return FileError("create a folder", folder, failed.value());
  if (!std::filesystem::is_empty(folder, failed) || failed)
    return MakeError(Code::kFailedPrecondition, "the folder to unpack into is not empty");
  const Status unpacked = Unpacking(zip, folder, rules.sync, progress).Run(check.entries());
  if (unpacked) return summary;
  std::filesystem::remove_all(folder, failed);
  return unpacked.error();
}

}  // namespace mlnode::models
