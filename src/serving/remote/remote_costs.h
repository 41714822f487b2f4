// serving/remote/remote_costs.h: what a remote model has cost since it is in service on this node: what providers
// charge for. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>

namespace mlnode::serving {

struct RemoteCosts {
  std::atomic<std::uint64_t> calls{0};      // handed to the transport; its retries count there (RemoteCaller)
  std::atomic<std::uint64_t> failures{0};   // without an answer, or with one that is no success
  std::atomic<std::uint64_t> documents{0};  // sent, as far as a call has documents
  std::atomic<std::uint64_t> tokens{0};     // as the provider reports: connectors/transport/usage.h
};

}  // namespace mlnode::serving
