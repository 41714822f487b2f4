// deploy/gate/rate_limits.h: how many predictions of each model and by each user may still begin on this node: token
// buckets (spec/controllers §1.4). Only what is limited has a bucket; a limit that changes gets a new, full one.
// Threads: any; one short lock, nothing is called under it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"
#include "core/guarded.h"
#include "core/id.h"
#include "core/result.h"
#include "models/rules/rate_limiter.h"

namespace mlnode::deploy {

// Full at first: holds `requests` of a node's share, at least one; a limit of 0 so lets one request pass. Not
// thread-safe.
class TokenBucket {
 public:
  // `nodes` (at least 1) share the allowance evenly.
  TokenBucket(const models::Allowance& allowance, std::size_t nodes, SteadyTime now);
  // The share changes, the tokens stay as far as they fit.
  void Share(std::size_t nodes, SteadyTime now);
  bool Take(SteadyTime now);
  // Until a token is there; Duration::max() when none ever comes.
  Duration Wait(SteadyTime now) const;
  bool Full(SteadyTime now) const;  // as good as a new one
  SteadyTime last_used() const { return used_; }
  const models::Allowance& allowance() const { return allowance_; }

 private:
  double TokensAt(SteadyTime now) const;
  void Refill(SteadyTime now);

  models::Allowance allowance_;
  std::size_t nodes_;
  double capacity_ = 1, tokens_ = 1;
  SteadyTime refilled_, used_;
};

class RateLimits {
 public:
  // Buckets kept, about 200 bytes each. Beyond, full ones go, then the one used least recently.
  static constexpr std::size_t kMaxBuckets = 4'096;

  explicit RateLimits(const Clock& clock) : clock_(clock) {}

  // Takes one token of the bucket of (model, user); the model's own has the empty user. kResourceExhausted with
  // retry_after when there is none; its message is the caller's to write.
  Status Take(const ModelId& model, std::string_view user, const models::Allowance& allowance, std::size_t nodes);
  std::size_t buckets() const;

 private:
  using BucketKey = std::pair<ModelId, std::string>;
  using Buckets = std::map<BucketKey, TokenBucket>;
  static void MakeRoom(Buckets& buckets, SteadyTime now);

  const Clock& clock_;
  Guarded<Buckets> buckets_;
};

}  // namespace mlnode::deploy
