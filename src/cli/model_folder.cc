#include "cli/model_folder.h"

#include <zip.h>

#include <array>
#include <fstream>
#include <memory>
#include <optional>

#include "core/sha256.h"

namespace mlnode::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 1 << 20;

// nullopt when the file is not there; malformed JSON is an error that names it.
Result<std::optional<json::object>> ReadJsonFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::optional<json::object>();
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  Result<json::object> parsed = ParseJsonObject(text);
  if (!parsed) return Annotate(std::move(parsed).error(), path.filename().string());
  return std::optional(std::move(*parsed));
}

Result<fs::path> FindModelFile(const fs::path& folder) {
  for (const char* name : {"model.onnx", "onnx/model.onnx", "model.pt"}) {
    if (fs::is_regular_file(folder / name)) return folder / name;
  }
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (entry.is_regular_file() && (extension == ".onnx" || extension == ".pt")) found.push_back(entry.path());
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) return MakeError(Code::kNotFound, folder.string() + " holds no .onnx or .pt file");
  return MakeError(Code::kInvalidArgument, folder.string() +
                                               " holds several model files and none is called model.onnx: " +
                                               found[0].filename().string() + ", " + found[1].filename().string());
}

struct PoolingRow {
  std::string_view key;
  std::string_view mode;
};
// Keys of a sentence-transformers 1_Pooling/config.json.
constexpr std::array<PoolingRow, 6> kPooling = {{{"pooling_mode_mean_tokens", "MEAN"},
                                                 {"pooling_mode_cls_token", "CLS"},
                                                 {"pooling_mode_max_tokens", "MAX"},
                                                 {"pooling_mode_mean_sqrt_len_tokens", "MEAN_SQRT_LEN"},
                                                 {"pooling_mode_weightedmean_tokens", "WEIGHTED_MEAN"},
                                                 {"pooling_mode_lasttoken", "LAST_TOKEN"}}};

Status GuessFromConfig(const fs::path& folder, json::object& config) {
  ASSIGN_OR_RETURN(const auto file, ReadJsonFile(folder / "config.json"));
  if (!file) return {};
  for (const auto& [from, to] :
       {std::pair("model_type", "model_type"), std::pair("hidden_size", "embedding_dimension")}) {
    if (const json::value* value = file->if_contains(from)) config[to] = *value;
  }
  config["all_config"] = ToJson(*file);
  return {};
}

Status GuessFromSentenceTransformers(const fs::path& folder, json::object& config) {
  ASSIGN_OR_RETURN(const auto pooling, ReadJsonFile(folder / "1_Pooling/config.json"));
  if (pooling) {
    for (const PoolingRow& row : kPooling) {
      const json::value* value = pooling->if_contains(row.key);
      if (value && *value == json::value(true)) config["pooling_mode"] = row.mode;
    }
    if (const json::value* size = pooling->if_contains("word_embedding_dimension"))
      config["embedding_dimension"] = *size;
  }
  std::ifstream modules(folder / "modules.json");
  const bool sentence_transformers = modules.good() || pooling.has_value();
  config["framework_type"] = sentence_transformers ? "SENTENCE_TRANSFORMERS" : "HUGGINGFACE_TRANSFORMERS";
  if (modules) {
    const std::string text{std::istreambuf_iterator<char>(modules), {}};
    if (text.find("models.Normalize") != std::string::npos) config["normalize_result"] = true;
  }
  ASSIGN_OR_RETURN(const auto sentence, ReadJsonFile(folder / "sentence_bert_config.json"));
  if (sentence) {
    if (const json::value* length = sentence->if_contains("max_seq_length")) config["model_max_length"] = *length;
  }
  return {};
}

Error ZipError(zip_t* archive) {
  return MakeError(Code::kInternal, std::string("writing the archive: ") + zip_strerror(archive));
}

Status AddFile(zip_t* archive, const fs::path& file) {
  zip_source_t* source = zip_source_file(archive, file.c_str(), 0, -1);
  if (!source) return ZipError(archive);
  const zip_int64_t index = zip_file_add(archive, file.filename().c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return ZipError(archive);
  }
  // Weights hardly shrink, and unpacking them again costs each deploy; a fixed time makes the same folder the same
  // bytes.
  constexpr zip_uint16_t kDosDate2024 = ((2024 - 1980) << 9) | (1 << 5) | 1;
  const auto entry = static_cast<zip_uint64_t>(index);
  if (zip_set_file_compression(archive, entry, ZIP_CM_STORE, 0) < 0) return ZipError(archive);
  if (zip_file_set_dostime(archive, entry, 0, kDosDate2024, 0) < 0) return ZipError(archive);
  return {};
}

}  // namespace

Result<ModelFolder> ReadModelFolder(const fs::path& folder) {
  if (!fs::is_directory(folder)) return MakeError(Code::kNotFound, folder.string() + " is not a folder");
  ModelFolder out;
  ASSIGN_OR_RETURN(out.model_file, FindModelFile(folder));
  out.format = out.model_file.extension() == ".onnx" ? "ONNX" : "TORCH_SCRIPT";
  if (!fs::is_regular_file(folder / "tokenizer.json")) {
    return MakeError(Code::kNotFound, folder.string() + " holds no tokenizer.json (a fast tokenizer is needed)");
  }
  out.more.push_back(folder / "tokenizer.json");
  for (const auto& entry : fs::directory_iterator(out.model_file.parent_path())) {
    const std::string name = entry.path().filename().string();
    if (name == out.model_file.filename().string() + "_data" || name.ends_with(".onnx.data"))
      out.more.push_back(entry.path());
  }
  if (fs::is_regular_file(folder / "config.json")) out.more.push_back(folder / "config.json");
  RETURN_IF_ERROR(GuessFromConfig(folder, out.config));
  RETURN_IF_ERROR(GuessFromSentenceTransformers(folder, out.config));
  return out;
}

Result<PackedArchive> PackModelFolder(const ModelFolder& folder, const fs::path& file,
                                      const std::function<void(double)>& progress) {
  const fs::path part = file.string() + ".part";
  int code = 0;
  zip_t* archive = zip_open(part.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!archive) return MakeError(Code::kInvalidArgument, "cannot write " + part.string());
  Status added = AddFile(archive, folder.model_file);
  for (const fs::path& more : folder.more) {
    if (added) added = AddFile(archive, more);
  }
  if (!added) {
    zip_discard(archive);
    return std::move(added).error();
  }
  zip_register_progress_callback_with_state(
      archive, 0.01,
      [](zip_t*, double done, void* state) { (*static_cast<const std::function<void(double)>*>(state))(done); },
      nullptr, const_cast<std::function<void(double)>*>(&progress));
  if (zip_close(archive) < 0) {
    Error error = ZipError(archive);
    zip_discard(archive);
    return error;
  }
  std::error_code failed;
  fs::rename(part, file, failed);
  if (failed) return MakeError(Code::kInvalidArgument, "cannot write " + file.string() + ": " + failed.message());
  return HashArchive(file);
}

Result<PackedArchive> HashArchive(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return MakeError(Code::kNotFound, "cannot read " + file.string());
  Sha256 digest;
  PackedArchive out{.file = file, .sha256 = {}, .bytes = 0};
  std::string piece(kPiece, '\0');
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<std::size_t>(in.gcount());
    digest.Update(std::string_view(piece).substr(0, got));
    out.bytes += got;
  }
  out.sha256 = digest.HexDigest();
  return out;
}

}  // namespace mlnode::cli
