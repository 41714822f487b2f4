#include "serving/remote/remote_prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/guarded.h"
#include "serving/exception_barrier.h"
#include "serving/remote/guard.h"

namespace mlnode::serving {
namespace {

// What a judge is asked about an answer: the body as the inside of a JSON string.
std::string EscapedInside(std::string_view body) {
  std::string quoted;
  AppendJsonString(quoted, body);
  return quoted.substr(1, quoted.size() - 2);
}

NamedTensor ToNamed(connectors::RemoteTensor tensor) {
  NamedTensor named;
  named.name = std::move(tensor.name);
  if (!tensor.data_type.empty() || !tensor.shape.empty() || !tensor.data.empty()) {
    named.provided = ProvidedNumbers{
        .data_type = std::move(tensor.data_type), .shape = std::move(tensor.shape), .data = std::move(tensor.data)};
  }
  named.data_as_map = std::move(tensor.data_as_map);
  named.text = std::move(tensor.result);
  return named;
}

// What came back of all calls of one input.
struct RemoteAnswer {
  std::vector<connectors::RemoteOutput> outputs;
  Duration engine{};
  std::size_t documents = 0;
  std::uint64_t tokens = 0;
};
using RunDone = UniqueFunction<void(Result<RemoteAnswer>)>;

PredictResult ToResult(RemoteAnswer answer) {
  PredictResult result;
  result.times.engine = answer.engine;
  result.tokens = answer.tokens;
  result.documents_read = answer.documents;
  for (connectors::RemoteOutput& output : answer.outputs) {
    auto& tensors = result.documents.emplace_back();
    for (connectors::RemoteTensor& tensor : output.tensors) tensors.push_back(ToNamed(std::move(tensor)));
    result.statuses.push_back(output.status);
  }
  return result;
}

std::shared_ptr<connectors::EmbeddingBatcher> BatcherOf(const std::shared_ptr<RemoteSite>& site,
                                                        const RemoteTermsPtr& terms);

// Whether an input goes out with others where its connector asks for that.
enum class Company : std::uint8_t { kAllowed, kAlone };

class RemotePrediction : public std::enable_shared_from_this<RemotePrediction> {
 public:
  RemotePrediction(std::shared_ptr<RemoteSite> site, PredictRequest request, Company company, RunDone done)
      : site_(std::move(site)), request_(std::move(request)), company_(company), done_(std::move(done)) {}

  void Start() {
    if (Post(&RemotePrediction::Prepare)) return;
    Error busy = MakeError(Code::kResourceExhausted, "too many predictions wait on this node");
    busy.retry_after = std::chrono::seconds(1);
    Answer(std::move(busy));
  }

 private:
  using Step = Status (RemotePrediction::*)();

  // Runs a step on `cpu`. False: that is full.
  bool Post(Step step) {
    return site_->environment.cpu.Post([self = shared_from_this(), step] { self->Run(step); });
  }

  // A step with what the provider has said already: here where `cpu` is full, for it would have been paid for nothing.
  void GoOn(Step step) {
    if (!Post(step)) Run(step);
  }

  // What a step returns or throws ends the prediction.
  void Run(Step step) {
    Status ran = StopExceptions("The prediction", [&] { return (this->*step)(); });
    if (!ran) Answer(std::move(ran).error());
  }

  // After the provider's answer a model that is withdrawn meanwhile is no reason to throw it away; and of a batch job,
  // which goes on whoever waits, nothing is.
  Status StillAwaited() const {
    if (request_.remote->action == connectors::ActionType::kBatchPredict) return {};
    return serving::StillAwaited(*site_, request_);
  }

  // Only the first counts. The calls of a failed prediction that are still under way are of no use to anyone.
  void Answer(Result<RemoteAnswer> answer) {
    if (answered_.exchange(true)) return;
    site_->Used();
    if (!answer) request_.cancelled->store(true);
    done_(std::move(answer));
  }

  Status Prepare() {
    RETURN_IF_ERROR(StillWanted(*site_, request_));
    if (company_ == Company::kAllowed) {
      ASSIGN_OR_RETURN(const bool joined, JoinOthers());
      if (joined) return {};
    }
    ASSIGN_OR_RETURN(prepared_, PrepareCalls(*site_, request_));
    replies_.resize(prepared_.calls.size());
    left_ = replies_.size();
    GuardInput(*site_, prepared_, request_, [self = shared_from_this()](Status judged) {
      if (!judged) return self->Answer(std::move(judged).error());
      self->SendFirst();
    });
    return {};
  }

  // Small embedding inputs of several predictions become one call of the provider where the connector asks for it. Not
  // under guardrails: what blocks one text must not block others.
  Result<bool> JoinOthers() {
    if (!request_.remote || !request_.remote->has_docs || request_.remote->query) return false;
    if (request_.remote->action != connectors::ActionType::kPredict) return false;
    ASSIGN_OR_RETURN(const RemoteTermsPtr terms, site_->model->remote->Now());
    const auto& config = terms->connector->connector().client_config;
    if (!config || config->batch_max_documents < 2 || terms->guardrails) return false;
    // An answer must not have another shape because somebody else asked at the same time.
    if (!terms->connector->TakesAllDocuments(*request_.remote)) return false;
    if (request_.remote->documents.size() >= static_cast<std::size_t>(config->batch_max_documents)) return false;
    const auto batcher = BatcherOf(site_, terms);
    began_ = site_->environment.clock.Now();
    // `batcher` is held until the answer: a newer connector has another.
    batcher->Submit(*request_.remote, request_.deadline, request_.cancelled,
                    [self = shared_from_this(), batcher](Result<std::vector<connectors::RemoteOutput>> outputs) {
                      if (!outputs) return self->Answer(std::move(outputs).error());
                      RemoteAnswer answer{.outputs = *std::move(outputs),
                                          .engine = self->site_->environment.clock.Now() - self->began_,
                                          .documents = self->request_.remote->documents.size()};
                      for (const auto& output : answer.outputs) answer.tokens += output.tokens;
                      self->Answer(std::move(answer));
                    });
    return true;
  }

  // As many at once as the connector's pool may have under way; each that ends sends the next, so that one large
  // request does not fill the queue that all share.
  void SendFirst() {
    began_ = site_->environment.clock.Now();
    const auto& config = prepared_.terms->connector->connector().client_config;
    const std::int64_t limit = config.value_or(connectors::ClientConfig()).max_connection;
    const auto window = static_cast<std::size_t>(std::max<std::int64_t>(limit, 1));
    for (std::size_t i = 0; i < std::min(window, replies_.size()); ++i) SendNext();
  }

  void SendNext() {
    const std::size_t i = next_.fetch_add(1);
    if (i >= replies_.size() || answered_.load()) return;
    site_->CountCall(prepared_.calls[i].documents);
    site_->environment.caller.Send(
        std::move(prepared_.calls[i].request), OptionsOfWhole(*site_, prepared_, request_),
        [self = shared_from_this(), i](Result<net::ClientReply> reply) { self->Arrived(i, std::move(reply)); });
  }

  // On the transport's thread, several at once.
  void Arrived(std::size_t i, Result<net::ClientReply> reply) {
    site_->CountAnswer(reply);
    if (!reply) return Answer(std::move(reply).error());
    const std::size_t most = site_->environment.max_reply_bytes;
    if (reply_bytes_.fetch_add(reply->body.size()) + reply->body.size() > most) {
      return Answer(MakeError(
          Code::kTooLarge, fmt::format("The remote model's answers to this request are larger than {} bytes.", most)));
    }
    const bool failed = reply->status < 200 || reply->status > 300;
    replies_[i] = *std::move(reply);
    // A failure is read at once, alone: the rest would be waited for in vain.
    if (failed && !failed_.exchange(true)) {
      failed_at_ = i;
      return GoOn(&RemotePrediction::ReadFailure);
    }
    if (failed_.load()) return;
    if (left_.fetch_sub(1) == 1) return GoOn(&RemotePrediction::GuardOutput);
    SendNext();
  }

  std::int64_t JsonLimit() const {
    return site_->environment.settings.Current()->Int("plugins.ml_commons.max_json_size");
  }

  Status ReadFailure() {
    RETURN_IF_ERROR(StillAwaited());
    const auto output =
        prepared_.terms->connector->Interpret(prepared_.calls[failed_at_], replies_[failed_at_], JsonLimit());
    if (!output) return output.error();
    return MakeError(Code::kUpstream, "Error from remote service");  // Interpret refuses what is no success
  }

  Status GuardOutput() {
    RETURN_IF_ERROR(StillAwaited());
    engine_time_ = site_->environment.clock.Now() - began_;
    // A provider that repeats the request repeats its key: nobody behind this line sees it, a judge neither.
    for (net::ClientReply& reply : replies_) prepared_.terms->connector->HideSecrets(reply.body);
    if (!prepared_.terms->guardrails || !IsGuarded(request_.remote->action)) return Finish();
    GuardJob job{.guardrails = prepared_.terms->guardrails,
                 .side = models::GuardSide::kOutput,
                 .texts = {},
                 .deadline = request_.deadline,
                 .cancelled = request_.cancelled,
                 .judging = request_.judging};
    const bool asks = job.guardrails->JudgeOf(job.side) != nullptr;
    for (const net::ClientReply& reply : replies_) {
      job.texts.push_back({.text = reply.body, .question = asks ? EscapedInside(reply.body) : std::string()});
    }
    RunGuard(site_->environment, std::move(job), [self = shared_from_this()](Status judged) {
      if (!judged) return self->Answer(std::move(judged).error());
      self->GoOn(&RemotePrediction::Finish);
    });
    return {};
  }

  Status Finish() {
    RemoteAnswer answer;
    answer.engine = engine_time_;
    for (std::size_t i = 0; i < replies_.size(); ++i) {
      ASSIGN_OR_RETURN(connectors::RemoteOutput output,
                       prepared_.terms->connector->Interpret(prepared_.calls[i], replies_[i], JsonLimit()));
      output.tokens = site_->CountTokens(connectors::UsageOf(replies_[i]));
      answer.tokens += output.tokens;
      answer.outputs.push_back(std::move(output));
      answer.documents += std::max<std::size_t>(prepared_.calls[i].documents, 1);
    }
    Answer(std::move(answer));
    return {};
  }

  const std::shared_ptr<RemoteSite> site_;
  PredictRequest request_;
  const Company company_;
  RunDone done_;
  PreparedCalls prepared_;
  std::vector<net::ClientReply> replies_;  // by call
  std::atomic<std::size_t> next_{0};       // call to send
  std::atomic<std::size_t> left_{0};       // answers that are missing
  std::atomic<std::size_t> reply_bytes_{0};
  std::atomic<bool> failed_{false}, answered_{false};
  std::size_t failed_at_ = 0;
  SteadyTime began_{};
  Duration engine_time_{};
};

// The one of these terms, with calls that go out alone.
std::shared_ptr<connectors::EmbeddingBatcher> BatcherOf(const std::shared_ptr<RemoteSite>& site,
                                                        const RemoteTermsPtr& terms) {
  RemoteSite::Batching old;  // goes after the lock
  const auto batching = site->batching.Lock();
  if (batching->terms == terms) return batching->batcher;
  const connectors::ClientConfig config =
      terms->connector->connector().client_config.value_or(connectors::ClientConfig());
  const auto run = [weak = std::weak_ptr(site)](connectors::RemoteInput input, Deadline deadline, CancelFlag cancelled,
                                                connectors::EmbeddingBatcher::Done done) {
    const auto alive = weak.lock();
    if (!alive) return done(MakeError(Code::kUnavailable, std::string(kModelWithdrawn)));
    PredictRequest request;
    request.deadline = deadline;
    request.cancelled = cancelled ? std::move(cancelled) : std::make_shared<std::atomic<bool>>(false);
    request.remote = std::make_shared<const connectors::RemoteInput>(std::move(input));
    std::make_shared<RemotePrediction>(alive, std::move(request), Company::kAlone,
                                       [done = std::move(done)](Result<RemoteAnswer> answer) mutable {
                                         if (!answer) return done(std::move(answer).error());
                                         done(std::move(answer->outputs));
                                       })
        ->Start();
  };
  old = std::exchange(
      *batching,
      {.terms = terms,
       .batcher = connectors::EmbeddingBatcher::Create(
           {.max_documents = static_cast<std::size_t>(config.batch_max_documents), .max_delay = config.batch_max_delay},
           run, site->environment.timers, site->environment.clock)});
  return batching->batcher;
}

}  // namespace

void StartRemotePrediction(const std::shared_ptr<RemoteSite>& site, PredictRequest request,
                           std::shared_ptr<Servable> self, PredictDone done) {
  if (!request.cancelled) request.cancelled = std::make_shared<std::atomic<bool>>(false);
  site->Used();
  auto answer = [self = std::move(self), done = std::move(done)](Result<RemoteAnswer> run) mutable {
    if (run) {
      done(ToResult(*std::move(run)));
    } else {
      done(std::move(run).error());
    }
    self.reset();
  };
  std::make_shared<RemotePrediction>(site, std::move(request), Company::kAllowed, std::move(answer))->Start();
}

}  // namespace mlnode::serving
