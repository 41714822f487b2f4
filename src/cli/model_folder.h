// cli/model_folder.h: a Hugging Face or sentence-transformers folder, the model_config guessed from its files, and its
// archive.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace mlnode::cli {

struct ModelFolder {
  std::filesystem::path model_file;         // model.onnx, onnx/model.onnx, the only *.onnx, or the same of *.pt
  std::vector<std::filesystem::path> more;  // tokenizer.json, external data, config.json if there
  std::string format;                       // "ONNX" or "TORCH_SCRIPT"
  json::object config;                      // model_config as guessed; keys that could not be guessed are absent
};

// Reads config.json (model_type, hidden_size), modules.json (Normalize), 1_Pooling/config.json (pooling, dimension) and
// sentence_bert_config.json. kNotFound names the file that is missing, kInvalidArgument what is ambiguous or malformed.
Result<ModelFolder> ReadModelFolder(const std::filesystem::path& folder);

struct PackedArchive {
  std::filesystem::path file;
  std::string sha256;
  std::uint64_t bytes = 0;
};
// Writes the archive: same folder, same bytes (entry times are fixed). Overwrites `file` when whole. `progress` gets 0
// to 1.
Result<PackedArchive> PackModelFolder(const ModelFolder& folder, const std::filesystem::path& file,
                                      const std::function<void(double)>& progress);
// SHA-256 and size of a file, read piece by piece.
Result<PackedArchive> HashArchive(const std::filesystem::path& file);

}  // namespace mlnode::cli
