#include "storage/testing/golden_document.h"

#include <utility>

#include "core/files.h"
#include "storage/document_format.h"

namespace mlnode::storage::testing {
namespace {

constexpr std::uint64_t kLargest = 1'000'000;

}  // namespace

std::string GoldenFile(const std::string& name) {
  return ReadFile(std::string(MLNODE_FORMATS) + "/" + name, kLargest).value();
}

Document GoldenDocument(Key key, const std::string& name) {
  return {.key = std::move(key), .body = ParseJsonObject(GoldenFile(name)).value(), .revision = 1, .version = 1};
}

Document OfNextFormat(Document document) {
  document.body[kFormatField] = TraitsOf(document.key.collection).format + 1;
  return document;
}

}  // namespace mlnode::storage::testing
