// rest/cluster/peers.h: what the REST API of a node needs to talk to the other nodes of its cluster, and the header
// fields that nodes send each other besides net::kPeerHeader. Threads: any.
#pragma once

#include <string_view>

#include "core/clock.h"
#include "core/id.h"
#include "net/http_client.h"
#include "net/peer_signature.h"
#include "rest/readiness.h"

namespace mlnode::rest {

// All borrowed; they outlive the routes. The client is stopped before they go.
struct Peers {
  net::HttpClient& client;  // for requests to other nodes alone
  const net::PeerKey& key;
  NodeId self;
  const Readiness& readiness;
  RandomSource& random;
  const Clock& clock;
};

// Of a forwarded request: how long its client still waits, in milliseconds.
inline constexpr std::string_view kDeadlineHeader = "X-Mlnode-Deadline-Ms";
static_assert(net::IsSignedHeader(kDeadlineHeader));
// Of the same: the client's request has been charged to the model's rate limit.
inline constexpr std::string_view kChargedHeader = "X-Mlnode-Charged";
static_assert(net::IsSignedHeader(kChargedHeader));
// Of its answers: the estimated wait of what comes next, in microseconds. Every answer of a handler has it: a 503
// without it (a node that starts, a connection too many) was given before one began.
inline constexpr std::string_view kQueueHeader = "X-Mlnode-Queue";
// Of a 503: the model is not, or no longer, on this node; another may be asked.
inline constexpr std::string_view kNotHereHeader = "X-Mlnode-Not-Here";
// Of a 503: this node stops.
inline constexpr std::string_view kLeavingHeader = "X-Mlnode-Leaving";
// Of a 403: it is the signature that was refused, not what the request asks.
inline constexpr std::string_view kRefusedHeader = "X-Mlnode-Peer-Refused";

}  // namespace mlnode::rest
