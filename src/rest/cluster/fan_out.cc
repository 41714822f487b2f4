#include "rest/cluster/fan_out.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/log.h"
#include "core/sha256.h"
#include "rest/json_reply.h"
#include "serving/exception_barrier.h"

namespace mlnode::rest {
namespace {

constexpr std::size_t kMaxAnswerBytes = 64UL * 1024 * 1024;  // of one node: a profile of thousands of models

// Answers on their way; kept alive by the requests.
struct Gathering {
  Gathering(std::vector<deploy::Lease> n, PeersAnswered d)
      : nodes(std::move(n)), texts(nodes.size()), left(nodes.size()), done(std::move(d)) {}
  const std::vector<deploy::Lease> nodes;
  std::vector<std::optional<std::string>> texts;  // each written once, by its own request
  std::atomic<std::size_t> left;
  const PeersAnswered done;
};

Error Busy() {
  Error error = MakeError(Code::kResourceExhausted, "too many requests are waiting on this node");
  error.retry_after = std::chrono::seconds(1);
  return error;
}

std::vector<PeerAnswer> Parsed(const Gathering& gathering) {
  std::vector<PeerAnswer> answers;
  for (std::size_t i = 0; i < gathering.nodes.size(); ++i) {
    PeerAnswer answer{.node = gathering.nodes[i], .body = std::nullopt};
    if (gathering.texts[i]) {
      auto body = ParseJsonObject(*gathering.texts[i]);
      if (body) answer.body = *std::move(body);
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

void Finish(deploy::NodeCore& node, const std::shared_ptr<Gathering>& gathering) {
  const bool posted = node.executors().background.Post([gathering] {
    const Status ran = serving::StopExceptions("The request", [&]() -> Status {
      gathering->done(Parsed(*gathering));
      return {};
    });
    if (!ran) gathering->done(ran.error());
  });
  if (!posted) gathering->done(Busy());
}

void TakeText(Gathering& gathering, std::size_t index, Result<net::ClientReply> reply) {
  if (reply && reply->status == 200) {
    gathering.texts[index] = std::move(reply->body);
    return;
  }
  const deploy::Lease& asked = gathering.nodes[index];
  LOG_INFO("rest", "node {} at {} is left out of an answer for the cluster: {}", asked.node.str(), asked.address,
           reply ? fmt::format("status {}", reply->status) : reply.error().message);
}

bool IsCommonParam(std::string_view piece) {
  const std::string_view name = piece.substr(0, piece.find('='));
  return std::ranges::find(kCommonParams, name) != kCommonParams.end();
}

}  // namespace

std::vector<deploy::Lease> OtherNodes(deploy::NodeCore& node) {
  std::vector<deploy::Lease> others = node.membership().Live();
  std::erase_if(others, [&node](const deploy::Lease& lease) { return lease.node == node.self().id; });
  return others;
}

std::string TargetForPeers(const RequestContext& context) {
  std::string target(context.path);
  const std::string_view whole = context.http().target;
  const std::size_t mark = whole.find('?');
  std::string_view query = mark == std::string_view::npos ? std::string_view() : whole.substr(mark + 1);
  char joint = '?';
  while (!query.empty()) {
    const std::string_view piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(piece.size() + 1, query.size()));
    if (piece.empty() || IsCommonParam(piece)) continue;
    target += std::exchange(joint, '&');
    target += piece;
  }
  return target;
}

void AskNodes(const Peers& peers, deploy::NodeCore& node, const std::shared_ptr<RequestContext>& context,
              std::vector<deploy::Lease> nodes, const std::string& target, PeersAnswered done) {
  const auto gathering = std::make_shared<Gathering>(std::move(nodes), std::move(done));
  if (gathering->nodes.empty()) return Finish(node, gathering);
  PeerRequest request{.method = "GET", .target = target, .body = context->http().body, .owner = context};
  request.headers.Add("Accept", "application/json");
  request.headers.Add("X-Opaque-Id", context->request_id);
  if (const auto type = context->http().headers.Find("Content-Type"); type && !request.body.empty()) {
    request.headers.Add("Content-Type", std::string(*type));
  }
  request.body_sha256 = Sha256Hex(request.body);
  for (std::size_t i = 0; i < gathering->nodes.size(); ++i) {
    const deploy::Lease& to = gathering->nodes[i];
    net::ClientRequest out = ToClientRequest(
        request, {.node = to.node, .incarnation = to.incarnation, .address = to.address}, kPeerLimit, peers);
    out.max_response_bytes = kMaxAnswerBytes;
    peers.client.Send(std::move(out), [&node, gathering, i](Result<net::ClientReply> reply) {
      TakeText(*gathering, i, std::move(reply));
      if (gathering->left.fetch_sub(1) == 1) Finish(node, gathering);
    });
  }
}

namespace {

// One answer for the cluster on its way. On `background`.
class ClusterAnswer : public std::enable_shared_from_this<ClusterAnswer> {
 public:
  ClusterAnswer(std::shared_ptr<const FanOut> fan_out, deploy::NodeCore& node, const Peers& peers,
                std::shared_ptr<RequestContext> context, Answer answer)
      : fan_out_(std::move(fan_out)),
        node_(node),
        peers_(peers),
        context_(std::move(context)),
        answer_(std::move(answer)) {}

  void Start() {
    const bool posted = node_.executors().background.Post([call = shared_from_this()] { call->MakeOwn(); });
    if (!posted) Reply(Busy());
  }

 private:
  void MakeOwn() {
    const LogRequestScope scope(context_->request_id);
    auto own = serving::StopExceptions("The request", [&] { return fan_out_->own(*context_); });
    if (!own) return Reply(std::move(own).error());
    if (context_->peer) return Reply(JsonReply(*context_, *own));
    own_ = *std::move(own);
    AskNodes(peers_, node_, context_, fan_out_->choose ? fan_out_->choose(*context_) : OtherNodes(node_),
             TargetForPeers(*context_),
             [call = shared_from_this()](Result<std::vector<PeerAnswer>> others) { call->MergeIn(std::move(others)); });
  }

  void MergeIn(Result<std::vector<PeerAnswer>> others) {
    if (!others) return Reply(std::move(others).error());
    fan_out_->merge(*context_, own_, *std::move(others));
    Reply(JsonReply(*context_, own_));
  }

  // The first answer counts: a merge that threw is called again with the error.
  void Reply(Result<net::HttpReply> reply) {
    if (!std::exchange(answered_, true)) answer_(std::move(reply));
  }

  const std::shared_ptr<const FanOut> fan_out_;
  deploy::NodeCore& node_;
  const Peers& peers_;
  const std::shared_ptr<RequestContext> context_;
  Answer answer_;
  json::object own_;
  bool answered_ = false;
};

}  // namespace

Route FannedOut(Route route, FanOut fan_out, deploy::NodeCore& node, const Peers* peers) {
  if (peers == nullptr) {
    route.handler = [own = std::move(fan_out.own)](const RequestContext& context) -> Result<net::HttpReply> {
      ASSIGN_OR_RETURN(const json::object body, own(context));
      return JsonReply(context, body);
    };
    return route;
  }
  const auto shared = std::make_shared<const FanOut>(std::move(fan_out));
  route.async = [shared, &node, peers](std::shared_ptr<RequestContext> context, Answer answer) {
    std::make_shared<ClusterAnswer>(shared, node, *peers, std::move(context), std::move(answer))->Start();
  };
  return route;
}

void MergeObjects(json::object& into, json::object from) {
  for (auto& [key, value] : from) {
    json::value* mine = into.if_contains(key);
    if (mine == nullptr) {
      into.emplace(key, std::move(value));
    } else if (mine->is_object() && value.is_object()) {
      MergeObjects(mine->as_object(), std::move(value.as_object()));
    } else if (mine->is_array() && mine->as_array().empty()) {
      *mine = std::move(value);
    }
  }
}

}  // namespace mlnode::rest
