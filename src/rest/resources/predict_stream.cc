// POST models/{id}/_predict/stream: the answer of a language model as it comes, as server-sent events (spec/remote
// §12). The way: cpu → gate.Admit → Servable::Stream → one event a piece, sent from the HTTP client's thread. The head
// goes out with the first piece: what fails before is an answer like any other. A client that has gone, or that falls
// HttpServerOptions::max_unsent_bytes behind, ends the provider's transfer; one that does not even take the error event
// has its connection cut, without the last chunk. In a cluster, where other nodes hold the model, one of them is asked,
// once, and what it streams goes on as it comes.
#include <algorithm>
#include <atomic>
#include <utility>

#include "connectors/transport/event_stream.h"
#include "core/log.h"
#include "core/utf8.h"
#include "rest/client_watch.h"
#include "rest/cluster/peer_reply.h"
#include "rest/remote/remote_body.h"
#include "rest/resources/resources.h"
#include "serving/exception_barrier.h"

namespace mlnode::rest {
namespace {

constexpr Duration kShortestLimit = std::chrono::minutes(10);  // of a stream in all: long answers take their time

constexpr std::size_t kLoggedBytes = 500;  // of an error, which may be a provider's text

struct StreamSite {
  deploy::NodeCore& node;
  ClientWatch watch;
  const Duration limit;
  const Peers* const peers;              // null: this node is alone
  std::unique_ptr<Forwarder> forwarder;  // null: the same
};

std::string PieceEvent(const serving::StreamPiece& piece) {
  std::string event = R"(data: {"inference_results":[{"output":[{"name":"response","dataAsMap":{"content":)";
  AppendJsonString(event, piece.content);
  event += piece.last ? R"(,"is_last":true}}]}]})" : R"(,"is_last":false}}]}]})";
  return event + "\n\n";
}

std::string ErrorEvent(const Error& error) {
  std::string event = R"(data: {"error": )";
  AppendJsonString(event, error.message);
  return event + "}\n\n";
}

class StreamCall : public std::enable_shared_from_this<StreamCall> {
 public:
  StreamCall(StreamSite& site, std::shared_ptr<RequestContext> context, Answer answer)
      : site_(site), node_(site.node), context_(std::move(context)), answer_(std::move(answer)) {}

  void Start() {
    cancelled_ = site_.watch.Watch(context_->exchange);
    const bool posted = node_.executors().cpu.Post([call = shared_from_this()] {
      Status ran = serving::StopExceptions("The prediction", [&] { return call->Begin(); });
      if (!ran) call->Done(std::move(ran));
    });
    if (!posted) Done(MakeError(Code::kResourceExhausted, "too many requests wait to be parsed"));
  }

 private:
  Status Begin() {
    if (!node_.settings().Current()->Bool("plugins.ml_commons.stream_enabled")) {
      return MakeError(Code::kInvalidArgument,
                       "Streaming is currently disabled. To enable it, update the setting "
                       "\"plugins.ml_commons.stream_enabled\" to true.");
    }
    const ModelId model(context_->PathParam("model_id"));
    context_->trace.emplace().model = model.str();
    ASSIGN_OR_RETURN(const deploy::GateModel found, node_.gate().Find(model));
    if (found.function != models::FunctionName::kRemote)
      return MakeError(Code::kInvalidArgument, "Streaming is only supported for remote models");
    ASSIGN_OR_RETURN(RemoteBody body, ParseRemoteBody(models::FunctionName::kRemote, context_->body()));
    RETURN_IF_ERROR(CheckPredictAction(body.input.action));
    serving::StreamRequest request;
    ASSIGN_OR_RETURN(const auto interface, StringField(body.input.parameters, "_llm_interface"));
    if (!interface)
      return MakeError(Code::kInvalidArgument, "Missing required parameter for streaming: _llm_interface");
    // Before the request is charged and the model deployed for it.
    if (const auto decoder = connectors::StreamDecoder::Make(*interface); !decoder) return decoder.error();
    request.interface = *interface;
    auto input = std::make_shared<connectors::RemoteInput>(std::move(body.input));
    ASSIGN_OR_RETURN(
        deploy::GatePass pass,
        node_.gate().Admit({.model = model,
                            .instance = [&](std::string_view schema) { return RemoteInstance(*input, schema); },
                            .forwarded = context_->peer.has_value(),
                            .charged = IsCharged(*context_)}));
    request.predict.deadline = AnswerBy(*context_, site_.limit);
    request.predict.cancelled = cancelled_;
    request.predict.remote = std::move(input);
    if (pass.servable) {
      Stream(pass.servable, std::move(request));
      return {};
    }
    const Deadline deadline = request.predict.deadline;
    if (!pass.elsewhere.empty()) {
      Forward(model, std::move(pass.elsewhere), deadline, false);
      return {};
    }
    node_.auto_deploy().Obtain(model, deadline,
                               [call = shared_from_this(), model, deadline, request = std::move(request)](
                                   Result<std::shared_ptr<serving::Servable>> servable) mutable {
                                 if (!servable) return call->NotObtained(model, deadline, std::move(servable).error());
                                 call->Stream(*servable, std::move(request));
                               });
    return {};
  }

  // Somebody else deployed it meanwhile, and not here.
  void NotObtained(const ModelId& model, Deadline deadline, Error error) {
    std::vector<deploy::Worker> workers;
    if (error.reason == deploy::kHeldElsewhere && site_.forwarder) workers = node_.router().Candidates(model);
    if (workers.empty()) return Done(std::move(error));
    Forward(model, std::move(workers), deadline, true);
  }

  void Forward(const ModelId& model, std::vector<deploy::Worker> workers, Deadline deadline, bool charged) {
    site_.forwarder->Send({.model = model,
                           .request = Onward(context_, charged),
                           .workers = std::move(workers),
                           .deadline = deadline,
                           .unwanted = [cancelled = cancelled_] { return cancelled->load(); },
                           .sink = [call = shared_from_this()](std::string_view piece) { return call->Pass(piece); }},
                          [call = shared_from_this()](Result<net::ClientReply> reply) {
                            if (reply && !call->begun_.exchange(true)) return call->answer_(Relay(*std::move(reply)));
                            call->Done(reply ? Status() : Status(std::move(reply).error()));
                          });
  }

  void Stream(const std::shared_ptr<serving::Servable>& servable, serving::StreamRequest request) {
    servable->Stream(
        std::move(request), servable,
        {.piece = [call = shared_from_this()](const serving::StreamPiece& piece) { return call->Send(piece); },
         .done = [call = shared_from_this()](Status status) { call->Done(std::move(status)); }});
  }

  Status Send(const serving::StreamPiece& piece) { return Pass(PieceEvent(piece)); }

  // With the first piece, the head.
  Status Pass(std::string_view events) {
    if (!begun_.exchange(true)) {
      net::HttpReply reply;
      reply.content_type = "text/event-stream";
      reply.headers.Add("Cache-Control", "no-cache");
      reply.stream = [this](std::unique_ptr<net::ReplyStream> stream) { stream_ = std::move(stream); };
      answer_(std::move(reply));
    }
    if (stream_ && stream_->Write(events)) return {};
    return MakeError(Code::kCancelled, "the client has gone, or does not keep up");
  }

  void Done(Status status) {
    if (!begun_.exchange(true)) {
      TellPeer(*context_, node_, site_.peers, status ? nullptr : &status.error());
      return answer_(status ? Result<net::HttpReply>(MakeError(Code::kInternal, "the stream ended without an answer"))
                            : Result<net::HttpReply>(std::move(status).error()));
    }
    if (!stream_) return;
    if (!status) {
      LOG_WARN("rest", "stream of request {} ended early: {}", context_->request_id,
               TruncateUtf8(status.error().message, kLoggedBytes));
      // A client that cannot be told must not take what it has for the whole.
      if (!stream_->Write(ErrorEvent(status.error()))) return stream_.reset();
    }
    stream_->End();
  }

  StreamSite& site_;
  deploy::NodeCore& node_;
  std::shared_ptr<RequestContext> context_;
  Answer answer_;
  serving::CancelFlag cancelled_;
  std::atomic<bool> begun_{false};            // answered, or the head is sent
  std::unique_ptr<net::ReplyStream> stream_;  // of whoever sends: pieces and the end come one after the other
};

}  // namespace

void AddStreamRoutes(RouteTable& table, deploy::NodeCore& node, const Peers* peers) {
  const std::chrono::milliseconds timeout(node.settings().Current()->Int("mlnode.predict.deadline_ms"));
  const std::shared_ptr<StreamSite> site(new StreamSite{.node = node,
                                                        .watch = ClientWatch(node.executors().io),
                                                        .limit = std::max<Duration>(timeout, kShortestLimit),
                                                        .peers = peers,
                                                        .forwarder = MakeForwarder(peers, node)});
  table.Add({.method = "POST",
             .pattern = fmt::format("{}/models/{{model_id}}/_predict/stream", kMlBase),
             .async =
                 [site](std::shared_ptr<RequestContext> context, Answer answer) {
                   std::make_shared<StreamCall>(*site, std::move(context), std::move(answer))->Start();
                 },
             .body = BodyUse::kJson});
}

}  // namespace mlnode::rest
