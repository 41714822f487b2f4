#include "models/model.h"

#include <fmt/format.h>

#include <array>
#include <numeric>
#include <utility>

#include "models/input/register_input.h"
#include "storage/document_format.h"

namespace mlnode::models {
namespace {

constexpr std::string_view kOwn = "_mlnode";
constexpr std::array<std::string_view, 4> kPassthrough = {"deploy_setting", "rate_limiter", "guardrails", "interface"};

// Reads one stored document; every wrong field is the same kind of error, remembered by the first.
class ModelReader {
 public:
  explicit ModelReader(const storage::Document& document) : document_(document) {}
  Result<Model> Read();

 private:
  Error Damaged(std::string_view field) const {
    return MakeError(Code::kDataLoss, "model " + document_.key.id + ": stored field [" + std::string(field) +
                                          "] is missing or malformed");
  }
  template <class T>
  Result<T> Optional(Result<T> field, std::string_view name) const {
    if (!field) return Damaged(name);
    return field;
  }
  template <class T>
  Result<T> Required(Result<std::optional<T>> field, std::string_view name) const {
    if (!field || !field->has_value()) return Damaged(name);
    return std::move(**field);
  }
  Status ReadIdentity(Model& model) const;
  Status ReadContent(Model& model) const;
  Status ReadTimes(Model& model) const;
  Status ReadOwn(Model& model) const;
  const storage::Document& document_;
};

Status ModelReader::ReadIdentity(Model& model) const {
  const json::object& body = document_.body;
  ASSIGN_OR_RETURN(model.name, Required(StringField(body, "name"), "name"));
  ASSIGN_OR_RETURN(const std::string function, Required(StringField(body, "algorithm"), "algorithm"));
  const Result<FunctionName> known = ParseFunctionName(function);
  if (!known) return Damaged("algorithm");
  model.function = *known;
  ASSIGN_OR_RETURN(model.version, Required(StringField(body, "model_version"), "model_version"));
  ASSIGN_OR_RETURN(std::string group, Required(StringField(body, "model_group_id"), "model_group_id"));
  model.group = GroupId(std::move(group));
  ASSIGN_OR_RETURN(model.description, Optional(StringField(body, "description"), "description"));
  ASSIGN_OR_RETURN(const std::optional<std::string> format,
                   Optional(StringField(body, "model_format"), "model_format"));
  if (!format) return {};
  if (*format == FormatName(engines::ModelFormat::kOnnx)) {
    model.format = engines::ModelFormat::kOnnx;
  } else if (*format == FormatName(engines::ModelFormat::kTorchScript)) {
    model.format = engines::ModelFormat::kTorchScript;
  } else {
    return Damaged("model_format");
  }
  return {};
}

Status ModelReader::ReadContent(Model& model) const {
  const json::object& body = document_.body;
  ASSIGN_OR_RETURN(const json::object* config, Optional(ObjectField(body, "model_config"), "model_config"));
  if (config != nullptr) model.config = *config;
  ASSIGN_OR_RETURN(model.content_hash,
                   Optional(StringField(body, "model_content_hash_value"), "model_content_hash_value"));
  ASSIGN_OR_RETURN(model.content_bytes,
                   Optional(IntField(body, "model_content_size_in_bytes"), "model_content_size_in_bytes"));
  ASSIGN_OR_RETURN(model.total_chunks, Optional(IntField(body, "total_chunks"), "total_chunks"));
  ASSIGN_OR_RETURN(model.is_enabled, Optional(BoolField(body, "is_enabled"), "is_enabled"));
  ASSIGN_OR_RETURN(std::optional<std::string> connector_id,
                   Optional(StringField(body, "connector_id"), "connector_id"));
  if (connector_id) model.connector_id = connectors::ConnectorId(*std::move(connector_id));
  ASSIGN_OR_RETURN(const json::object* connector, Optional(ObjectField(body, "connector"), "connector"));
  if (connector != nullptr) {
    ASSIGN_OR_RETURN(model.connector, Optional(connectors::ReadInlineConnector(*connector), "connector"));
  }
  model.shows_id = body.contains("model_id");
  for (std::string_view key : kPassthrough) {
    if (const json::value* value = body.if_contains(key)) model.passthrough[key] = *value;
  }
  return {};
}

Status ModelReader::ReadTimes(Model& model) const {
  const json::object& body = document_.body;
  ASSIGN_OR_RETURN(model.created_time, Required(IntField(body, "created_time"), "created_time"));
  ASSIGN_OR_RETURN(model.last_updated_time, Optional(IntField(body, "last_updated_time"), "last_updated_time"));
  ASSIGN_OR_RETURN(model.last_registered_time,
                   Optional(IntField(body, "last_registered_time"), "last_registered_time"));
  ASSIGN_OR_RETURN(const std::string state, Required(StringField(body, "model_state"), "model_state"));
  if (state != "REGISTERING" && state != "REGISTERED") return Damaged("model_state");
  model.registration = state == "REGISTERED" ? Registration::kRegistered : Registration::kRegistering;
  return {};
}

Status ModelReader::ReadOwn(Model& model) const {
  ASSIGN_OR_RETURN(const json::object* own, Optional(ObjectField(document_.body, kOwn), kOwn));
  if (own == nullptr) return Damaged(kOwn);
  ASSIGN_OR_RETURN(std::string upload, Required(StringField(*own, "upload"), "_mlnode.upload"));
  model.upload = UploadId(std::move(upload));
  ASSIGN_OR_RETURN(std::optional<std::string> task,
                   Optional(StringField(*own, "register_task"), "_mlnode.register_task"));
  if (task) model.register_task = TaskId(std::move(*task));
  const json::value* parts = own->if_contains("received_parts");
  if (parts == nullptr) return {};
  if (!parts->is_array()) return Damaged("_mlnode.received_parts");
  for (const json::value& part : parts->get_array()) {
    boost::system::error_code failed;
    const auto number = part.is_number() ? part.to_number<std::int64_t>(failed) : -1;
    const bool ascending = model.received_parts.empty() || number > model.received_parts.back();
    if (failed || number < 0 || number > UINT32_MAX || !ascending) return Damaged("_mlnode.received_parts");
    model.received_parts.push_back(static_cast<std::uint32_t>(number));
  }
  return {};
}

Result<Model> ModelReader::Read() {
  RETURN_IF_ERROR(storage::CheckFormat(document_));
  Model model;
  model.id = ModelId(document_.key.id);
  RETURN_IF_ERROR(ReadIdentity(model));
  RETURN_IF_ERROR(ReadContent(model));
  RETURN_IF_ERROR(ReadTimes(model));
  RETURN_IF_ERROR(ReadOwn(model));
  model.revision = document_.revision;
  model.doc_version = document_.version;
  return model;
}

template <class T>
void Put(json::object& out, std::string_view key, const std::optional<T>& value) {
  if (value) out[key] = *value;
}

void PutPassthrough(json::object& out, const Model& model, std::string_view key) {
  if (const json::value* value = model.passthrough.if_contains(key)) out[key] = *value;
}

}  // namespace

Result<Model> ReadModel(const storage::Document& document) { return ModelReader(document).Read(); }

Result<UploadId> UploadOf(const storage::Document& document) {
  RETURN_IF_ERROR(storage::CheckFormat(document));
  const Result<const json::object*> own = ObjectField(document.body, kOwn);
  if (own && *own != nullptr) {
    Result<std::optional<std::string>> upload = StringField(**own, "upload");
    if (upload && upload->has_value()) return UploadId(std::move(**upload));
  }
  return MakeError(Code::kDataLoss,
                   "model " + document.key.id + ": stored field [_mlnode.upload] is missing or malformed");
}

Result<storage::NeededParts> StoredParts(const storage::Document& document) {
  if (document.key.collection != storage::Collection::kModels) return storage::NeededParts();
  ASSIGN_OR_RETURN(Model model, ReadModel(document));
  storage::NeededParts needed{.upload = std::move(model.upload), .numbers = std::move(model.received_parts)};
  if (model.registration == Registration::kRegistering) return needed;
  const std::int64_t chunks = model.total_chunks.value_or(0);
  if (chunks < 0 || chunks > kMaxChunks) {
    return MakeError(Code::kDataLoss, fmt::format("model {}: total_chunks is {}", document.key.id, chunks));
  }
  needed.numbers.resize(static_cast<std::size_t>(chunks));
  std::iota(needed.numbers.begin(), needed.numbers.end(), 0U);
  return needed;
}

json::object PublicForm(const Model& model) {
  json::object out;
  out["name"] = model.name;
  out["model_group_id"] = model.group.str();
  out["algorithm"] = TraitsOf(model.function).name;
  out["model_version"] = model.version;
  Put(out, "description", model.description);
  if (model.format) out["model_format"] = FormatName(*model.format);
  out["model_state"] = model.registration == Registration::kRegistered ? "REGISTERED" : "REGISTERING";
  Put(out, "model_content_size_in_bytes", model.content_bytes);
  Put(out, "model_content_hash_value", model.content_hash);
  Put(out, "model_config", model.config);
  PutPassthrough(out, model, "deploy_setting");
  Put(out, "is_enabled", model.is_enabled);
  PutPassthrough(out, model, "rate_limiter");
  out["created_time"] = model.created_time;
  Put(out, "last_updated_time", model.last_updated_time);
  Put(out, "last_registered_time", model.last_registered_time);
  if (model.shows_id) out["model_id"] = model.id.str();
  Put(out, "total_chunks", model.total_chunks);
  PutPassthrough(out, model, "guardrails");
  PutPassthrough(out, model, "interface");
  out["is_hidden"] = false;
  if (model.connector) out["connector"] = connectors::PublicForm(*model.connector);
  if (model.connector_id) out["connector_id"] = model.connector_id->str();
  return out;
}

json::object StoredForm(const Model& model) {
  json::object out = PublicForm(model);
  json::object own;
  own["upload"] = model.upload.str();
  if (!model.received_parts.empty())
    own["received_parts"] = json::array(model.received_parts.begin(), model.received_parts.end());
  if (model.register_task) own["register_task"] = model.register_task->str();
  if (model.connector) out["connector"] = connectors::StoredForm(*model.connector);
  out[kOwn] = std::move(own);
  return out;
}

json::object ChunkForm(const Model& model, std::uint32_t chunk_number) {
  json::object out;
  out["model_id"] = model.id.str();
  out["model_group_id"] = model.group.str();
  out["algorithm"] = TraitsOf(model.function).name;
  out["model_version"] = model.version;
  if (model.format) out["model_format"] = FormatName(*model.format);
  out["chunk_number"] = chunk_number;
  Put(out, "total_chunks", model.total_chunks);
  return out;
}

std::string_view FormatName(engines::ModelFormat format) {
  return format == engines::ModelFormat::kOnnx ? "ONNX" : "TORCH_SCRIPT";
}

}  // namespace mlnode::models
