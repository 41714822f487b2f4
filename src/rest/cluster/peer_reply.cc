#include "rest/cluster/peer_reply.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/log.h"
#include "rest/predict_request.h"

namespace mlnode::rest {
namespace {

constexpr std::size_t kRelayHereBytes = 64UL * 1024;  // beyond, packing for the client would hold up the others

// Of the client's request; the rest is about its connection.
constexpr std::string_view kOnwardHeaders[] = {"Content-Type", "Accept", kPriorityHeader};
static_assert(std::ranges::all_of(kOnwardHeaders, net::IsSignedHeader));
constexpr std::string_view kRelayedHeaders[] = {"Server-Timing", "Retry-After"};

void CopyHeaders(const net::Headers& from, std::span<const std::string_view> names, net::Headers& to) {
  for (const std::string_view name : names) {
    if (const auto value = from.Find(name)) to.Add(std::string(name), std::string(*value));
  }
}

}  // namespace

Deadline AnswerBy(const RequestContext& context, Duration limit) {
  std::int64_t millis = 0;
  if (const auto said = context.http().headers.Find(kDeadlineHeader); said && context.peer) {
    const auto [end, error] = std::from_chars(said->data(), said->data() + said->size(), millis);
    const auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
    if (error == std::errc() && millis >= 0) limit = std::chrono::milliseconds(std::min<std::int64_t>(millis, longest));
  }
  return Deadline(context.http().received + limit);
}

bool IsCharged(const RequestContext& context) {
  return context.peer && context.http().headers.Find(kChargedHeader).has_value();
}

void TellPeer(RequestContext& context, deploy::NodeCore& node, const Peers* peers, const Error* error) {
  if (!context.peer || peers == nullptr) return;
  const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(node.queue().EstimatedWait());
  context.reply_headers.Add(std::string(kQueueHeader), fmt::format("{}", wait.count()));
  if (error == nullptr || error->code != Code::kUnavailable) return;
  if (deploy::MayWorkElsewhere(*error) || error->message == serving::kModelWithdrawn) {
    context.reply_headers.Add(std::string(kNotHereHeader), "1");
  } else if (peers->readiness.stage() == Readiness::Stage::kStopping) {
    context.reply_headers.Add(std::string(kLeavingHeader), "1");
  }
}

PeerRequest Onward(const std::shared_ptr<RequestContext>& context, bool charged) {
  const net::HttpRequest& http = context->http();
  PeerRequest request{.method = http.method, .target = http.target, .body = http.body, .owner = context};
  CopyHeaders(http.headers, kOnwardHeaders, request.headers);
  request.headers.Add("X-Opaque-Id", context->request_id);
  if (charged) request.headers.Add(std::string(kChargedHeader), "1");
  return request;
}

net::HttpReply Relay(net::ClientReply reply) {
  net::HttpReply out;
  out.status = reply.status;
  out.content_type = std::string(reply.headers.Find("Content-Type").value_or(""));
  CopyHeaders(reply.headers, kRelayedHeaders, out.headers);
  out.body = std::move(reply.body);
  return out;
}

void ForwardPrediction(Forwarder& forwarder, deploy::NodeCore& node, const std::shared_ptr<RequestContext>& context,
                       Forwarding forwarding, ReplyTaker answer) {
  ForwardTask task{.model = std::move(forwarding.model),
                   .request = Onward(context, forwarding.charged),
                   .workers = std::move(forwarding.workers),
                   .deadline = forwarding.deadline,
                   .may_retry = forwarding.may_retry,
                   .unwanted = [context] { return context->exchange->ClientGone(); }};
  Executor& cpu = node.executors().cpu;
  forwarder.Send(std::move(task), [&cpu, answer = std::move(answer)](Result<net::ClientReply> result) {
    if (!result) return answer(std::move(result).error());
    if (result->body.size() <= kRelayHereBytes) return answer(Relay(*std::move(result)));
    // Copied only where the pool is full, and then it is moved out of here after all.
    const auto reply = std::make_shared<net::ClientReply>(*std::move(result));
    if (!cpu.Post([answer, reply] { answer(Relay(std::move(*reply))); })) answer(Relay(std::move(*reply)));
  });
}

}  // namespace mlnode::rest
