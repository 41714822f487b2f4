#include "serving/archive_fetch.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "core/sha256.h"

namespace mlnode::serving {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};
using FilePtr = std::unique_ptr<std::FILE, CloseFile>;

Error WriteFailed(const std::filesystem::path& file, int why) {
  const bool full = why == ENOSPC || why == EDQUOT;
  Error error = MakeError(full ? Code::kResourceExhausted : Code::kInternal,
                          fmt::format("The model archive could not be written: {}.", std::strerror(why)));
  error.detail = file.string();
  return error;
}

Result<std::string> Part(const storage::Store& store, const LoadSpec& spec, std::uint32_t number) {
  Result<std::string> part = store.GetPart(spec.upload, number);
  if (part || part.error().code != Code::kNotFound) return part;
  return MakeError(Code::kNotFound, fmt::format("Fail to find model chunk {}_{}", spec.model.str(), number));
}

}  // namespace

Status FetchArchive(const storage::Store& store, const LoadSpec& spec, const std::filesystem::path& file,
                    const Progress& progress) {
  const FilePtr out(std::fopen(file.c_str(), "wbe"));
  if (!out) return WriteFailed(file, errno);
  Sha256 hash;
  std::uint64_t done = 0;
  std::uint64_t part_bytes = 0;  // of the first: all but the last are as long
  for (std::uint32_t i = 0; i < spec.total_chunks; ++i) {
    RETURN_IF_ERROR(progress(Phase::kFetching, done, part_bytes * spec.total_chunks));
    ASSIGN_OR_RETURN(const std::string part, Part(store, spec, i));
    hash.Update(part);
    if (std::fwrite(part.data(), 1, part.size(), out.get()) != part.size()) return WriteFailed(file, errno);
    done += part.size();
    if (i == 0) part_bytes = part.size();
  }
  if (std::fflush(out.get()) != 0) return WriteFailed(file, errno);
  if (hash.HexDigest() != spec.content_hash) return MakeError(Code::kInvalidArgument, "model content changed");
  return progress(Phase::kFetching, done, done);
}

}  // namespace mlnode::serving
