// models/model.h: the model document. It says what was registered; where it runs is the plan's and the placements'
// business (deploy/plan.h), and model_state is derived from all three on read (deploy/deployment.h). Format:
// docs/formats/model.md. The stored object has the peer's field names; what only we need stands under "_mlnode".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/result.h"
#include "engines/engine.h"
#include "models/function_traits.h"
#include "storage/store.h"
#include "storage/transfer.h"

namespace mlnode::models {

enum class Registration : std::uint8_t { kRegistering, kRegistered };

struct Model {
  ModelId id;
  std::string name;
  FunctionName function = FunctionName::kTextEmbedding;
  std::string version;  // the group's counter, "1", "2", ...
  GroupId group;
  std::optional<engines::ModelFormat> format;
  std::optional<std::string> description;
  std::optional<json::object> config;       // as NormalizeModelConfig left it
  std::optional<std::string> content_hash;  // lower-case hex SHA-256 of the archive
  std::optional<std::int64_t> content_bytes;
  std::optional<std::int64_t> total_chunks;
  std::optional<bool> is_enabled;
  // Stored and shown as given: rate_limiter, deploy_setting, interface, guardrails.
  json::object passthrough;
  // Of a remote model exactly one: a stand-alone connector, or its own, whose credential is sealed for the model's id.
  std::optional<connectors::ConnectorId> connector_id;
  std::optional<connectors::Connector> connector;
  EpochMillis created_time = 0;
  std::optional<EpochMillis> last_updated_time, last_registered_time;
  Registration registration = Registration::kRegistering;
  bool shows_id = false;  // the document carries its id in model_id, as the peer's does after an update

  // --- under "_mlnode"
  UploadId upload;  // whose parts are the archive
  std::vector<std::uint32_t>
      received_parts;  // chunked form: ascending; complete when all of 0..total_chunks-1 are here
  std::optional<TaskId>
      register_task;  // URL form, remote: registers it; REGISTERING: its owner (repairer: models/registration_repair.h)

  std::uint64_t revision = 0, doc_version = 0;  // of the document this was read from
};

Result<Model> ReadModel(const storage::Document& document);  // kDataLoss names the field
// The upload alone, also of a document that is damaged elsewhere. kDataLoss.
Result<UploadId> UploadOf(const storage::Document& document);
// The chunk parts that the document stands on: of a registered model all of total_chunks, of one that is being
// registered by chunks those that were received, else none; none for a document of another collection. kDataLoss: the
// model's document is damaged, or written by a newer version.
Result<storage::NeededParts> StoredParts(const storage::Document& document);
json::object StoredForm(const Model& model);
// What GET and searches show but for the deployment fields; no "_mlnode", no credential.
json::object PublicForm(const Model& model);
// The document a chunk looks like to searches and GET: id "<model>_<n>" (spec/lifecycle §6.1), without content.
json::object ChunkForm(const Model& model, std::uint32_t chunk_number);
std::string_view FormatName(engines::ModelFormat format);  // "ONNX", "TORCH_SCRIPT"

}  // namespace mlnode::models
