// deploy/cluster/cluster_documents.h: what the nodes of a cluster agree on, in collection `meta`
// (docs/formats/meta.md):
//   meta/cluster            the cluster's uuid; made by the first node, never changed
//   meta/peer_key           the key between nodes where none is configured (everything on loopback); made by the first
//   meta/credentials_check  which keys the nodes seal credentials under, without telling the keys
// Each is one document and one swap; nobody repairs them, for a crash leaves either the old or the new one.
// Threads: any; block on the store. Errors besides those named: the store's.
#pragma once

#include <string>
#include <vector>

#include "connectors/credential_vault.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/result.h"
#include "net/peer_signature.h"
#include "storage/store.h"

namespace mlnode::deploy {

// The cluster's, which is `proposed` for its first node. kDataLoss: the document is damaged.
Result<std::string> ClusterUuid(storage::Store& store, RandomSource& random, const std::string& proposed);

// The key kept in the store; the first node makes one of 32 random bytes. kDataLoss.
Result<net::PeerKey> SharedPeerKey(storage::Store& store, RandomSource& random);

// The line of CredentialVault's keys that follows from the key between nodes: for a cluster that is given no others.
std::string DerivedCredentialKeys(const net::PeerKey& key);

// May a node with these keys (CredentialVault::KeyChecks, the sealing one first) join: kFailedPrecondition unless it
// has one of those that the cluster knows, each that both know is the same, and it has each that the cluster knows and
// something is sealed under (`sealed_under`, connectors::SealingKeys); the error names the ids. Notes the first key for
// those who come later, and takes out what this node does not have. Where nothing is sealed, no lease is there and the
// document is older than kCheckGrace, the cluster begins anew with this node's keys. Keys that are lost for good: the
// document is removed while no node runs, and the credentials are given again.
inline constexpr Duration kCheckGrace = std::chrono::minutes(1);
// Where the keys follow from the cluster's (DerivedCredentialKeys), all that is sealed must be sealed under them: what
// came from a data folder, by `mlnode migrate`, needs that folder's keys.
Status CheckDerivedKeys(const std::vector<connectors::KeyCheck>& keys, const std::vector<std::string>& sealed_under);
Status CheckCredentialKeys(storage::Store& store, RandomSource& random, const Clock& clock,
                           const std::vector<connectors::KeyCheck>& keys, const std::vector<std::string>& sealed_under);

}  // namespace mlnode::deploy
