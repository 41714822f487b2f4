#include "models/zip_reader.h"

#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>
#include <vector>

namespace mlnode::models {
namespace {

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }
Error NotZip() { return Invalid("Archive is not a ZIP archive"); }

std::uint64_t LittleEndian(std::string_view bytes, std::size_t at, int width) {
  std::uint64_t value = 0;
  for (int i = width - 1; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}

// Entry counts as the end records claim them (APPNOTE §4.3.14 to 4.3.16). libzip reserves memory by these numbers.
class EndRecords {
 public:
  EndRecords(std::ifstream& file, std::uint64_t size) : file_(file), size_(size) {}

  // The largest of the counts that the end records claim and that their directory's size allows for.
  Result<std::uint64_t> LargestCount() {
    constexpr std::uint64_t kTail = 22 + 65'535 + 20;  // end record, longest comment, ZIP64 locator before it
    const std::uint64_t from = size_ > kTail ? size_ - kTail : 0;
    const std::string tail = ReadAt(from, size_ - from);
    std::uint64_t largest = 0;
    bool found = false;
    for (std::size_t at = tail.find("PK\5\6"); at != std::string::npos; at = tail.find("PK\5\6", at + 1)) {
      if (tail.size() - at < 22) break;
      // libzip reads entries for as long as the directory has bytes, whatever the count says: both are held to the
      // limit.
      const std::uint64_t count = std::max({LittleEndian(tail, at + 8, 2), LittleEndian(tail, at + 10, 2),
                                            LittleEndian(tail, at + 12, 4) / kGenerousEntryBytes});
      const bool in_zip64 = at >= 20 && tail.compare(at - 20, 4, "PK\6\7") == 0;
      largest = std::max(largest, in_zip64 ? Zip64Count(LittleEndian(tail, at - 20 + 8, 8)) : count);
      found = true;
    }
    if (!found) return NotZip();
    return largest;
  }

 private:
  // Of the directory: 46 fixed, a long name, extra fields.
  static constexpr std::uint64_t kGenerousEntryBytes = 1'600;

  std::string ReadAt(std::uint64_t at, std::uint64_t length) {
    std::string bytes(length, '\0');
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(at));
    file_.read(bytes.data(), static_cast<std::streamsize>(length));
    bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file_.gcount(), 0)));
    return bytes;
  }
  std::uint64_t Zip64Count(std::uint64_t at) {
    constexpr std::uint64_t kRecord = 56;
    if (size_ < kRecord || at > size_ - kRecord) return 0;
    const std::string record = ReadAt(at, kRecord);
    if (record.size() < kRecord) return 0;
    return std::max(
        {LittleEndian(record, 24, 8), LittleEndian(record, 32, 8), LittleEndian(record, 40, 8) / kGenerousEntryBytes});
  }
  std::ifstream& file_;
  std::uint64_t size_;
};

Result<std::uint64_t> ClaimedEntries(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    Error error = MakeError(Code::kInternal, "the archive cannot be opened");
    error.detail = path.string();
    return error;
  }
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  return EndRecords(file, size).LargestCount();
}

// libzip's own words, for the log and behind ours.
std::string ErrorText(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

EntryKind KindOf(zip* archive, std::uint64_t index, std::string_view name) {
  std::uint8_t system = ZIP_OPSYS_DOS;
  std::uint32_t attributes = 0;
  const bool known = zip_file_get_external_attributes(archive, index, 0, &system, &attributes) == 0;
  const bool directory_name = name.ends_with('/');
  const mode_t format = static_cast<mode_t>(attributes >> 16) & S_IFMT;
  // Only Unix-like systems keep a file type there; a zero type means none was kept.
  if (!known || (system != ZIP_OPSYS_UNIX && system != ZIP_OPSYS_OS_X) || format == 0)
    return directory_name ? EntryKind::kDirectory : EntryKind::kFile;
  if (format == S_IFDIR && directory_name) return EntryKind::kDirectory;
  if (format == S_IFREG && !directory_name) return EntryKind::kFile;
  return EntryKind::kOther;
}

struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

}  // namespace

void ZipReader::Close::operator()(zip* archive) const { zip_discard(archive); }

Result<ZipReader> ZipReader::Open(const std::filesystem::path& path, std::uint64_t max_entries) {
  ASSIGN_OR_RETURN(const std::uint64_t claimed, ClaimedEntries(path));
  if (claimed > max_entries)
    return MakeError(Code::kTooLarge, "the archive has " + std::to_string(claimed) + " entries, the limit is " +
                                          std::to_string(max_entries));
  int code = 0;
  zip* archive = zip_open(path.c_str(), ZIP_RDONLY, &code);
  if (archive == nullptr) {
    if (code == ZIP_ER_NOZIP) return NotZip();
    if (code == ZIP_ER_MEMORY)
      return MakeError(Code::kResourceExhausted, "not enough memory to read the archive's directory");
    return Invalid("Archive cannot be read: " + ErrorText(code));
  }
  return ZipReader(archive);
}

std::uint64_t ZipReader::size() const {
  return static_cast<std::uint64_t>(std::max<zip_int64_t>(zip_get_num_entries(archive_.get(), 0), 0));
}

Result<ZipEntry> ZipReader::Entry(std::uint64_t index) const {
  zip_stat_t stat;
  zip_stat_init(&stat);
  const char* name = zip_get_name(archive_.get(), index, ZIP_FL_ENC_RAW);
  if (name == nullptr || zip_stat_index(archive_.get(), index, 0, &stat) != 0)
    return Invalid("Bad zip entry: number " + std::to_string(index) + " cannot be read");
  constexpr zip_uint64_t kWanted =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((stat.valid & kWanted) != kWanted)
    return Invalid("Bad zip entry: [" + std::string(name) + "] lacks a size or method");
  return ZipEntry{.name = name,
                  .kind = KindOf(archive_.get(), index, name),
                  .claimed_bytes = stat.size,
                  .packed_bytes = stat.comp_size,
                  .encrypted = stat.encryption_method != ZIP_EM_NONE,
                  .readable = zip_compression_method_supported(stat.comp_method, 0) == 1};
}

Status ZipReader::Read(std::uint64_t index, const ZipEntry& entry,
                       const std::function<Status(std::string_view piece)>& sink) const {
  const auto damaged = [&](const std::string& why) {
    return Invalid("Bad zip entry: [" + entry.name + "] is damaged: " + why);
  };
  const std::unique_ptr<zip_file_t, CloseEntry> file(zip_fopen_index(archive_.get(), index, 0));
  if (!file) return damaged(zip_strerror(archive_.get()));
  constexpr std::size_t kPiece = 256UL * 1024;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kPiece);
  std::uint64_t total = 0;
  while (true) {
    const zip_int64_t got = zip_fread(file.get(), buffer.get(), kPiece);
    if (got < 0) return damaged(zip_error_strerror(zip_file_get_error(file.get())));
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    if (total > entry.claimed_bytes) return damaged("it is longer than it claims");
    RETURN_IF_ERROR(sink(std::string_view(buffer.get(), static_cast<std::size_t>(got))));
  }
  if (total != entry.claimed_bytes) return damaged("it is shorter than it claims");
  return {};
}

}  // namespace mlnode::models
