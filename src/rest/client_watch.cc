#include "rest/client_watch.h"

#include <utility>

namespace mlnode::rest {
namespace {

constexpr Duration kSweepEvery = std::chrono::milliseconds(100);

}  // namespace

serving::CancelFlag ClientWatch::Watch(const std::shared_ptr<net::HttpExchange>& exchange) {
  auto flag = std::make_shared<std::atomic<bool>>(false);
  bool first = false;
  {
    auto state = state_.Lock();
    state->entries.push_back({flag, exchange});
    first = !std::exchange(state->sweeping, true);
  }
  if (first) Schedule();
  return flag;
}

void ClientWatch::Schedule() {
  timers_.PostAfter(kSweepEvery, [this] { Sweep(); }).Detach();
}

void ClientWatch::Sweep() {
  std::vector<Entry> running;
  std::swap(running, state_.Lock()->entries);
  bool any_gone = false;
  std::erase_if(running, [&any_gone](const Entry& entry) {
    const auto flag = entry.flag.lock();
    const auto exchange = entry.exchange.lock();
    if (flag == nullptr || exchange == nullptr) return true;
    if (!exchange->ClientGone()) return false;
    flag->store(true, std::memory_order_relaxed);
    any_gone = true;
    return true;
  });
  if (any_gone && gone_) gone_();
  bool again = false;
  {
    auto state = state_.Lock();
    state->entries.insert(state->entries.end(), running.begin(), running.end());
    again = state->sweeping = !state->entries.empty();
  }
  if (again) Schedule();
}

}  // namespace mlnode::rest
