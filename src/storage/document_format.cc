#include "storage/document_format.h"

#include <fmt/format.h>

#include "storage/write_check.h"

namespace mlnode::storage {

Status CheckFormat(const Document& document) {
  const json::value* stored = document.body.if_contains(kFormatField);
  if (stored == nullptr) return {};
  boost::system::error_code failed;
  const auto format = stored->is_number() ? stored->to_number<std::int64_t>(failed) : 0;
  if (failed || format < 1) {
    return MakeError(Code::kDataLoss,
                     fmt::format("{}: stored field [{}] is malformed", KeyText(document.key), kFormatField));
  }
  const std::int64_t known = TraitsOf(document.key.collection).format;
  if (format <= known) return {};
  return MakeError(Code::kDataLoss,
                   fmt::format("{} has format {}, this program knows formats up to {}: start the newer mlnode that "
                               "wrote it, or restore a backup",
                               KeyText(document.key), format, known));
}

}  // namespace mlnode::storage
