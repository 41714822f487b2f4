#include "serving/testing/model_archive.h"

#include <zip.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/sha256.h"

namespace mlnode::serving::testing {
namespace {

void Require(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

std::string ZipOf(const std::vector<std::pair<std::string, std::string>>& files) {
  zip_source_t* const bytes = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  zip_source_keep(bytes);
  zip_t* const archive = zip_open_from_source(bytes, ZIP_TRUNCATE, nullptr);
  Require(archive != nullptr);
  for (const auto& [name, content] : files) {
    zip_source_t* const source = zip_source_buffer(archive, content.data(), content.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    Require(index >= 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  Require(zip_close(archive) == 0);
  zip_stat_t stat;
  Require(zip_source_stat(bytes, &stat) == 0 && zip_source_open(bytes) == 0);
  std::string out(stat.size, '\0');
  Require(zip_source_read(bytes, out.data(), out.size()) == static_cast<zip_int64_t>(out.size()));
  zip_source_close(bytes);
  zip_source_free(bytes);
  return out;
}

std::string ModelArchive(const std::string& model, const std::string& tokenizer) {
  return ZipOf({{"model.onnx", model}, {"tokenizer.json", tokenizer}});
}

LoadSpec StoreArchive(storage::Store& store, const std::string& id, const std::string& archive,
                      std::size_t part_bytes) {
  LoadSpec spec;
  spec.model = ModelId(id);
  spec.name = "name of " + id;
  spec.function = models::FunctionName::kTextEmbedding;
  spec.format = engines::ModelFormat::kOnnx;
  spec.config.normalize_result = true;
  spec.upload = UploadId("upload-" + id);
  spec.content_hash = Sha256Hex(archive);
  for (std::size_t at = 0; at < archive.size(); at += part_bytes) {
    Require(store.PutPart(spec.upload, spec.total_chunks++, archive.substr(at, part_bytes)).has_value());
  }
  return spec;
}

std::string TestTokenizer(std::size_t max_length) {
  std::ifstream file(MLNODE_TEST_DATA "/wordpiece_tokenizer.json", std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), {}};
  const std::string written = "\"max_length\":16";
  const std::size_t at = content.find(written);
  Require(at != std::string::npos);
  return content.replace(at, written.size(), "\"max_length\":" + std::to_string(max_length));
}

}  // namespace mlnode::serving::testing
