#include "serving/remote/remote_flow.h"

#include <utility>

#include "serving/remote/guard.h"

namespace mlnode::serving {
namespace {

// What is judged is what the provider reads: a caller does not choose the character set of a guarded model.
constexpr std::string_view kCharset = "charset";

bool GuardsInput(const RemoteTerms& terms, const PredictRequest& request) {
  return terms.guardrails && IsGuarded(request.remote->action);
}

std::shared_ptr<Counter> ModelCounter(Metrics& metrics, const char* name, const char* help, const ModelId& model) {
  return metrics.OwnCounter(name, help, {{"model", model.str()}});
}

}  // namespace

RemoteSite::RemoteSite(const RemoteEnvironment& e, std::shared_ptr<ServedModel> m)
    : environment(e),
      model(std::move(m)),
      calls(ModelCounter(e.metrics, "mlnode_model_remote_calls_total",
                         "Calls of a remote model's provider, retries not counted.", model->remote->model())),
      failures(ModelCounter(e.metrics, "mlnode_model_remote_failures_total",
                            "Calls of a remote model's provider that failed.", model->remote->model())) {}

void RemoteSite::CountCall(std::size_t documents) {
  costs.calls.fetch_add(1, std::memory_order_relaxed);
  costs.documents.fetch_add(documents, std::memory_order_relaxed);
  calls->Add();
}

void RemoteSite::CountAnswer(const Result<net::ClientReply>& reply) {
  if (!reply || reply->status < 200 || reply->status > 300) {
    costs.failures.fetch_add(1, std::memory_order_relaxed);
    failures->Add();
  }
}

std::uint64_t RemoteSite::CountTokens(const connectors::Usage& usage) {
  const std::uint64_t tokens = usage.input_tokens + usage.output_tokens;
  costs.tokens.fetch_add(tokens, std::memory_order_relaxed);
  return tokens;
}

Status StillAwaited(const RemoteSite& site, const PredictRequest& request) {
  if (request.cancelled->load()) return MakeError(Code::kCancelled, "The prediction was cancelled.");
  if (request.deadline.Expired(site.environment.clock))
    return MakeError(Code::kDeadlineExceeded, "The prediction's time ran out.");
  return {};
}

Status StillWanted(const RemoteSite& site, const PredictRequest& request) {
  if (site.model->withdrawn->load()) return MakeError(Code::kUnavailable, std::string(kModelWithdrawn));
  return StillAwaited(site, request);
}

Result<PreparedCalls> PrepareCalls(const RemoteSite& site, const PredictRequest& request) {
  if (!request.remote) return MakeError(Code::kInternal, "a prediction without a remote input reached a remote model");
  PreparedCalls prepared;
  ASSIGN_OR_RETURN(prepared.terms, site.model->remote->Now());
  prepared.rules = site.environment.rules();
  const auto wanted = [&site, &request] { return StillWanted(site, request); };
  if (GuardsInput(*prepared.terms, request) && request.remote->parameters.contains(kCharset)) {
    connectors::RemoteInput judged = *request.remote;
    judged.parameters.erase(kCharset);
    ASSIGN_OR_RETURN(prepared.calls, prepared.terms->connector->Prepare(judged, *prepared.rules, wanted));
  } else {
    ASSIGN_OR_RETURN(prepared.calls, prepared.terms->connector->Prepare(*request.remote, *prepared.rules, wanted));
  }
  if (prepared.calls.empty()) return MakeError(Code::kInternal, "the connector made no call of the request");
  return prepared;
}

bool IsGuarded(connectors::ActionType action) {
  return action != connectors::ActionType::kBatchPredictStatus && action != connectors::ActionType::kCancelBatchPredict;
}

void GuardInput(const RemoteSite& site, const PreparedCalls& prepared, const PredictRequest& request,
                UniqueFunction<void(Status)> done) {
  if (!GuardsInput(*prepared.terms, request)) return done({});
  GuardJob job{.guardrails = prepared.terms->guardrails,
               .side = models::GuardSide::kInput,
               .texts = {},
               .deadline = request.deadline,
               .cancelled = request.cancelled,
               .judging = request.judging};
  for (const connectors::PreparedCall& call : prepared.calls) {
    const auto question = call.parameters.find("question");
    job.texts.push_back({.text = call.text.empty() ? call.request.body : call.text,
                         .question = question == call.parameters.end() ? std::string() : question->second});
  }
  RunGuard(site.environment, std::move(job), std::move(done));
}

connectors::CallOptions OptionsOf(const PreparedCalls& prepared, const PredictRequest& request) {
  connectors::CallOptions options;
  options.pool = prepared.terms->pool;
  options.config = prepared.terms->connector->connector().client_config.value_or(connectors::ClientConfig());
  options.rules = prepared.rules;
  options.deadline = request.deadline;
  options.cancelled = request.cancelled;
  return options;
}

connectors::CallOptions OptionsOfWhole(const RemoteSite& site, const PreparedCalls& prepared,
                                       const PredictRequest& request) {
  connectors::CallOptions options = OptionsOf(prepared, request);
  const std::int64_t limit = site.environment.settings.Current()->Int("plugins.ml_commons.max_json_size");
  if (limit >= 0) options.max_response_bytes = static_cast<std::size_t>(limit);
  return options;
}

}  // namespace mlnode::serving
