// POST models/{id}/_predict and _predict/{algorithm}/{id} (spec/predict-local §1 to 4).
// The way: io thread → gate.Find → parse (on cpu beyond 64 KiB or for a model with an interface) → gate.Admit →
// (a remote model that is not here: AutoDeploy::Obtain →) Servable::Predict → writer (on cpu when large or to be
// checked). In a cluster, where other nodes hold the model: gate.Admit → rest/cluster/forwarder, or, for many
// documents, rest/cluster/scatter.
#include <atomic>
#include <exception>
#include <limits>

#include "core/log.h"
#include "rest/client_watch.h"
#include "rest/cluster/peer_reply.h"
#include "rest/cluster/scatter.h"
#include "rest/content/convert.h"
#include "rest/json_reply.h"
#include "rest/predict_request.h"
#include "rest/predict_writer.h"
#include "rest/remote/remote_body.h"
#include "rest/resources/resources.h"
#include "serving/exception_barrier.h"

namespace mlnode::rest {
namespace {

constexpr std::size_t kParseHereBytes = 64UL * 1024;  // simdjson: below 100 microseconds
constexpr std::size_t kPrintHereValues = 8 * 1024;    // below 300 microseconds

double Millis(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

std::string ServerTiming(const PredictTrace& trace) {
  return fmt::format("parse;dur={:.3f}, queue;dur={:.3f}, tokenize;dur={:.3f}, engine;dur={:.3f}, write;dur={:.3f}",
                     Millis(trace.parse), Millis(trace.queue), Millis(trace.tokenize), Millis(trace.engine),
                     Millis(trace.write));
}

// What all predict calls share.
struct PredictSite {
  deploy::NodeCore& node;
  ClientWatch watch;
  const Duration timeout;                // nobody waits longer for an answer
  const Peers* const peers;              // null: this node is alone
  std::unique_ptr<Forwarder> forwarder;  // null: the same
};

// One predict call on its way; kept alive by whoever works on it.
class PredictCall : public std::enable_shared_from_this<PredictCall> {
 public:
  PredictCall(PredictSite& site, std::shared_ptr<RequestContext> context, Answer answer)
      : site_(site), node_(site.node), context_(std::move(context)), answer_(std::move(answer)) {}

  void Start() {
    if (const Status found = FindModel(); !found) return Reply(found.error());
    deadline_ = AnswerBy(*context_, site_.timeout);
    cancelled_ = site_.watch.Watch(context_->exchange);
    if (context_->body().size() <= kParseHereBytes && !found_.has_interface) return Run(&PredictCall::Parse);
    const bool posted = node_.executors().cpu.Post([call = shared_from_this()] { call->Run(&PredictCall::Parse); });
    if (posted) return;
    Error busy = MakeError(Code::kResourceExhausted, "too many requests wait to be parsed");
    busy.retry_after = std::chrono::seconds(1);
    Reply(std::move(busy));
  }

 private:
  // Begins a step, if anyone still waits for it: it may have stood in a queue. What it throws (no memory for a large
  // body) ends this call, not the process.
  void Run(void (PredictCall::*step)()) {
    Status ran = serving::StopExceptions("The prediction", [&]() -> Status {
      RETURN_IF_ERROR(StillWanted());
      (this->*step)();
      return {};
    });
    if (!ran) Reply(std::move(ran).error());
  }

  Status StillWanted() const {
    if (cancelled_->load()) return MakeError(Code::kCancelled, "the client has gone");
    if (!deadline_.Expired(node_.clock())) return {};
    return MakeError(Code::kDeadlineExceeded, "the prediction's time ran out while it waited on this node");
  }

  // Only the first answer counts: a step that throws may have handed the call on before.
  void Reply(Result<net::HttpReply> reply) {
    if (answered_.exchange(true)) return;
    TellPeer(*context_, node_, site_.peers, reply ? nullptr : &reply.error());
    answer_(std::move(reply));
  }

  Status FindModel() {
    model_ = ModelId(context_->PathParam("model_id"));
    context_->trace.emplace().model = model_.str();
    std::optional<models::FunctionName> asked;
    if (const std::string& algorithm = context_->PathParam("algorithm"); !algorithm.empty()) {
      ASSIGN_OR_RETURN(asked, models::ParseFunctionName(algorithm));
    }
    ASSIGN_OR_RETURN(found_, node_.gate().Find(model_));
    if (const auto priority = context_->http().headers.Find(kPriorityHeader)) {
      ASSIGN_OR_RETURN(urgency_, ParseUrgency(*priority));
    }
    asked_ = asked.value_or(found_.function);
    const bool remote = found_.function == models::FunctionName::kRemote;
    if (remote ? RemoteTakes(asked_) : FamilyOf(asked_) == FamilyOf(found_.function)) return {};
    return MakeError(Code::kInvalidArgument,
                     fmt::format("algorithm {} does not fit model {}, whose function is {}",
                                 models::TraitsOf(*asked).name, model_.str(), models::TraitsOf(found_.function).name));
  }

  void Parse() {
    if (found_.function == models::FunctionName::kRemote) return ParseRemote();
    const SteadyTime begin = node_.clock().Now();
    auto parsed = ParsePredictBody(FamilyOf(found_.function), context_->body());
    if (!parsed) return Reply(std::move(parsed).error());
    context_->trace->parse = node_.clock().Now() - begin;
    Submit(*std::move(parsed));
  }

  void ParseRemote() {
    const SteadyTime begin = node_.clock().Now();
    auto parsed = ParseRemoteBody(asked_, context_->body());
    if (!parsed) return Reply(std::move(parsed).error());
    if (const Status fits = CheckPredictAction(parsed->input.action); !fits) return Reply(fits.error());
    context_->trace->parse = node_.clock().Now() - begin;
    auto input = std::make_shared<connectors::RemoteInput>(std::move(parsed->input));
    auto pass = node_.gate().Admit({.model = model_,
                                    .instance = [&](std::string_view schema) { return RemoteInstance(*input, schema); },
                                    .forwarded = context_->peer.has_value(),
                                    .charged = IsCharged(*context_)});
    if (!pass) return Reply(std::move(pass).error());
    if (!pass->elsewhere.empty()) return Forward(std::move(pass->elsewhere), false);
    filter_ = AnswerFilter(found_.function, {});
    interface_ = std::move(pass->interface);
    serving::PredictRequest request;
    request.urgency = urgency_;
    request.deadline = deadline_;
    request.cancelled = cancelled_;
    request.remote = std::move(input);
    if (pass->servable) return Predict(std::move(pass->servable), std::move(request));
    node_.auto_deploy().Obtain(model_, deadline_,
                               [call = shared_from_this(), request = std::move(request)](
                                   Result<std::shared_ptr<serving::Servable>> servable) mutable {
                                 if (!servable) return call->NotObtained(std::move(servable).error());
                                 call->Predict(*std::move(servable), std::move(request));
                               });
  }

  // Somebody else deployed it meanwhile, and not here.
  void NotObtained(Error error) {
    if (error.reason != deploy::kHeldElsewhere || !site_.forwarder) return Reply(std::move(error));
    std::vector<deploy::Worker> workers = node_.router().Candidates(model_);
    if (workers.empty()) return Reply(std::move(error));
    Forward(std::move(workers), true);
  }

  // A provider may charge for what a node did not live to tell: a remote model is asked once.
  void Forward(std::vector<deploy::Worker> workers, bool charged) {
    ForwardPrediction(*site_.forwarder, node_, context_,
                      {.model = model_,
                       .workers = std::move(workers),
                       .deadline = deadline_,
                       .may_retry = found_.function != models::FunctionName::kRemote,
                       .charged = charged},
                      [call = shared_from_this()](Result<net::HttpReply> reply) { call->Reply(std::move(reply)); });
  }

  void Predict(std::shared_ptr<serving::Servable> model, serving::PredictRequest request) {
    serving::Servable& servable = *model;
    servable.Predict(
        std::move(request), std::move(model),
        [call = shared_from_this()](Result<serving::PredictResult> result) { call->Done(std::move(result)); });
  }

  void Submit(PredictBody parsed) {
    // Nobody is known by name yet: access control is to come.
    auto pass =
        node_.gate().Admit({.model = model_,
                            .instance = [&](std::string_view) { return InterfaceInstance(found_.function, parsed); },
                            .forwarded = context_->peer.has_value(),
                            .charged = IsCharged(*context_)});
    if (!pass) return Reply(std::move(pass).error());
    filter_ = AnswerFilter(found_.function, parsed.filter);
    interface_ = std::move(pass->interface);
    serving::PredictRequest request{.texts = std::move(parsed.texts),
                                    .pair = parsed.pair,
                                    .owner = std::move(parsed.owner),
                                    .has_parameters = parsed.has_parameters,
                                    .content_type = parsed.content_type,
                                    .sparse_format = parsed.sparse_format.value_or(serving::SparseFormat::kWord),
                                    .urgency = urgency_,
                                    .filter = filter_,
                                    .deadline = deadline_,
                                    .cancelled = cancelled_};
    if (Scattered(*pass, request)) return;
    if (!pass->elsewhere.empty()) return Forward(std::move(pass->elsewhere), false);
    if (!pass->servable) return Reply(MakeError(Code::kInternal, "a local model was to be deployed by a prediction"));
    Predict(std::move(pass->servable), std::move(request));
  }

  // Several nodes compute it, each a part.
  bool Scattered(const deploy::GatePass& pass, const serving::PredictRequest& request) {
    if (!site_.forwarder || request.texts.size() < 2) return false;
    const std::int64_t more_than = node_.settings().Current()->Int("mlnode.predict.scatter_documents");
    if (!MayScatter(*context_, found_.function, found_.has_interface, request.texts.size(), more_than)) return false;
    ScatterTask task{.model = model_,
                     .context = context_,
                     .request = request,
                     .here = pass.servable,
                     .workers = pass.servable ? node_.router().Candidates(model_) : pass.elsewhere};
    return Scatter(*site_.forwarder, node_, task, more_than, [call = shared_from_this()](Result<net::HttpReply> reply) {
      if (!reply) return call->Fail(std::move(reply).error());
      call->Reply(std::move(reply));
    });
  }

  void Done(Result<serving::PredictResult> result) {
    if (!result) return Fail(std::move(result).error());
    result_ = *std::move(result);
    Run(&PredictCall::Trace);
  }

  void Trace() {
    PredictTrace& trace = *context_->trace;
    trace.queue = result_.times.queue;
    trace.tokenize = result_.times.tokenize;
    trace.engine = result_.times.engine;
    trace.documents = result_.documents_read.value_or(result_.documents.size());
    trace.tokens = result_.tokens;
    trace.truncated = result_.truncated;
    format_ = AnswerFormat(context_->http().headers, context_->Query("format"));
    const bool slow = interface_ || format_ == ContentFormat::kYaml;
    const bool elsewhere = slow || PrintedValues(result_, filter_) > kPrintHereValues;
    if (elsewhere && node_.executors().cpu.Post([call = shared_from_this()] { call->Run(&PredictCall::Write); }))
      return;
    Write();
  }

  void Write() {
    const SteadyTime begin = node_.clock().Now();
    auto reply = Print();
    if (!reply) return Fail(std::move(reply).error());
    context_->trace->write = node_.clock().Now() - begin;
    reply->headers.Add("Server-Timing", ServerTiming(*context_->trace));
    Reply(std::move(reply));
  }

  // The tensors as text at once; what checks or filters them reads JSON, and the result is printed again from that.
  Result<net::HttpReply> Print() {
    if (format_ == ContentFormat::kCbor && !interface_ && !context_->Query("filter_path")) {
      ASSIGN_OR_RETURN(std::string cbor, WritePredictCbor(result_, filter_));
      return TextReply(std::move(cbor), std::string(ContentTypeOf(format_)));
    }
    ASSIGN_OR_RETURN(std::string text, WritePredictReply(result_, filter_));
    if (interface_) RETURN_IF_ERROR(interface_->CheckOutput(text));
    net::HttpReply reply = JsonTextReply(*context_, std::move(text));
    PrintAnswer(format_, reply, CborFloats::kSingle);
    return reply;
  }

  void Fail(Error error) {
    if (error.code == Code::kInternal && found_.function != models::FunctionName::kRemote) {
      error.message = fmt::format("Failed to inference {} model: {}: {}", models::TraitsOf(found_.function).name,
                                  model_.str(), error.message);
    }
    Reply(std::move(error));
  }

  PredictSite& site_;
  deploy::NodeCore& node_;
  std::shared_ptr<RequestContext> context_;
  Answer answer_;
  std::atomic<bool> answered_{false};
  Deadline deadline_ = Deadline::Never();  // from the arrival of the request
  serving::CancelFlag cancelled_;          // set once the client has gone
  ModelId model_;
  std::optional<serving::Urgency> urgency_;                            // as the client says
  models::FunctionName asked_ = models::FunctionName::kTextEmbedding;  // whose body it is
  deploy::GateModel found_{.function = models::FunctionName::kTextEmbedding};
  ResultFilter filter_;
  ContentFormat format_ = ContentFormat::kJson;              // of the answer
  std::shared_ptr<const models::ModelInterface> interface_;  // null: nothing checks the answer
  serving::PredictResult result_;
};

}  // namespace

void AddPredictRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers) {
  const std::chrono::milliseconds timeout(node.settings().Current()->Int("mlnode.predict.deadline_ms"));
  const std::shared_ptr<PredictSite> site(
      new PredictSite{.node = node,
                      .watch = ClientWatch(node.executors().io, [&node] { node.queue().DropCancelled(); }),
                      .timeout = timeout,
                      .peers = peers,
                      .forwarder = MakeForwarder(peers, node)});
  for (const char* pattern : {"/models/{model_id}/_predict", "/_predict/{algorithm}/{model_id}"}) {
    table.Add({.method = "POST",
               .pattern = fmt::format("{}{}", kMlBase, pattern),
               .async =
                   [site](std::shared_ptr<RequestContext> context, Answer answer) {
                     std::make_shared<PredictCall>(*site, std::move(context), std::move(answer))->Start();
                   },
               .body = BodyUse::kJson,
               .max_body_bytes = std::numeric_limits<std::size_t>::max()});  // the server's own limit
  }
}

}  // namespace mlnode::rest
