#include "storage/write_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/utf8.h"

namespace mlnode::storage {
namespace {

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool IsIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

Error TooLarge(const Key& key, const json::object& body, std::size_t bytes) {
  std::string_view field;
  std::size_t field_bytes = 0;
  for (const auto& [name, value] : body) {
    const std::size_t size = ToJson(value).size();
    if (size > field_bytes) {
      field = name;
      field_bytes = size;
    }
  }
  return MakeError(Code::kTooLarge,
                   fmt::format("document {} is {} bytes, the limit is {}; its largest field is [{}] with {} bytes",
                               KeyText(key), bytes, kMaxDocumentBytes, field, field_bytes));
}

}  // namespace

std::string KeyText(const Key& key) { return fmt::format("{}/{}", TraitsOf(key.collection).name, key.id); }

Status CheckKey(const Key& key) {
  const std::string_view collection = TraitsOf(key.collection).name;
  if (key.id.empty() || key.id.size() > kMaxKeyIdBytes) {
    return MakeError(Code::kInvalidArgument, fmt::format("an id in {} has 1 to {} bytes, this one has {}", collection,
                                                         kMaxKeyIdBytes, key.id.size()));
  }
  if (std::any_of(key.id.begin(), key.id.end(), IsControl)) {
    return MakeError(Code::kInvalidArgument, fmt::format("an id in {} has no control characters", collection));
  }
  if (!IsValidUtf8(key.id)) {
    return MakeError(Code::kInvalidArgument, fmt::format("an id in {} is UTF-8", collection));
  }
  return {};
}

Result<std::optional<StoredBody>> CheckWrite(const Write& write) {
  RETURN_IF_ERROR(CheckKey(write.key));
  if (!write.body) {
    if (write.expect.kind == Expect::Kind::kAbsent) {
      return MakeError(Code::kInvalidArgument,
                       fmt::format("a removal of {} names the revision it removes", KeyText(write.key)));
    }
    return std::optional<StoredBody>();
  }
  StoredBody body;
  body.text = ToJson(*write.body);
  if (body.text.size() > kMaxDocumentBytes) return TooLarge(write.key, *write.body, body.text.size());
  Result<json::object> read_back = ParseJsonObject(body.text);
  if (!read_back) {
    Error error = MakeError(Code::kInvalidArgument, fmt::format("document {} cannot be stored as JSON: {}",
                                                                KeyText(write.key), read_back.error().message));
    return error;
  }
  body.object = std::move(read_back).value();
  return std::optional<StoredBody>(std::move(body));
}

Result<std::uint64_t> CheckExpectation(const Write& write, const Document* now) {
  if (write.expect.kind == Expect::Kind::kAbsent) {
    if (now == nullptr) return 1;
    return MakeError(Code::kConflict,
                     fmt::format("{} exists already (revision {})", KeyText(write.key), now->revision));
  }
  if (now == nullptr) {
    return MakeError(Code::kConflict, fmt::format("{} does not exist, revision {} was expected", KeyText(write.key),
                                                  write.expect.revision));
  }
  if (now->revision != write.expect.revision) {
    return MakeError(Code::kConflict, fmt::format("{} has revision {}, revision {} was expected", KeyText(write.key),
                                                  now->revision, write.expect.revision));
  }
  return now->version + 1;
}

Status CheckUpload(const UploadId& upload) {
  const std::string& id = upload.str();
  const bool shaped = !id.empty() && id.size() <= kMaxUploadIdBytes && std::all_of(id.begin(), id.end(), IsIdCharacter);
  if (!shaped || id.front() == '_' || id.front() == '-') {
    return MakeError(
        Code::kInvalidArgument,
        fmt::format("an upload id has 1 to {} characters of A-Z a-z 0-9 _ - and begins with a letter or digit",
                    kMaxUploadIdBytes));
  }
  return {};
}

Status CheckPart(const UploadId& upload, std::uint32_t number, std::string_view bytes) {
  RETURN_IF_ERROR(CheckUpload(upload));
  if (bytes.empty()) {
    return MakeError(Code::kInvalidArgument, fmt::format("chunk {} of upload {} is empty", number, upload.str()));
  }
  if (bytes.size() > kMaxPartBytes) {
    return MakeError(Code::kTooLarge, fmt::format("chunk {} of upload {} is {} bytes, the limit is {}", number,
                                                  upload.str(), bytes.size(), kMaxPartBytes));
  }
  return {};
}

}  // namespace mlnode::storage
