#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "cli/commands.h"
#include "cli/model_folder.h"

namespace mlnode::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkBytes = 10'000'000;  // spec/lifecycle §4
constexpr std::string_view kModels = "/_plugins/_ml/models/";

bool IsUrl(const std::string& source) { return source.find("://") != std::string::npos; }

// The guessed config with what the user said laid over it. kInvalidArgument names the options that would fill a gap.
Result<json::object> FinalConfig(json::object guessed, const ModelOptions& options) {
  if (!options.config.empty()) {
    Result<json::object> given = ParseJsonObject(options.config);
    if (!given) return Annotate(std::move(given).error(), "--config");
    for (auto& field : *given) guessed[field.key()] = std::move(field.value());
  }
  if (!options.model_type.empty()) guessed["model_type"] = options.model_type;
  if (options.dimension > 0) guessed["embedding_dimension"] = options.dimension;
  if (!options.pooling.empty()) guessed["pooling_mode"] = options.pooling;
  if (options.normalize) guessed["normalize_result"] = *options.normalize;
  guessed.emplace("framework_type", "HUGGINGFACE_TRANSFORMERS");
  for (const auto& [key, option] :
       {std::pair("model_type", "--model-type"), std::pair("embedding_dimension", "--dimension")}) {
    if (!guessed.contains(key)) {
      return MakeError(Code::kInvalidArgument,
                       fmt::format("model_config.{} cannot be guessed (no config.json): give {}", key, option));
    }
  }
  return guessed;
}

struct Prepared {
  PackedArchive archive;
  json::object config;
  std::string format;
  std::string name;
};

// Removes a temporary archive when it goes.
struct TemporaryFile {
  fs::path path;
  TemporaryFile() = default;
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    if (!path.empty()) fs::remove(path, ignored);
  }
};

Result<Prepared> PrepareFolder(Session& session, const RegisterOptions& options, TemporaryFile& temporary) {
  ASSIGN_OR_RETURN(ModelFolder folder, ReadModelFolder(options.source));
  Prepared out;
  out.format = folder.format;
  out.name = fs::weakly_canonical(options.source).filename().string();
  ASSIGN_OR_RETURN(out.config, FinalConfig(folder.config, options.model));
  temporary.path = fs::temp_directory_path() / fmt::format("mlnode-pack-{}.zip", getpid());
  ASSIGN_OR_RETURN(out.archive, PackModelFolder(folder, temporary.path,
                                                [&](double done) { session.terminal.Progress("packing", done, 1); }));
  return out;
}

Result<Prepared> PrepareArchive(const RegisterOptions& options) {
  Prepared out;
  out.name = fs::path(options.source).stem().string();
  out.format = "ONNX";
  ASSIGN_OR_RETURN(out.config, FinalConfig({}, options.model));
  ASSIGN_OR_RETURN(out.archive, HashArchive(options.source));
  return out;
}

json::object RegisterBody(const Prepared& prepared, const ModelOptions& options) {
  return {{"name", options.name.empty() ? prepared.name : options.name},
          {"version", "1"},
          {"function_name", "TEXT_EMBEDDING"},
          {"model_format", prepared.format},
          {"model_config", prepared.config}};
}

Result<std::string> AnswerField(const json::value& answer, std::string_view key) {
  const json::object* object = answer.if_object();
  const json::value* value = object ? object->if_contains(key) : nullptr;
  if (!value || !value->is_string()) return MakeError(Code::kUpstream, fmt::format("the answer has no {}", key));
  return std::string(value->get_string());
}

Status UploadChunks(Session& session, const std::string& model, const PackedArchive& archive) {
  std::ifstream in(archive.file, std::ios::binary);
  std::uint64_t sent = 0;
  for (int number = 0; sent < archive.bytes; ++number) {
    std::string chunk(std::min<std::uint64_t>(kChunkBytes, archive.bytes - sent), '\0');
    if (!in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()))) {
      return MakeError(Code::kInvalidArgument, "cannot read " + archive.file.string() + " to its end: did it change?");
    }
    session.terminal.Progress("uploading", static_cast<double>(sent), static_cast<double>(archive.bytes));
    sent += chunk.size();
    RETURN_IF_ERROR(
        session.api.SendBytes(fmt::format("{}{}/upload_chunk/{}", kModels, model, number), std::move(chunk)));
  }
  session.terminal.Progress("uploading", 1, 1);
  return {};
}

Result<std::string> RegisterChunks(Session& session, const Prepared& prepared, const ModelOptions& options) {
  json::object body = RegisterBody(prepared, options);
  body["model_content_hash_value"] = prepared.archive.sha256;
  body["model_content_size_in_bytes"] = prepared.archive.bytes;
  body["total_chunks"] = (prepared.archive.bytes + kChunkBytes - 1) / kChunkBytes;
  const json::value meta(std::move(body));
  ASSIGN_OR_RETURN(const json::value answer, session.api.Call("POST", std::string(kModels) + "_register_meta", &meta));
  ASSIGN_OR_RETURN(std::string model, AnswerField(answer, "model_id"));
  RETURN_IF_ERROR(UploadChunks(session, model, prepared.archive));
  return model;
}

int RegisterUrl(Session& session, const RegisterOptions& options, std::string& model) {
  Prepared prepared;
  prepared.name = fs::path(options.source).stem().string();
  prepared.format = "ONNX";
  Result<json::object> config = FinalConfig({}, options.model);
  if (!config) return Fail(session.terminal, config.error());
  prepared.config = std::move(*config);
  json::object body = RegisterBody(prepared, options.model);
  body["url"] = options.source;
  if (!options.model.hash.empty()) body["model_content_hash_value"] = options.model.hash;
  const json::value request(std::move(body));
  Result<json::value> answer = session.api.Call("POST", std::string(kModels) + "_register", &request);
  if (!answer) return Fail(session.terminal, answer.error());
  Result<std::string> task = AnswerField(*answer, "task_id");
  if (!task) return Fail(session.terminal, task.error());
  session.terminal.Progress("downloading", 0, 0);
  json::object ended;
  if (const int code = WaitForTask(session, *task, "", ended); code != kOk) return code;
  Result<std::string> id = AnswerField(ended, "model_id");
  if (!id) return Fail(session.terminal, id.error());
  model = std::move(*id);
  return kOk;
}

int RegisterLocal(Session& session, const RegisterOptions& options, std::string& model) {
  TemporaryFile temporary;
  Result<Prepared> prepared =
      fs::is_directory(options.source) ? PrepareFolder(session, options, temporary) : PrepareArchive(options);
  if (!prepared) return Fail(session.terminal, prepared.error());
  Result<std::string> id = RegisterChunks(session, *prepared, options.model);
  if (!id) return Fail(session.terminal, id.error());
  model = std::move(*id);
  return kOk;
}

}  // namespace

int RunPack(Terminal& terminal, const PackOptions& options) {
  Result<ModelFolder> folder = ReadModelFolder(options.folder);
  if (!folder) return Fail(terminal, folder.error());
  Result<json::object> config = FinalConfig(folder->config, options.model);
  if (!config) return Fail(terminal, config.error());
  const std::string output =
      options.output.empty() ? fs::weakly_canonical(options.folder).filename().string() + ".zip" : options.output;
  Result<PackedArchive> archive =
      PackModelFolder(*folder, output, [&](double done) { terminal.Progress("packing", done, 1); });
  if (!archive) return Fail(terminal, archive.error());
  const json::object result = {{"archive", archive->file.string()},
                               {"model_content_hash_value", archive->sha256},
                               {"model_content_size_in_bytes", archive->bytes},
                               {"model_format", folder->format},
                               {"model_config", *config}};
  terminal.Result(result, FormatFields(result));
  return kOk;
}

int RunRegister(Session& session, const RegisterOptions& options) {
  std::string model;
  const int code =
      IsUrl(options.source) ? RegisterUrl(session, options, model) : RegisterLocal(session, options, model);
  if (code != kOk) return code;
  if (options.deploy) {
    session.terminal.Note("registered " + model);
    return RunDeploy(session, model, {}, true);
  }
  session.terminal.Result(json::object{{"model_id", model}}, model);
  return kOk;
}

}  // namespace mlnode::cli
