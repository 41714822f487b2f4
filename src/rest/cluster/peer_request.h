// rest/cluster/peer_request.h: one signed request to one node of the cluster. Threads: any; pure but for randomness.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/id.h"
#include "deploy/cluster/router.h"
#include "net/http_client.h"
#include "rest/cluster/peers.h"

namespace mlnode::rest {

// A node that does not accept a connection within this is not there: they are all in one network.
inline constexpr std::chrono::milliseconds kPeerConnectTimeout{1'000};
// Of an answer. What a prediction says of 100 MB of texts stays below.
inline constexpr std::size_t kMaxPeerReplyBytes = 1024UL * 1024 * 1024;

struct PeerRequest {
  std::string method = "GET";
  std::string target;          // path and query
  net::Headers headers = {};   // net::kSignedHeaders; no others are sent
  std::string_view body = {};  // points into `owner`
  std::shared_ptr<const void> owner = {};
  std::string body_sha256 = {};  // in hex, for what may be sent several times; empty: computed each time
};

// Ready to be sent to `worker`; no other process takes it. It ends after `limit` in all; there is no other limit for a
// silent node, for one that computes says nothing. Cost: a SHA-256 of the body, unless it is given.
net::ClientRequest ToClientRequest(const PeerRequest& request, const deploy::Worker& worker, Duration limit,
                                   const Peers& peers);

}  // namespace mlnode::rest
