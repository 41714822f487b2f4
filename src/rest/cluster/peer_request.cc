#include "rest/cluster/peer_request.h"

#include <fmt/format.h>

#include <algorithm>

namespace mlnode::rest {
namespace {

// Nothing that is not signed goes out: on its way it could be changed.
net::Headers SignedPart(const net::Headers& headers) {
  net::Headers out;
  for (const std::string_view name : net::kSignedHeaders) {
    if (const auto value = headers.Find(name)) out.Add(std::string(name), std::string(*value));
  }
  if (!out.Find("Accept")) out.Add("Accept", "*/*");  // as libcurl would, after the signature
  return out;
}

}  // namespace

net::ClientRequest ToClientRequest(const PeerRequest& request, const deploy::Worker& worker, Duration limit,
                                   const Peers& peers) {
  // A fragment would not be sent, but signed.
  const std::string target = request.target.substr(0, request.target.find('#'));
  const auto millis =
      std::max(std::chrono::ceil<std::chrono::milliseconds>(std::min<Duration>(limit, std::chrono::hours(24))),
               std::chrono::milliseconds(1));
  net::ClientRequest out;
  out.method = request.method;
  out.url = fmt::format("http://{}{}", worker.address, target);
  out.headers = SignedPart(request.headers);
  const net::PeerMessage message{.method = request.method,
                                 .target = target,
                                 .body = request.body,
                                 .body_sha256 = request.body_sha256,
                                 .headers = &out.headers};
  const net::PeerHop hop{.from = peers.self, .to = {.node = worker.node, .incarnation = worker.incarnation}};
  out.headers.Add(std::string(net::kPeerHeader), peers.key.Sign(message, hop, peers.clock.WallMillis(), peers.random));
  out.borrowed_body = request.body;
  out.borrowed_owner = request.owner;
  out.addresses = net::AddressPolicy::kAny;  // a peer's address is the operator's choice
  out.connect_timeout = std::min(kPeerConnectTimeout, millis);
  out.idle_timeout = millis;
  out.total_timeout = millis;
  out.max_response_bytes = kMaxPeerReplyBytes;
  out.path_as_is = true;
  out.may_resend = false;  // a signature is taken once
  return out;
}

}  // namespace mlnode::rest
