// connectors/compiled_connector.h: a connector made ready: secrets unsealed, templates and scripts parsed once; from an
// input to the requests that go out, and from a reply to tensors. It knows no socket: transport/remote_caller.h sends.
// Threads: any; immutable. Cost: proportional to the bytes; a script is bounded by its own limits (script/script.h).
// Not for an io thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/credential_vault.h"
#include "connectors/endpoint_rules.h"
#include "connectors/transport/remote_caller.h"

namespace mlnode::connectors {

// What is asked of a remote model, whatever the route (spec/remote §5).
struct RemoteInput {
  ActionType action = ActionType::kPredict;
  std::string algorithm = "REMOTE";  // of the route: "TEXT_EMBEDDING", ...; what a script sees
  // Native route: the request's "parameters". Of the docs routes: its algorithm parameters, usually empty.
  json::object parameters;
  bool has_docs = false;                              // a docs route: text_docs or a query and documents
  std::vector<std::optional<std::string>> documents;  // null entries are allowed (image, text)
  std::optional<std::string> query;                   // text_similarity
};

// One tensor of the answer (spec/remote §5.3, 5.5), as the provider's numbers say.
struct RemoteTensor {
  std::string name;
  std::string data_type = {};            // "FLOAT32", "INT8", ...; empty: not shown
  std::vector<std::int64_t> shape = {};  // empty: not shown
  std::vector<double> data = {};         // doubles: shown as the provider's numbers
  std::optional<std::string> result = {};
  std::string data_as_map = {};  // JSON text of an object, compact; empty: absent
};
struct RemoteOutput {
  int status = 200;
  std::vector<RemoteTensor> tensors = {};
  std::uint64_t tokens = 0;  // that the provider counted, where whoever ran the call noted it; Interpret does not
};

// What went out, and what is needed to read the answer.
struct PreparedCall {
  OutgoingRequest request = {};
  Parameters parameters = {};  // merged: response_filter and others count when the answer is read
  std::size_t documents = 0;   // of the input that this call carries; 0: unknown
  ActionType action = ActionType::kPredict;
};

class CompiledConnector {
 public:
  // `owner`: what the credentials were sealed for (connector id, or model id of an inline one). kFailedPrecondition,
  // kDataLoss (credentials), kInvalidArgument (a script or template stored by another version).
  static Result<std::shared_ptr<const CompiledConnector>> Compile(Connector connector, const CredentialVault& vault,
                                                                  std::string_view owner);
  virtual ~CompiledConnector() = default;
  virtual const Connector& connector() const = 0;
  virtual bool Has(ActionType type) const = 0;
  // One call, or several where documents are cut up (spec/remote §5.1), in order. `rules` judge each final URL.
  // kInvalidArgument in the peer's words, and for no documents at all; kUnimplemented: input_processors and
  // output_processors. At most kMaxCalls calls, of kMaxCallBytes in all (kTooLarge).
  static constexpr std::size_t kMaxCalls = 10'000;
  static constexpr std::size_t kMaxCallBytes = 512UL * 1024 * 1024;
  virtual Result<std::vector<PreparedCall>> Prepare(const RemoteInput& input, const EndpointRules& rules) const = 0;
  // Of a reply of any status: errors are the table of spec/remote §5.5 (kUpstream with the provider's status in
  // Error::upstream_status). `max_json_bytes`: plugins.ml_commons.max_json_size, -1: any.
  virtual Result<RemoteOutput> Interpret(const PreparedCall& call, const net::ClientReply& reply,
                                         std::int64_t max_json_bytes) const = 0;
};

}  // namespace mlnode::connectors
