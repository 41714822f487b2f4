// storage/testing/golden_document.h: the files of tests/formats, which every version must read
// (docs/formats/README.md).
#pragma once

#include <string>

#include "storage/store.h"

namespace mlnode::storage::testing {

// The bytes of a golden file. Ends the test process when it is not there.
std::string GoldenFile(const std::string& name);

// A golden file of JSON as the document under `key`, revision and version 1.
Document GoldenDocument(Key key, const std::string& name);

// The same document said to be of the next format, which its reader must refuse.
Document OfNextFormat(Document document);

}  // namespace mlnode::storage::testing
