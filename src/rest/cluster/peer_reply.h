// rest/cluster/peer_reply.h: answers between nodes: what a worker tells the node that forwarded to it, and what of a
// worker's answer the client gets. Threads: as the context.
#pragma once

#include "deploy/node_core.h"
#include "net/http_client.h"
#include "rest/cluster/forwarder.h"
#include "rest/request_context.h"

namespace mlnode::rest {

// When nobody waits for an answer any more: `limit` after the request came, sooner where the peer that forwarded it
// says so.
Deadline AnswerBy(const RequestContext& context, Duration limit);

// Does the peer that forwarded it say that the client's request has been charged to rate limits.
bool IsCharged(const RequestContext& context);

// Puts what a peer wants to know into the answer's head: how long the queue is, and of an error whether another node
// should be asked. Nothing for a client. `peers` null: nothing.
void TellPeer(RequestContext& context, deploy::NodeCore& node, const Peers* peers, const Error* error);

// The request of the context as it came, for another node. `charged`: this one charged it to rate limits.
PeerRequest Onward(const std::shared_ptr<RequestContext>& context, bool charged);

// A worker's answer as the client gets it: status, body, Content-Type, Server-Timing, Retry-After.
net::HttpReply Relay(net::ClientReply reply);

// Forwards the context's request and answers it, on `cpu` where the answer is long.
struct Forwarding {
  ModelId model;
  std::vector<deploy::Worker> workers;  // not empty
  Deadline deadline = Deadline::Never();
  bool may_retry = false;
  bool charged = false;  // to rate limits, on this node
};
using ReplyTaker = std::function<void(Result<net::HttpReply>)>;
void ForwardPrediction(Forwarder& forwarder, deploy::NodeCore& node, const std::shared_ptr<RequestContext>& context,
                       Forwarding forwarding, ReplyTaker answer);

}  // namespace mlnode::rest
