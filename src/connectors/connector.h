// connectors/connector.h: the connector document: how a model that is hosted elsewhere is asked. Format:
// docs/formats/connector.md. A Connector never holds a secret in clear: `credential` is what CredentialVault::Seal made
// of each value, and only connectors/compiled_connector.cc asks for the clear text.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "core/json.h"
#include "core/result.h"
#include "storage/store.h"

namespace mlnode::connectors {

using ConnectorId = Id<struct ConnectorTag>;

// By name; every value is text, other JSON values as compact JSON (spec/remote §1.1).
using Parameters = std::map<std::string, std::string, std::less<>>;
// Values in clear. Never stored, logged or put into an error.
using Secrets = std::map<std::string, std::string, std::less<>>;

enum class Protocol : std::uint8_t { kHttp, kAwsSigv4 };
std::string_view ProtocolName(Protocol protocol);  // "http", "aws_sigv4"

enum class ActionType : std::uint8_t { kPredict, kExecute, kBatchPredict, kCancelBatchPredict, kBatchPredictStatus };
std::string_view ActionTypeName(ActionType type);  // "PREDICT", ...
// Case-insensitive. kInvalidArgument in the peer's words.
Result<ActionType> ParseActionType(std::string_view name);

// spec/remote §2.
struct Action {
  ActionType type = ActionType::kPredict;
  std::optional<std::string> name;
  std::string method;                                        // as given
  std::string url;                                           // with ${parameters.x}
  std::vector<std::pair<std::string, std::string>> headers;  // in the order given
  std::optional<std::string> request_body, pre_process_function, post_process_function;
  std::optional<bool> supports_structured_output;
};

enum class BackoffPolicy : std::uint8_t { kConstant, kExponentialEqualJitter, kExponentialFullJitter };

// spec/remote §3: the defaults are the peer's.
struct ClientConfig {
  std::int64_t max_connection = 30;  // requests under way at once, per connector and node
  std::chrono::milliseconds connection_timeout{30'000};
  std::chrono::milliseconds read_timeout{30'000};
  std::chrono::milliseconds retry_backoff{200};
  std::chrono::milliseconds retry_timeout{30'000};
  std::int64_t max_retry_times = 0;  // -1: until retry_timeout
  BackoffPolicy retry_backoff_policy = BackoffPolicy::kConstant;
  bool skip_ssl_verification = false;
  bool mutual_tls_enabled = false;
  bool pkcs12 = false;  // keystore_type; else PEM
  // Ours, under "_mlnode" of client_config: many small embedding requests become one call of the provider. 0: off.
  std::int64_t batch_max_documents = 0;
  std::chrono::milliseconds batch_max_delay{5};
};

struct Connector {
  ConnectorId id;  // empty: inline, in a model's document
  std::optional<std::string> name, version, description, provisioned_by;
  Protocol protocol = Protocol::kHttp;
  Parameters parameters;
  std::map<std::string, std::string, std::less<>> credential;  // sealed
  std::vector<Action> actions;
  std::optional<ClientConfig> client_config;  // nullopt: defaults, and none is shown
  json::object passthrough;                   // shown as given: backend_roles, owner, access, tenant_id
  EpochMillis created_time = 0, last_updated_time = 0;
  std::uint64_t revision = 0, doc_version = 0;  // of the document this was read from

  // The first action of this type; nullptr.
  const Action* Find(ActionType type) const;
};

// Of a connector document, or of the "connector" object in a model's document (id empty). kDataLoss names the field.
Result<Connector> ReadConnector(const storage::Document& document);
Result<Connector> ReadInlineConnector(const json::object& stored);
json::object StoredForm(const Connector& connector);
// What GET shows, fields in the peer's order (spec/remote §1); no credential.
json::object PublicForm(const Connector& connector);

}  // namespace mlnode::connectors
