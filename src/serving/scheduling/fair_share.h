// serving/scheduling/fair_share.h: deficit round robin between models, in estimated engine microseconds.
// A model whose account is above zero may run; when none that waits is, every account gets as many quanta as the first
// needs. Credit is lost when nothing waits any more, debt is kept, so that a model that waits with one costly batch at
// a time gets no more than its share. Threads: one at a time. Cost: O(models).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace mlnode::serving {

class FairShare {
 public:
  using Id = std::uint64_t;
  // A model runs for about a quantum before the next has its turn.
  explicit FairShare(double quantum_micros) : quantum_(quantum_micros) {}

  // Work of `id` waits from now on. Idempotent, as the two below.
  void Activate(Id id);
  void Deactivate(Id id);
  void Forget(Id id);
  // Whose turn it is among those that wait; the same until it is charged for. Empty when none waits.
  std::optional<Id> Next();
  // Negative: an estimate was too high. Unknown ids are ignored.
  void Charge(Id id, double micros);
  std::size_t waiting() const { return waiting_; }

 private:
  struct Account {
    Id id = 0;
    double credit = 0;
    bool waits = false;
  };
  Account* Find(Id id);
  void AddRounds();

  const double quantum_;
  std::vector<Account> accounts_;  // in the order of turns
  std::size_t turn_ = 0;           // whose turn it is, or begins the search
  std::size_t waiting_ = 0;
};

}  // namespace mlnode::serving
