// connectors/compiled_connector.h: a connector made ready: secrets unsealed, templates and scripts parsed once; from an
// input to the requests that go out, and from a reply to tensors. It knows no socket: transport/remote_caller.h sends.
// Threads: any; immutable. Cost: proportional to the bytes; a script is bounded by its own limits (script/script.h).
// Not for an io thread.
#pragma once

#include <functional>
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
  std::string text = {};       // request.body before parameter charset encoded it; empty: request.body is UTF-8
  ActionType action = ActionType::kPredict;
};

class CompiledConnector {
 public:
  // `owner`: what the credentials were sealed for (the connector's document, or the model's of an inline one).
  // kFailedPrecondition, kDataLoss (credentials), kInvalidArgument (a script or template stored by another version).
  static Result<std::shared_ptr<const CompiledConnector>> Compile(Connector connector, const CredentialVault& vault,
                                                                  const storage::Key& owner);
  virtual ~CompiledConnector() = default;
  virtual const Connector& connector() const = 0;
  virtual bool Has(ActionType type) const = 0;
  // Whether all documents of this input, however many, go out in one call, so that its answer has the shape that the
  // answer to a longer input has (spec/remote §5.1).
  virtual bool TakesAllDocuments(const RemoteInput& input) const = 0;
  // One call, or several where documents are cut up (spec/remote §5.1), in order. `rules` judge each final URL.
  // kInvalidArgument in the peer's words, and for no documents at all; kUnimplemented: input_processors and
  // output_processors. At most kMaxCalls calls, of kMaxCallBytes in all (kTooLarge).
  static constexpr std::size_t kMaxCalls = 10'000;
  static constexpr std::size_t kMaxCallBytes = 512UL * 1024 * 1024;
  // `wanted`, when set, is asked before each call is made: its error ends the work. Templates of one Prepare scan
  // kMaxScannedInPrepare bytes at most (kTooLarge): twice what a single one may, so about a second of work.
  static constexpr std::size_t kMaxScannedInPrepare = 200UL * 1024 * 1024;
  using Wanted = std::function<Status()>;
  virtual Result<std::vector<PreparedCall>> Prepare(const RemoteInput& input, const EndpointRules& rules,
                                                    const Wanted& wanted) const = 0;
  // Of a reply of any status; an empty success of CANCEL_BATCH_PREDICT has no tensors. Errors are the table of
  // spec/remote §5.5 (kUpstream with the provider's status in Error::upstream_status). `max_json_bytes`:
  // plugins.ml_commons.max_json_size, -1: any.
  virtual Result<RemoteOutput> Interpret(const PreparedCall& call, const net::ClientReply& reply,
                                         std::int64_t max_json_bytes) const = 0;
  // A text of the provider for an error or a log: secrets hidden, cut (connectors/redactor.h).
  virtual std::string Redact(std::string_view text) const = 0;
  // In the body of a success, before anything reads it.
  virtual void HideSecrets(std::string& body) const = 0;
};

}  // namespace mlnode::connectors
