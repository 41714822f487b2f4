// storage/nats/feed/tombstones.h: the removals that the stream still holds, and when it may lose them. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "storage/store.h"

namespace mlnode::storage {

class Tombstones {
 public:
  // The oldest of more are forgotten: they stay in the stream until somebody reads it anew.
  static constexpr std::size_t kMost = 100'000;

  struct Removal {
    std::uint64_t sequence = 0;
    Key key;
  };

  // The server's time of a message. The newest of all is what "now" is by the servers' clocks; where nothing is written
  // nothing needs to go.
  void Hear(std::int64_t time_ns);
  // A removal that counts, stored at time_ns by a server's clock and heard at `heard` by this node's. Returns the one
  // that is forgotten for it, if any.
  std::optional<Removal> Note(Removal removal, std::int64_t time_ns, SteadyTime heard);
  // Up to `most` that are older than `grace` by both clocks, oldest first: one server's clock that is ahead takes
  // nothing from a node that was away.
  std::vector<Removal> Due(Duration grace, std::size_t most, SteadyTime now) const;
  void Forget(std::uint64_t sequence) { removals_.erase(sequence); }
  void Clear() { removals_.clear(); }

 private:
  struct Dated {
    Key key;
    std::int64_t time_ns = 0;
    SteadyTime heard;
  };
  std::map<std::uint64_t, Dated> removals_;  // by sequence
  std::int64_t now_ns_ = 0;
};

}  // namespace mlnode::storage
