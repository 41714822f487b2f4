#include "connectors/compiled_connector.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "connectors/connector_keys.h"
#include "connectors/mapping/post_process.h"
#include "connectors/mapping/pre_process.h"
#include "connectors/redactor.h"
#include "connectors/reply_check.h"
#include "connectors/templates/action_url.h"
#include "connectors/templates/charset.h"
#include "connectors/templates/json_text.h"
#include "connectors/templates/payload.h"
#include "connectors/transport/sigv4.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kDefaultPreProcess = "connector.pre_process.default.embedding";
constexpr std::string_view kStepSize = "input_docs_processed_step_size";
constexpr std::string_view kProcessNative = "pre_process_function.process_remote_inference_input";
constexpr std::array<std::string_view, 4> kMethods{"POST", "GET", "PUT", "DELETE"};

struct CompiledAction {
  Action action;
  std::shared_ptr<const PreProcess> pre;  // null: none
  std::shared_ptr<const PostProcess> post;
};

Error Mistake(std::string text) { return MakeError(Code::kInvalidArgument, std::move(text)); }

Result<CompiledAction> CompileAction(Action action) {
  CompiledAction compiled;
  std::ranges::transform(action.method, action.method.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; });
  RETURN_IF_ERROR(CheckHeaderTemplates(action));
  if (action.pre_process_function && !action.pre_process_function->empty()) {
    ASSIGN_OR_RETURN(compiled.pre, PreProcess::Make(*action.pre_process_function));
  }
  ASSIGN_OR_RETURN(compiled.post, PostProcess::Make(action.post_process_function.value_or("")));
  compiled.action = std::move(action);
  return compiled;
}

// Documents [first, first + count) of the input; {0, 0}: none.
struct Range {
  std::size_t first = 0, count = 0;
};

Result<std::size_t> StepSize(const std::string& text) {
  std::int64_t size = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (failed != std::errc() || end != text.data() + text.size() || size <= 0)
    return Mistake("Invalid parameter: " + std::string(kStepSize) + ". It must be positive integer.");
  return static_cast<std::size_t>(size);
}

// spec/remote §5.1.
Result<std::vector<Range>> Cut(const RemoteInput& input, const PreProcess* pre, const Parameters& parameters) {
  if (!input.has_docs) return std::vector<Range>{Range{}};
  const std::size_t documents = input.documents.size();
  if (documents == 0) return Mistake("text_docs must hold at least one document");
  std::size_t step = pre == nullptr || pre->TakesAllDocuments() ? documents : 1;
  if (const auto given = parameters.find(kStepSize); given != parameters.end()) {
    ASSIGN_OR_RETURN(step, StepSize(given->second));
  }
  if (input.query) step = documents;  // a score counts among the others of its query
  const std::size_t calls = documents / step + (documents % step == 0 ? 0 : 1);
  if (calls > CompiledConnector::kMaxCalls)
    return Mistake(std::to_string(documents) + " documents would be " + std::to_string(calls) +
                   " requests to the remote service; the limit is " + std::to_string(CompiledConnector::kMaxCalls));
  std::vector<Range> ranges;
  ranges.reserve(calls);
  for (std::size_t first = 0; first < documents; first += step)
    ranges.push_back({.first = first, .count = std::min(step, documents - first)});
  return ranges;
}

std::size_t Bytes(const PreparedCall& call) {
  std::size_t bytes = call.request.body.size() + call.request.url.size() + call.text.size();
  for (const auto& [name, value] : call.parameters) bytes += name.size() + value.size();
  return bytes;
}

Status CheckProcessors(const Parameters& parameters) {
  for (const char* name : {"input_processors", "output_processors"})
    if (parameters.contains(std::string_view(name)))
      return MakeError(Code::kUnimplemented, "parameter " + std::string(name) + " is not supported by this node");
  return {};
}

// Region and service of aws_sigv4 may lie among the credentials; they stand in every ARN.
Redactor ToHide(Protocol protocol, Secrets secrets) {
  if (protocol == Protocol::kAwsSigv4) {
    secrets.erase("region");
    secrets.erase("service_name");
  }
  return Redactor(secrets);
}

class Compiled final : public CompiledConnector {
 public:
  Compiled(Connector connector, Secrets secrets)
      : connector_(std::move(connector)),
        secrets_(std::move(secrets)),
        redactor_(ToHide(connector_.protocol, secrets_)) {}

  Status CompileActions() {
    ASSIGN_OR_RETURN(signing_, SigningKeyOf(connector_, secrets_));
    ASSIGN_OR_RETURN(identity_, CertificateOf(connector_, secrets_));
    ASSIGN_OR_RETURN(default_pre_, PreProcess::Make(kDefaultPreProcess));
    for (const Action& action : connector_.actions) {
      ASSIGN_OR_RETURN(CompiledAction compiled, CompileAction(action));
      actions_.push_back(std::move(compiled));
    }
    return {};
  }

  const Connector& connector() const override { return connector_; }
  bool Has(ActionType type) const override { return FindAction(type) != nullptr; }

  bool TakesAllDocuments(const RemoteInput& input) const override {
    const CompiledAction* compiled = FindAction(input.action);
    if (compiled == nullptr || !input.has_docs) return false;
    if (input.parameters.contains(kStepSize) || connector_.parameters.contains(std::string(kStepSize))) return false;
    return compiled->pre == nullptr || compiled->pre->TakesAllDocuments();
  }

  Result<std::vector<PreparedCall>> Prepare(const RemoteInput& input, const EndpointRules& rules,
                                            const Wanted& wanted) const override {
    const CompiledAction* compiled = FindAction(input.action);
    if (compiled == nullptr) return Mistake("no " + std::string(ActionTypeName(input.action)) + " action found");
    const Parameters request = AsText(input.parameters);
    Parameters raw = request;
    raw.insert(connector_.parameters.begin(), connector_.parameters.end());
    RETURN_IF_ERROR(CheckProcessors(raw));
    const PreProcess* pre = compiled->pre.get();
    if (pre == nullptr && input.has_docs) {
      if (input.query) return Mistake("pre_process_function not defined in connector");
      pre = default_pre_.get();
    }
    ASSIGN_OR_RETURN(const std::vector<Range> ranges, Cut(input, pre, raw));
    std::vector<PreparedCall> calls;
    calls.reserve(ranges.size());
    std::size_t bytes = 0;
    std::size_t scan_left = kMaxScannedInPrepare;
    for (const Range& range : ranges) {
      if (wanted) RETURN_IF_ERROR(wanted());
      ASSIGN_OR_RETURN(const Parameters made, PreProcessed(input, range, pre, raw));
      Parameters merged = Merge(connector_.parameters, request, made);
      DropNulls(compiled->action, input.parameters, merged);
      ASSIGN_OR_RETURN(PreparedCall call, MakeCall(compiled->action, std::move(merged), rules, scan_left));
      call.documents = range.count;
      bytes += Bytes(call);
      if (bytes > kMaxCallBytes)
        return MakeError(Code::kTooLarge, "the requests to the remote service would be longer than the limit of " +
                                              std::to_string(kMaxCallBytes) + " bytes in all");
      calls.push_back(std::move(call));
    }
    return calls;
  }

  Result<RemoteOutput> Interpret(const PreparedCall& call, const net::ClientReply& reply,
                                 std::int64_t max_json_bytes) const override {
    // SageMaker and Bedrock have nothing to say to a cancellation that they take.
    const bool good = reply.status >= 200 && reply.status < 300;
    if (call.action == ActionType::kCancelBatchPredict && good && reply.body.empty())
      return RemoteOutput{.status = reply.status};
    RETURN_IF_ERROR(CheckReply(reply, max_json_bytes, redactor_));
    const CompiledAction* compiled = FindAction(call.action);
    if (compiled == nullptr) return Mistake("no " + std::string(ActionTypeName(call.action)) + " action found");
    RemoteOutput output{.status = reply.status};
    ASSIGN_OR_RETURN(output.tensors, compiled->post->Run(reply.body, call.parameters));
    return output;
  }

  std::string Redact(std::string_view text) const override { return redactor_.Shown(text); }
  void HideSecrets(std::string& body) const override { redactor_.HideInAnswer(body); }

 private:
  const CompiledAction* FindAction(ActionType type) const {
    const auto found = std::ranges::find(actions_, type, [](const CompiledAction& a) { return a.action.type; });
    return found == actions_.end() ? nullptr : &*found;
  }

  // Native parameters pass by every built-in, and by a script unless it asks for them.
  static Result<Parameters> PreProcessed(const RemoteInput& input, const Range& range, const PreProcess* pre,
                                         const Parameters& raw) {
    if (pre == nullptr) return Parameters{};
    const auto asked = raw.find(kProcessNative);
    if (!input.has_docs && (!pre->IsScript() || asked == raw.end() || !IsTrue(asked->second))) return Parameters{};
    return pre->Run(input, range.first, range.count, raw);
  }

  // Keeps the text beside its encoded form: guardrails judge the text.
  static Status EncodeBody(PreparedCall& call, const Parameters& merged) {
    const auto charset = merged.find("charset");
    if (charset == merged.end()) return {};
    ASSIGN_OR_RETURN(std::string encoded, Encode(call.request.body, charset->second));
    if (encoded != call.request.body) call.text = std::exchange(call.request.body, std::move(encoded));
    return {};
  }

  Result<PreparedCall> MakeCall(const Action& action, Parameters merged, const EndpointRules& rules,
                                std::size_t& scan_left) const {
    if (std::ranges::find(kMethods, action.method) == kMethods.end()) return Mistake("unsupported http method");
    PreparedCall call{.action = action.type};
    ASSIGN_OR_RETURN(call.request.body, MakeBody(action, merged, &scan_left));
    RETURN_IF_ERROR(EncodeBody(call, merged));
    ASSIGN_OR_RETURN(call.request.url, MakeUrl(action, connector_.parameters, merged));
    RETURN_IF_ERROR(rules.CheckUrl(call.request.url));
    ASSIGN_OR_RETURN(call.request.headers, MakeHeaders(action, secrets_, merged, &scan_left));
    call.request.method = action.method;
    call.request.signing = signing_;
    call.request.identity = identity_;
    HashBody(call.request);
    call.parameters = std::move(merged);
    return call;
  }

  const Connector connector_;
  const Secrets secrets_;
  const Redactor redactor_;
  std::shared_ptr<const SigningKey> signing_;
  std::shared_ptr<const ClientCertificate> identity_;
  std::shared_ptr<const PreProcess> default_pre_;
  std::vector<CompiledAction> actions_;
};

}  // namespace

Result<std::shared_ptr<const CompiledConnector>> CompiledConnector::Compile(Connector connector,
                                                                            const CredentialVault& vault,
                                                                            const storage::Key& owner) {
  ASSIGN_OR_RETURN(Secrets secrets, UnsealAll(vault, connector.credential, owner));
  auto compiled = std::make_shared<Compiled>(std::move(connector), std::move(secrets));
  RETURN_IF_ERROR(compiled->CompileActions());
  return std::shared_ptr<const CompiledConnector>(std::move(compiled));
}

}  // namespace mlnode::connectors
