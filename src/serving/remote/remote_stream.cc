// A prediction whose answer is handed on as it comes (spec/remote §12): the steps of remote_prediction.cc up to the
// call, then the provider's events, decoded on the HTTP client's thread. Output guardrails do not see streams, as with
// the peer.
#include <chrono>
#include <utility>

#include "connectors/transport/event_stream.h"
#include "connectors/transport/sigv4.h"
#include "core/json.h"
#include "serving/exception_barrier.h"
#include "serving/remote/remote_prediction.h"

namespace mlnode::serving {
namespace {

// What counts the tokens comes right behind the last piece. A provider that then leaves its connection open is left.
constexpr std::chrono::seconds kAfterLast{1};

constexpr std::string_view kOpenAi = "openai/v1/chat/completions";

// The same request, asking for a stream: OpenAI's services by a field of the body, Bedrock's by the path.
Status AskForStream(std::string_view interface, connectors::OutgoingRequest& request) {
  if (interface == kOpenAi) {
    ASSIGN_OR_RETURN(json::object body, ParseJsonObject(request.body));
    body["stream"] = true;
    request.body = ToJson(body);
    connectors::HashBody(request);
    return {};
  }
  constexpr std::string_view kWhole = "/converse";
  if (request.url.ends_with(kWhole)) request.url += "-stream";
  return {};
}

class RemoteStream : public std::enable_shared_from_this<RemoteStream> {
 public:
  RemoteStream(std::shared_ptr<RemoteSite> site, StreamRequest request, std::shared_ptr<Servable> self, StreamSink sink)
      : site_(std::move(site)), request_(std::move(request)), self_(std::move(self)), sink_(std::move(sink)) {}

  void Start() {
    const bool posted = site_->environment.cpu.Post([self = shared_from_this()] {
      Status ran = StopExceptions("The prediction", [&] { return self->Prepare(); });
      if (!ran) self->End(std::move(ran));
    });
    if (!posted) End(MakeError(Code::kResourceExhausted, "too many predictions wait on this node"));
  }

 private:
  void End(Status status) {
    if (ended_.exchange(true)) return;
    site_->Used();
    if (!status) request_.predict.cancelled->store(true);
    sink_.done(std::move(status));
  }

  Status Prepare() {
    RETURN_IF_ERROR(StillWanted(*site_, request_.predict));
    ASSIGN_OR_RETURN(decoder_, connectors::StreamDecoder::Make(request_.interface));
    ASSIGN_OR_RETURN(prepared_, PrepareCalls(*site_, request_.predict));
    if (prepared_.calls.size() != 1)
      return MakeError(Code::kInvalidArgument, "A stream answers one call: the request makes several.");
    RETURN_IF_ERROR(AskForStream(request_.interface, prepared_.calls.front().request));
    GuardInput(*site_, prepared_, request_.predict, [self = shared_from_this()](Status judged) {
      if (!judged) return self->End(std::move(judged));
      self->Send();
    });
    return {};
  }

  void Send() {
    site_->CountCall(prepared_.calls.front().documents);
    connectors::CallOptions options = OptionsOf(prepared_, request_.predict);
    options.body_sink = [self = shared_from_this()](std::string_view piece) { return self->Feed(piece); };
    site_->environment.caller.Send(
        prepared_.calls.front().request, std::move(options),
        [self = shared_from_this()](Result<net::ClientReply> reply) { self->Ended(std::move(reply)); });
  }

  Status Feed(std::string_view piece) {
    if (request_.predict.cancelled->load()) return MakeError(Code::kCancelled, "the client has gone");
    Status fed = Shown(decoder_->Feed(piece, [this](const connectors::StreamChunk& chunk) { return Pass(chunk); }));
    if (last_passed_ && !ended_.load()) EndAfterLast();
    return fed;
  }

  // What the provider says of a failure may repeat the request and its key, at any length.
  Status Shown(Status status) const {
    if (status || status.error().code != Code::kUpstream) return status;
    Error error = std::move(status).error();
    const connectors::CompiledConnector& connector = *prepared_.terms->connector;
    error.message = connector.Redact(error.message);
    error.detail = connector.Redact(error.detail);
    return error;
  }

  Status Pass(const connectors::StreamChunk& chunk) {
    RETURN_IF_ERROR(sink_.piece({.content = chunk.content, .last = chunk.last}));
    last_passed_ = last_passed_ || chunk.last;
    return {};
  }

  // The answer is whole: whatever the provider does now, its reader need not wait for.
  void EndAfterLast() {
    End({});
    linger_ = site_->environment.timers.PostAfter(kAfterLast,
                                                  [cancelled = request_.predict.cancelled] { cancelled->store(true); });
  }

  void Ended(Result<net::ClientReply> reply) {
    if (last_passed_) reply = net::ClientReply{.status = 200};  // an end that comes late, or breaks, spoils nothing
    site_->CountAnswer(reply);
    if (!reply) return End(Shown(std::move(reply).error()));
    if (reply->status >= 200 && reply->status <= 300) {
      (void)site_->CountTokens(decoder_->usage());
      return End(Shown(decoder_->End([this](const connectors::StreamChunk& chunk) { return Pass(chunk); })));
    }
    const bool posted = site_->environment.cpu.Post([self = shared_from_this(), reply = *std::move(reply)] {
      const auto limit = self->site_->environment.settings.Current()->Int("plugins.ml_commons.max_json_size");
      const auto read = self->prepared_.terms->connector->Interpret(self->prepared_.calls.front(), reply, limit);
      self->End(read ? MakeError(Code::kUpstream, "Error from remote service") : Status(read.error()));
    });
    if (!posted) End(MakeError(Code::kUpstream, "Error from remote service"));
  }

  const std::shared_ptr<RemoteSite> site_;
  StreamRequest request_;
  const std::shared_ptr<Servable> self_;
  StreamSink sink_;
  std::unique_ptr<connectors::StreamDecoder> decoder_;
  PreparedCalls prepared_;
  std::atomic<bool> ended_{false};
  bool last_passed_ = false;  // by whoever feeds
  Timer linger_;              // ends the provider's transfer after the last piece
};

}  // namespace

void StartRemoteStream(const std::shared_ptr<RemoteSite>& site, StreamRequest request, std::shared_ptr<Servable> self,
                       StreamSink sink) {
  if (!request.predict.cancelled) request.predict.cancelled = std::make_shared<std::atomic<bool>>(false);
  site->Used();
  std::make_shared<RemoteStream>(site, std::move(request), std::move(self), std::move(sink))->Start();
}

}  // namespace mlnode::serving
