// storage/document_format.h: the format number of stored documents. The rule is docs/formats/README.md's.
#pragma once

#include <string_view>

#include "storage/store.h"

namespace mlnode::storage {

// The field that tells a document's format; absent means 1, which is what this version writes for every collection.
inline constexpr std::string_view kFormatField = "_format";

// Called by whoever reads a document, before any other field. kDataLoss, as for a damaged one: its format is above
// TraitsOf(collection).format, so a newer mlnode wrote it and it is neither used nor changed; or it is not a number
// from 1.
Status CheckFormat(const Document& document);

}  // namespace mlnode::storage
