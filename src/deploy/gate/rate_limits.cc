#include "deploy/gate/rate_limits.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mlnode::deploy {
namespace {

constexpr double kToken = 1 - 1e-9;  // what a thousand refills lose to rounding is not a client's loss

double Share(const models::Allowance& allowance, std::size_t nodes) {
  return allowance.requests / static_cast<double>(std::max<std::size_t>(nodes, 1));
}

}  // namespace

TokenBucket::TokenBucket(const models::Allowance& allowance, std::size_t nodes, SteadyTime now)
    : allowance_(allowance), nodes_(nodes), refilled_(now), used_(now) {
  capacity_ = tokens_ = std::max(deploy::Share(allowance_, nodes_), 1.0);
}

void TokenBucket::Share(std::size_t nodes, SteadyTime now) {
  if (nodes == nodes_) return;
  Refill(now);
  nodes_ = nodes;
  capacity_ = std::max(deploy::Share(allowance_, nodes_), 1.0);
  tokens_ = std::min(tokens_, capacity_);
}

double TokenBucket::TokensAt(SteadyTime now) const {
  if (now <= refilled_) return tokens_;  // threads come here in another order than they read the clock in
  const double periods =
      static_cast<double>((now - refilled_).count()) / static_cast<double>(allowance_.period.count());
  return std::min(capacity_, tokens_ + periods * deploy::Share(allowance_, nodes_));
}

void TokenBucket::Refill(SteadyTime now) {
  tokens_ = TokensAt(now);
  refilled_ = std::max(refilled_, now);
}

bool TokenBucket::Take(SteadyTime now) {
  Refill(now);
  used_ = now;
  if (tokens_ < kToken) return false;
  tokens_ = std::max(tokens_ - 1, 0.0);
  return true;
}

Duration TokenBucket::Wait(SteadyTime now) const {
  const double missing = kToken - TokensAt(now);
  if (missing <= 0) return Duration::zero();
  const double share = deploy::Share(allowance_, nodes_);
  if (share <= 0) return Duration::max();
  const double nanoseconds = missing / share * static_cast<double>(allowance_.period.count());
  constexpr double kYear = 365.0 * 86'400 * 1e9;  // beyond: never
  return nanoseconds < kYear ? Duration(static_cast<Duration::rep>(std::ceil(nanoseconds))) : Duration::max();
}

bool TokenBucket::Full(SteadyTime now) const { return TokensAt(now) >= capacity_; }

void RateLimits::MakeRoom(Buckets& buckets, SteadyTime now) {
  if (buckets.size() < kMaxBuckets) return;
  std::erase_if(buckets, [&](const auto& entry) { return entry.second.Full(now); });
  if (buckets.size() < kMaxBuckets) return;
  const auto used = [](const Buckets::value_type& entry) { return entry.second.last_used(); };
  buckets.erase(std::ranges::min_element(buckets, {}, used));
}

Status RateLimits::Take(const ModelId& model, std::string_view user, const models::Allowance& allowance,
                        std::size_t nodes) {
  const SteadyTime now = clock_.Now();
  BucketKey key{model, std::string(user)};
  const auto buckets = buckets_.Lock();
  auto found = buckets->find(key);
  if (found == buckets->end()) {
    MakeRoom(*buckets, now);
    found = buckets->emplace(std::move(key), TokenBucket(allowance, nodes, now)).first;
  } else if (found->second.allowance() != allowance) {
    found->second = TokenBucket(allowance, nodes, now);
  }
  TokenBucket& bucket = found->second;
  bucket.Share(nodes, now);
  if (bucket.Take(now)) return {};
  Error error{.code = Code::kResourceExhausted, .message = "Request is throttled."};
  if (const Duration wait = bucket.Wait(now); wait != Duration::max())
    error.retry_after = std::chrono::ceil<std::chrono::milliseconds>(wait);
  return error;
}

std::size_t RateLimits::buckets() const { return buckets_.Lock()->size(); }

}  // namespace mlnode::deploy
