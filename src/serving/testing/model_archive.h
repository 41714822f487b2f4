// serving/testing/model_archive.h: small model archives for tests, and a store that holds them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "serving/load_spec.h"
#include "storage/store.h"

namespace mlnode::serving::testing {

// A ZIP file of (name, content), uncompressed.
std::string ZipOf(const std::vector<std::pair<std::string, std::string>>& files);

// model.onnx with `model`, and `tokenizer` as tokenizer.json.
std::string ModelArchive(const std::string& model, const std::string& tokenizer);

// Puts `archive` into the store in parts of `part_bytes` and returns what loads it: mean pooling, normalised.
LoadSpec StoreArchive(storage::Store& store, const std::string& id, const std::string& archive,
                      std::size_t part_bytes = 1'000);

// A WordPiece tokenizer.json of a few words, [CLS] and [SEP] around each text (tests/data), with this truncation.
std::string TestTokenizer(std::size_t max_length = 1'024);

}  // namespace mlnode::serving::testing
