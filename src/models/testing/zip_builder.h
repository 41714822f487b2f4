// models/testing/zip_builder.h: ZIP archives for tests, good and hostile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlnode::models::testing {

struct ZipItem {
  std::string name;  // as is; a directory ends with a slash
  std::string content = {};
  std::uint32_t unix_mode = 0;  // 0: no file type recorded
  std::string password = {};    // not empty: encrypted
};

// The bytes of an archive of these entries in this order. Ends the test process when libzip refuses.
std::string MakeZip(const std::vector<ZipItem>& items);
// A model that every rule accepts: model.onnx and tokenizer.json.
std::string MakeModelZip(std::string_view model_content = "onnx");

// Overwrites bytes of the central directory's entry of this name (offsets of APPNOTE §4.3.12: 20 packed size, 24 size).
void PatchDirectory(std::string& zip, std::string_view name, std::size_t offset, std::uint32_t value);
// Overwrites the entry counts of the end record.
void PatchEntryCount(std::string& zip, std::uint16_t count);
// Replaces each occurrence; both texts have the same length.
void ReplaceAll(std::string& zip, std::string_view from, std::string_view to);

}  // namespace mlnode::models::testing
