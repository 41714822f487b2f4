// net/peer_signature.h: how one node proves to another that a request comes from the cluster, is meant for it, and is
// on its one hop. Header X-Mlnode-Peer: "v2 <sender's node id> <receiver's node id> <receiver's incarnation, 16 hex>
// <wall ms> <nonce, 16 hex> <HMAC-SHA256, base64url>" over those fields, method, target, the SHA-256 of the body and
// kSignedHeaders, under a key derived from the cluster's. A receiver takes what is signed for itself, within kWindow of
// its clock, and each signature once; one that began anew remembers none, but is another incarnation. Threads: any;
// PeerVerifier has one short lock. Cost: microseconds, and a SHA-256 of the body.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/id.h"
#include "core/result.h"
#include "net/http_message.h"

namespace mlnode::net {

inline constexpr std::string_view kPeerHeader = "X-Mlnode-Peer";

// All that a receiver acts on in a peer's head besides method and target; the sender sends no others
// (rest/cluster/peer_request.h). Another list or order is another version of the signature.
inline constexpr std::array<std::string_view, 6> kSignedHeaders{
    "Accept", "Content-Type", "X-Mlnode-Charged", "X-Mlnode-Deadline-Ms", "X-Mlnode-Priority", "X-Opaque-Id"};
// By its exact spelling, for static_assert.
constexpr bool IsSignedHeader(std::string_view name) {
  for (const std::string_view known : kSignedHeaders) {
    if (known == name) return true;
  }
  return false;
}

// One process of a node: `incarnation` is random and new for each (deploy/membership.h).
struct PeerProcess {
  NodeId node;
  std::uint64_t incarnation = 0;
};

struct PeerMessage {
  std::string_view method, target, body;
  std::string_view body_sha256 = {};  // in hex, of whoever signs the same body again; empty: computed from `body`
  const Headers* headers = nullptr;   // of which kSignedHeaders count; null: there are none
};

// Whose way a request goes.
struct PeerHop {
  NodeId from;
  PeerProcess to;
};

class PeerKey {
 public:
  static constexpr std::size_t kMinBytes = 16;
  explicit PeerKey(std::string secret);  // at least kMinBytes, else the process ends: checked where it is configured
  // The header's value.
  std::string Sign(const PeerMessage& message, const PeerHop& hop, EpochMillis now, RandomSource& random) const;
  // HKDF-SHA256 (RFC 5869, salt "mlnode") of the key for another purpose, 32 bytes. What is stored may depend on it: it
  // never changes.
  std::string Derive(std::string_view purpose) const;

 private:
  friend class PeerVerifier;
  std::string secret_;
  std::string signing_;  // Derive("peer signature")
};

class PeerVerifier {
 public:
  static constexpr std::chrono::seconds kWindow{30};
  static constexpr std::size_t kMaxNonces = 1'000'000;  // remembered for 2 x kWindow; beyond: kResourceExhausted

  // `self`: this process. `max_nonces`: tests make it small.
  PeerVerifier(PeerKey key, const PeerProcess& self, const Clock& clock, std::size_t max_nonces = kMaxNonces);
  ~PeerVerifier();
  // Who sent it. kPermissionDenied: not of this cluster, for another process, too old, changed or seen before (which is
  // told to the log only).
  Result<NodeId> Check(std::string_view header, const PeerMessage& message);

 private:
  struct State;
  const PeerKey key_;
  const PeerProcess self_;
  const Clock& clock_;
  const std::size_t max_nonces_;
  std::unique_ptr<State> state_;
};

}  // namespace mlnode::net
