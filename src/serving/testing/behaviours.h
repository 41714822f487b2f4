// serving/testing/behaviours.h: single deviations of the fake engine, by name.
#pragma once

#include <utility>

#include "engines/testing/fake_engine.h"

namespace mlnode::serving::testing {

inline engines::FakeBehaviour OnLoad(std::function<Status(const engines::LoadOptions&)> hook) {
  engines::FakeBehaviour behaviour;
  behaviour.on_load = std::move(hook);
  return behaviour;
}
inline engines::FakeBehaviour OnRun(std::function<Status(const TokenBatch&)> hook) {
  engines::FakeBehaviour behaviour;
  behaviour.on_run = std::move(hook);
  return behaviour;
}
inline engines::FakeBehaviour NanFor(std::int64_t token) {
  engines::FakeBehaviour behaviour;
  behaviour.nan_token = token;
  return behaviour;
}

}  // namespace mlnode::serving::testing
