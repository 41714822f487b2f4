#include "models/testing/zip_builder.h"

#include <zip.h>

#include <cstdio>
#include <cstdlib>

namespace mlnode::models::testing {
namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "zip_builder: %s failed\n", what);
  std::abort();
}

void AddItem(zip_t* archive, const ZipItem& item) {
  zip_int64_t index = 0;
  if (item.name.ends_with('/')) {
    index = zip_dir_add(archive, item.name.c_str(), ZIP_FL_ENC_GUESS);
  } else {
    zip_source_t* content = zip_source_buffer(archive, item.content.data(), item.content.size(), 0);
    Require(content != nullptr, "zip_source_buffer");
    index = zip_file_add(archive, item.name.c_str(), content, ZIP_FL_ENC_GUESS);
  }
  Require(index >= 0, "adding an entry");
  const auto position = static_cast<zip_uint64_t>(index);
  if (item.unix_mode != 0)
    Require(zip_file_set_external_attributes(archive, position, 0, ZIP_OPSYS_UNIX, item.unix_mode << 16) == 0,
            "attributes");
  if (!item.password.empty())
    Require(zip_file_set_encryption(archive, position, ZIP_EM_AES_256, item.password.c_str()) == 0, "encryption");
}

void PutLittleEndian(std::string& bytes, std::size_t at, std::uint32_t value, int width) {
  for (int i = 0; i < width; ++i) bytes[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

std::string MakeZip(const std::vector<ZipItem>& items) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, &error);
  Require(target != nullptr, "zip_source_buffer_create");
  zip_source_keep(target);
  zip_t* archive = zip_open_from_source(target, ZIP_CREATE | ZIP_TRUNCATE, &error);
  Require(archive != nullptr, "zip_open_from_source");
  for (const ZipItem& item : items) AddItem(archive, item);
  Require(zip_close(archive) == 0, "zip_close");
  zip_stat_t stat;
  Require(zip_source_stat(target, &stat) == 0 && zip_source_open(target) == 0, "reading back");
  std::string bytes(stat.size, '\0');
  Require(zip_source_read(target, bytes.data(), bytes.size()) == static_cast<zip_int64_t>(bytes.size()),
          "reading back");
  zip_source_close(target);
  zip_source_free(target);
  return bytes;
}

std::string MakeModelZip(std::string_view model_content) {
  return MakeZip(
      {{.name = "model.onnx", .content = std::string(model_content)}, {.name = "tokenizer.json", .content = "{}"}});
}

void PatchDirectory(std::string& zip, std::string_view name, std::size_t offset, std::uint32_t value) {
  for (std::size_t at = zip.find("PK\1\2"); at != std::string::npos; at = zip.find("PK\1\2", at + 1)) {
    if (zip.compare(at + 46, name.size(), name) != 0) continue;
    PutLittleEndian(zip, at + offset, value, 4);
    return;
  }
  Require(false, "finding the entry to patch");
}

void PatchEntryCount(std::string& zip, std::uint16_t count) {
  const std::size_t at = zip.rfind("PK\5\6");
  Require(at != std::string::npos, "finding the end record");
  PutLittleEndian(zip, at + 8, count, 2);
  PutLittleEndian(zip, at + 10, count, 2);
}

void ReplaceAll(std::string& zip, std::string_view from, std::string_view to) {
  Require(from.size() == to.size(), "replacing by the same length");
  for (std::size_t at = zip.find(from); at != std::string::npos; at = zip.find(from, at + to.size()))
    zip.replace(at, to.size(), to);
}

}  // namespace mlnode::models::testing
