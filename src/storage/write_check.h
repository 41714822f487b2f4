// storage/write_check.h: what every store refuses before it looks at its state. Threads: any; no state.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace mlnode::storage {

// A model's id of at most 512 bytes, which clients may choose, behind the node's id and a slash (a placement's key).
inline constexpr std::size_t kMaxKeyIdBytes = 640;
inline constexpr std::size_t kMaxUploadIdBytes = 128;

// "models/abc": how errors and logs name a key.
std::string KeyText(const Key& key);

// kInvalidArgument naming the id when it is empty, longer than kMaxKeyIdBytes, not UTF-8 or holds a control character.
Status CheckKey(const Key& key);

// A body as it is stored. `object` is `text` read back, so that a document is the same before and after a restart.
struct StoredBody {
  std::string text;
  json::object object;
};
// nullopt for a removal. kInvalidArgument: key, a removal that expects absence, a body that JSON cannot hold (depth,
// bad UTF-8, not finite); kTooLarge beyond kMaxDocumentBytes, naming the document and its largest field.
Result<std::optional<StoredBody>> CheckWrite(const Write& write);

// The version that this write would get. kConflict when what it expects does not hold of `now` (nullptr: the key is
// absent), saying what does.
Result<std::uint64_t> CheckExpectation(const Write& write, const Document* now);

// kInvalidArgument unless 1 to kMaxUploadIdBytes of [A-Za-z0-9_-], the first a letter or digit: ids become folder
// names.
Status CheckUpload(const UploadId& upload);
// CheckUpload; kInvalidArgument when empty, kTooLarge beyond kMaxPartBytes.
Status CheckPart(const UploadId& upload, std::uint32_t number, std::string_view bytes);

}  // namespace mlnode::storage
