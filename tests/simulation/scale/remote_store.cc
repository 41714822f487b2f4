#include "simulation/scale/remote_store.h"

namespace mlnode::simulation {
namespace {

Error Dead() { return MakeError(Code::kUnavailable, "the process has ended"); }

}  // namespace

Result<storage::DocumentPtr> RemoteStore::GetFresh(const storage::Key& key) const {
  servers_.Way();
  if (dead_) return Dead();
  auto found = replica_.GetFresh(key);
  servers_.Way();
  return found;
}

Status RemoteStore::CatchUp(Duration limit) const {
  servers_.Way();
  servers_.Take();  // what it is to have heard of is written as any document is
  if (dead_) return Dead();
  servers_.Way();
  return replica_.CatchUp(limit);
}

storage::WriteOutcome RemoteStore::TryWrite(const storage::Write& write) {
  servers_.Way();
  servers_.Take();
  if (dead_) return Dead();
  storage::WriteOutcome outcome = replica_.TryWrite(write);
  servers_.Note(std::holds_alternative<Error>(outcome));
  servers_.Way();
  return outcome;
}

Result<std::optional<storage::Written>> RemoteStore::Settle(const storage::Key& key, std::uint64_t nonce) const {
  servers_.Way();
  if (dead_) return Dead();
  auto settled = replica_.Settle(key, nonce);
  servers_.Way();
  return settled;
}

}  // namespace mlnode::simulation
