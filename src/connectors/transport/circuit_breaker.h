// connectors/transport/circuit_breaker.h: stops asking an endpoint that cannot be reached, so that a dead provider
// costs neither connections nor waiting. A state machine without a clock of its own. Not thread-safe.
//
//   closed --kConsecutiveFailures in a row, or more than half of the last kWindow--> open
//   open --kOpenFor--> half open: a probe each kOpenFor --success--> closed; --failure--> open
//
// Another probe follows while one is still under way: a silent one takes as long as the caller allows, and says nothing
// until then.
// A failure is a connection that cannot be made, breaks or stays silent. Any HTTP status is a success: the caller gets
// it as it is, and overload is what retries are for.
#pragma once

#include <cstdint>

#include "core/clock.h"

namespace mlnode::connectors {

class CircuitBreaker {
 public:
  // Enough that a few lost connections of a busy endpoint do not count; reached within one connection_timeout by any
  // load worth protecting.
  static constexpr int kConsecutiveFailures = 10;
  static constexpr int kWindow = 20;
  // A restarting provider is back within seconds; one probe each 5 s costs nobody anything.
  static constexpr std::chrono::seconds kOpenFor{5};

  enum class Pass : std::uint8_t { kOrdinary, kProbe, kRefused };
  // Whether a call may go out now. After kProbe exactly one of the three below must follow, with probe = true: as soon
  // as anything is known, for others are refused meanwhile.
  Pass Admit(SteadyTime now);
  void Succeeded(bool probe);
  void Failed(bool probe, SteadyTime now);
  // The call ended without telling anything about the endpoint: cancelled, or refused on this side.
  void Abandoned(bool probe);

  // When to ask again, from `now`; zero: at once. Changes nothing.
  Duration RetryAfter(SteadyTime now) const;
  bool open() const { return open_; }  // half open counts as open

 private:
  void Record(bool failed);
  void Open(SteadyTime now);

  bool open_ = false;
  bool probing_ = false;
  SteadyTime next_probe_{};
  int in_a_row_ = 0;
  std::uint32_t window_ = 0;  // one bit an outcome, the newest lowest; 1: failed
  int seen_ = 0;              // outcomes in the window
};

}  // namespace mlnode::connectors
