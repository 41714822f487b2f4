#include "connectors/transport/circuit_breaker.h"

#include <algorithm>
#include <bit>

namespace mlnode::connectors {
namespace {

constexpr std::uint32_t kWindowBits = (1U << CircuitBreaker::kWindow) - 1;
// While a probe is under way nobody knows how long it takes; so soon it is worth asking again.
constexpr std::chrono::seconds kProbeWait{1};

}  // namespace

CircuitBreaker::Pass CircuitBreaker::Admit(SteadyTime now) {
  if (!open_) return Pass::kOrdinary;
  if (now < next_probe_) return Pass::kRefused;
  probing_ = true;
  next_probe_ = now + kOpenFor;
  return Pass::kProbe;
}

void CircuitBreaker::Succeeded(bool probe) {
  if (!open_) return Record(false);
  if (!probe) return;  // was sent before the circuit opened; the probe decides
  *this = CircuitBreaker();
}

void CircuitBreaker::Failed(bool probe, SteadyTime now) {
  if (open_) {
    if (probe) Open(now);
    return;
  }
  Record(true);
  const int failures = std::popcount(window_);
  if (in_a_row_ >= kConsecutiveFailures || (seen_ == kWindow && failures * 2 > kWindow)) Open(now);
}

void CircuitBreaker::Abandoned(bool probe) {
  if (!probe) return;
  probing_ = false;
  next_probe_ = {};  // the next call is the probe
}

Duration CircuitBreaker::RetryAfter(SteadyTime now) const {
  if (!open_) return Duration::zero();
  const Duration wait = std::max(Duration::zero(), next_probe_ - now);
  return probing_ ? std::min<Duration>(wait, kProbeWait) : wait;
}

void CircuitBreaker::Record(bool failed) {
  in_a_row_ = failed ? in_a_row_ + 1 : 0;
  window_ = ((window_ << 1U) | (failed ? 1U : 0U)) & kWindowBits;
  seen_ = std::min(seen_ + 1, kWindow);
}

void CircuitBreaker::Open(SteadyTime now) {
  *this = CircuitBreaker();
  open_ = true;
  next_probe_ = now + kOpenFor;
}

}  // namespace mlnode::connectors
