#include "models/input/register_input.h"

#include <re2/re2.h>

#include <cstdint>
#include <utility>

#include "models/input/common_fields.h"
#include "models/model_config.h"

namespace mlnode::models {
namespace {

constexpr std::size_t kMaxIdBytes = 512;

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }
Error WithReason(std::string reason, std::string message) {
  Error error = Invalid(std::move(message));
  error.reason = std::move(reason);
  return error;
}

enum class Form : std::uint8_t { kRegister, kMeta };

// Reads a body in the order the peer judges it: what a field alone shows to be wrong first, then what is missing.
class BodyReader {
 public:
  BodyReader(const json::object& body, Form form) : body_(body), form_(form) {}
  Result<RegisterInput> Read();

 private:
  Status ReadFunctionAndFormat();
  Status ReadConfig();
  Status ReadContent();
  Status ReadHash();
  Status ReadTotalChunks();
  Status ReadBehaviour();
  Status ReadConnector();
  Status CheckPresence() const;
  Model& model() { return input_.model; }

  const json::object& body_;
  const Form form_;
  RegisterInput input_;
  bool has_name_ = false;
};

Status BodyReader::ReadFunctionAndFormat() {
  ASSIGN_OR_RETURN(const std::optional<std::string> function, StringField(body_, "function_name"));
  if (function) {
    ASSIGN_OR_RETURN(model().function, ParseFunctionName(*function));
  }
  ASSIGN_OR_RETURN(std::optional<std::string> format, StringField(body_, "model_format"));
  if (!format) return {};
  if (form_ == Form::kRegister) {
    for (char& c : *format) c = (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  }
  for (engines::ModelFormat known : {engines::ModelFormat::kOnnx, engines::ModelFormat::kTorchScript}) {
    if (*format == FormatName(known)) model().format = known;
  }
  return model().format ? Status() : Invalid("Wrong model format");
}

Status BodyReader::ReadConfig() {
  ASSIGN_OR_RETURN(const json::object* config, ObjectField(body_, "model_config"));
  if (config == nullptr) return {};
  ASSIGN_OR_RETURN(model().config, NormalizeModelConfig(model().function, *config));
  return {};
}

Status BodyReader::ReadHash() {
  ASSIGN_OR_RETURN(std::optional<std::string> hash, StringField(body_, "model_content_hash_value"));
  if (!hash) return {};
  bool hex = hash->size() == 64;
  for (char& c : *hash) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    hex = hex && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
  }
  if (!hex)
    return Invalid("[model_content_hash_value] must be the SHA-256 of the archive as 64 hexadecimal digits, but has [" +
                   std::to_string(hash->size()) + "] characters or others than these digits");
  model().content_hash = std::move(hash);
  return {};
}

Status BodyReader::ReadContent() {
  RETURN_IF_ERROR(ReadHash());
  ASSIGN_OR_RETURN(model().content_bytes, IntField(body_, "model_content_size_in_bytes"));
  const std::int64_t bytes = model().content_bytes.value_or(1);
  if (bytes >= kMaxArchiveBytes) return Invalid("Model file size exceeds the limit of 4GB: " + std::to_string(bytes));
  if (bytes < 1)
    return Invalid("[model_content_size_in_bytes] must be positive, but was [" + std::to_string(bytes) + "]");
  return form_ == Form::kMeta ? ReadTotalChunks() : Status();
}

Status BodyReader::ReadTotalChunks() {
  const json::value* given = body_.if_contains("total_chunks");
  if (given == nullptr || given->is_null()) return {};
  if (given->is_string()) return Invalid("Integer value passed as String");
  ASSIGN_OR_RETURN(model().total_chunks, IntField(body_, "total_chunks"));
  const std::int64_t chunks = model().total_chunks.value_or(0);
  if (chunks < 1 || chunks > kMaxChunks)
    return Invalid("[total_chunks] must be between 1 and " + std::to_string(kMaxChunks) +
                   " (an archive is smaller than 4 GiB, a chunk has at most 10,000,000 bytes), but was [" +
                   std::to_string(chunks) + "]");
  return {};
}

Status BodyReader::ReadBehaviour() {
  ASSIGN_OR_RETURN(Behaviour behaviour, models::ReadBehaviour(body_));
  if (form_ == Form::kMeta) behaviour.settings.erase("guardrails");
  model().is_enabled = behaviour.is_enabled;
  model().passthrough = std::move(behaviour.settings);
  return {};
}

// Of a local model they mean nothing, as with the peer.
Status BodyReader::ReadConnector() {
  if (form_ == Form::kMeta || TraitsOf(model().function).local) return {};
  ASSIGN_OR_RETURN(std::optional<std::string> id, StringField(body_, "connector_id"));
  ASSIGN_OR_RETURN(const json::object* connector, ObjectField(body_, "connector"));
  if (id && connector != nullptr)
    return Invalid(
        "Model cannot have both stand-alone connector and internal connector. Please check your register input body.");
  if (id) model().connector_id = connectors::ConnectorId(*std::move(id));
  if (connector != nullptr) {
    ASSIGN_OR_RETURN(input_.connector, connectors::ParseInline(*connector));
  }
  return {};
}

Status BodyReader::CheckPresence() const {
  const Model& model = input_.model;
  if (!has_name_) return Invalid("model name is null");
  const bool remote = model.function == FunctionName::kRemote;
  if (!model.format && (form_ == Form::kMeta || !remote)) return Invalid("model format is null");
  if (form_ == Form::kMeta && !model.content_hash) return Invalid("model content hash value is null");
  const bool needs_config = form_ == Form::kMeta || input_.url.has_value();
  if (needs_config && !model.config && !TraitsOf(model.function).config_optional)
    return Invalid("model config is null");
  if (form_ == Form::kMeta && !model.total_chunks) return Invalid("total chunks field is null");
  return {};
}

Result<RegisterInput> BodyReader::Read() {
  RETURN_IF_ERROR(ReadFunctionAndFormat());
  RETURN_IF_ERROR(ReadConfig());
  RETURN_IF_ERROR(ReadContent());
  RETURN_IF_ERROR(ReadBehaviour());
  RETURN_IF_ERROR(ReadConnector());
  ASSIGN_OR_RETURN(input_.wants_access_control, WantsAccessControl(body_));
  ASSIGN_OR_RETURN(std::optional<std::string> name, StringField(body_, "name"));
  has_name_ = name.has_value();
  model().name = std::move(name).value_or("");
  ASSIGN_OR_RETURN(model().description, StringField(body_, "description"));
  ASSIGN_OR_RETURN(std::optional<std::string> group, StringField(body_, "model_group_id"));
  if (group && !group->empty()) input_.group = GroupId(std::move(*group));
  if (form_ == Form::kRegister) {
    ASSIGN_OR_RETURN(input_.url, StringField(body_, "url"));
    ASSIGN_OR_RETURN(input_.requested_version, StringField(body_, "version"));
    ASSIGN_OR_RETURN(auto nodes, StringsField(body_, "model_node_ids"));
    if (nodes) input_.deploy_node_ids = std::move(*nodes);
  }
  RETURN_IF_ERROR(CheckPresence());
  return std::move(input_);
}

// Step 3 of spec/lifecycle §2.2.
Status CheckFeatureFlags(FunctionName function, const config::Snapshot& settings) {
  if (!TraitsOf(function).local && !settings.Bool("plugins.ml_commons.remote_inference.enabled"))
    return WithReason("status_exception",
                      "Remote Inference is currently disabled. To enable it, update the setting "
                      "\"plugins.ml_commons.remote_inference_enabled\" to true.");
  if (TraitsOf(function).local && !settings.Bool("plugins.ml_commons.local_model.enabled"))
    return WithReason("status_exception",
                      "Local Model is currently disabled. To enable it, update the setting "
                      "\"plugins.ml_commons.local_model.enabled\" to true.");
  return {};
}

// Step 4: the letters a name, a description and provisioned_by may have.
Status CheckTexts(const RegisterInput& input, const json::object& body) {
  TextCheck texts;
  texts.Required("Model name", input.model.name);
  if (input.model.description) texts.Allowed("Model description", *input.model.description);
  ASSIGN_OR_RETURN(const std::optional<std::string> provisioned, StringField(body, "provisioned_by"));
  if (provisioned) texts.Allowed("Model provisioned_by field", *provisioned);
  return texts.Outcome();
}

// Step 5: a document id of the caller's choice; empty when there is none.
Result<ModelId> ReadModelId(const json::object& body) {
  ASSIGN_OR_RETURN(std::optional<std::string> id, StringField(body, "model_id"));
  if (!id) return ModelId();
  if (IsBlank(*id)) return Invalid("model id is invalid");
  if (id->front() == '_' || id->front() == '-')
    return Invalid(std::string("model id must not start with '") + id->front() + "'");
  if (id->size() > kMaxIdBytes) return Invalid("model id is too long, max length is 512");
  static const RE2 id_pattern("[a-zA-Z0-9][a-zA-Z0-9_-]*");
  if (!RE2::FullMatch(*id, id_pattern))
    return Invalid(
        "model id must contain only letters, digits, underscores, and hyphens, and must start with a letter or digit");
  return ModelId(std::move(*id));
}

}  // namespace

Result<RegisterInput> ParseRegister(const json::object& body, const config::Snapshot& settings) {
  BodyReader reader(body, Form::kRegister);
  ASSIGN_OR_RETURN(RegisterInput input, reader.Read());
  RETURN_IF_ERROR(CheckFeatureFlags(input.model.function, settings));
  RETURN_IF_ERROR(CheckTexts(input, body));
  ASSIGN_OR_RETURN(input.model.id, ReadModelId(body));
  if (input.url && !settings.Bool("plugins.ml_commons.allow_registering_model_via_url"))
    return Invalid(
        "To upload custom model user needs to enable allow_registering_model_via_url settings. Otherwise please use "
        "OpenSearch "
        "pre-trained models.");
  return input;
}

Result<RegisterInput> ParseRegisterMeta(const json::object& body, const config::Snapshot& settings) {
  if (!settings.Bool("plugins.ml_commons.allow_registering_model_via_local_file"))
    return Invalid(
        "To upload custom model from local file, user needs to enable allow_registering_model_via_local_file settings. "
        "Otherwise "
        "please use opensearch pre-trained models");
  BodyReader reader(body, Form::kMeta);
  ASSIGN_OR_RETURN(RegisterInput input, reader.Read());
  ASSIGN_OR_RETURN(input.model.id, ReadModelId(body));
  return input;
}

}  // namespace mlnode::models
