#include "serving/scheduling/fair_share.h"

#include <algorithm>
#include <cmath>

namespace mlnode::serving {
namespace {

// Nobody is shut out for longer because of a batch that took for ever (10 s).
constexpr double kDeepestDebt = -1e7;

}  // namespace

FairShare::Account* FairShare::Find(Id id) {
  const auto found = std::find_if(accounts_.begin(), accounts_.end(), [id](const Account& a) { return a.id == id; });
  return found == accounts_.end() ? nullptr : &*found;
}

void FairShare::Activate(Id id) {
  Account* account = Find(id);
  if (account == nullptr) account = &accounts_.emplace_back(Account{.id = id});
  if (!account->waits) ++waiting_;
  account->waits = true;
}

void FairShare::Deactivate(Id id) {
  Account* account = Find(id);
  if (account == nullptr || !account->waits) return;
  account->waits = false;
  account->credit = std::min(account->credit, 0.0);
  --waiting_;
}

void FairShare::Forget(Id id) {
  Deactivate(id);
  std::erase_if(accounts_, [id](const Account& account) { return account.id == id; });
}

// As many as lift the first of those that wait above zero.
void FairShare::AddRounds() {
  double highest = kDeepestDebt;
  for (const Account& account : accounts_) {
    if (account.waits) highest = std::max(highest, account.credit);
  }
  const double added = (std::floor(-highest / quantum_) + 1) * quantum_;
  for (Account& account : accounts_) {
    account.credit += added;
    if (!account.waits) account.credit = std::min(account.credit, 0.0);
  }
}

std::optional<FairShare::Id> FairShare::Next() {
  if (waiting_ == 0) return std::nullopt;
  for (int attempt = 0; attempt < 2; ++attempt) {
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
      const std::size_t at = (turn_ + i) % accounts_.size();
      if (!accounts_[at].waits || accounts_[at].credit <= 0) continue;
      turn_ = at;
      return accounts_[at].id;
    }
    AddRounds();
  }
  return std::nullopt;  // never reached: AddRounds lifted one
}

void FairShare::Charge(Id id, double micros) {
  Account* account = Find(id);
  if (account == nullptr) return;
  account->credit = std::max(account->credit - micros, kDeepestDebt);
  if (!account->waits) account->credit = std::min(account->credit, 0.0);
  const bool had_its_turn = account == &accounts_[turn_ % accounts_.size()] && account->credit <= 0;
  if (had_its_turn) turn_ = (turn_ + 1) % accounts_.size();
}

}  // namespace mlnode::serving
