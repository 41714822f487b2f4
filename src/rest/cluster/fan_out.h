// rest/cluster/fan_out.h: answers that speak for the whole cluster: the other live nodes are asked for the same, each
// for itself alone, all at once and for kPeerLimit at most; what they say is merged into what this node says. A node
// that does not answer is left out. Nobody waits on a thread meanwhile, so that two nodes that ask each other cannot
// block each other. Threads: any; bodies are made and merged on `background`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "deploy/node_core.h"
#include "rest/cluster/peer_request.h"
#include "rest/route_table.h"

namespace mlnode::rest {

inline constexpr Duration kPeerLimit = std::chrono::seconds(2);

struct PeerAnswer {
  deploy::Lease node;
  std::optional<json::object> body;  // nullopt: no answer, or none that is one
};

// The live nodes besides this one, by id.
std::vector<deploy::Lease> OtherNodes(deploy::NodeCore& node);

// Asks `nodes` for `target`, with the context's method and body, and hands their answers, in the same order, to `done`
// on `background`. An error only where `background` takes no more.
using PeersAnswered = std::function<void(Result<std::vector<PeerAnswer>>)>;
void AskNodes(const Peers& peers, deploy::NodeCore& node, const std::shared_ptr<RequestContext>& context,
              std::vector<deploy::Lease> nodes, const std::string& target, PeersAnswered done);

// The request's target without what only concerns how an answer is printed (kCommonParams).
std::string TargetForPeers(const RequestContext& context);

// What this node alone has to say.
using OwnBody = std::function<Result<json::object>(const RequestContext&)>;
// Whom to ask besides; empty: OtherNodes.
using ChooseNodes = std::function<std::vector<deploy::Lease>(const RequestContext&)>;
using MergeBodies = std::function<void(const RequestContext&, json::object& mine, std::vector<PeerAnswer> others)>;
struct FanOut {
  OwnBody own;
  MergeBodies merge;
  ChooseNodes choose = {};
};
// Completes a route: its handler answers for the cluster, or for this node where a peer asks, or where it is alone
// (`peers` null).
Route FannedOut(Route route, FanOut fan_out, deploy::NodeCore& node, const Peers* peers);

// Adds what `from` has and `into` has not, within objects of the same name too. Where both have it, `into`'s stays,
// unless it is an empty list.
void MergeObjects(json::object& into, json::object from);

}  // namespace mlnode::rest
