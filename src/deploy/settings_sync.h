// deploy/settings_sync.h: owns the settings document: reads it at start, follows it, and changes it for PUT
// _cluster/settings. A value is validated before it is written, so following can never fail; a document that does not
// parse is kept and logged.
#pragma once

#include <memory>

#include "config/settings.h"
#include "core/executor.h"
#include "storage/store.h"

namespace mlnode::deploy {

class SettingsSync {
 public:
  SettingsSync(storage::Store& store, config::Settings& settings, RandomSource& random, Executor& background);
  ~SettingsSync();
  // Installs what is stored and watches it. kUnavailable.
  Status Start();
  void Stop();
  // Validates, stores by compare-and-swap, installs; returns when it is in force on this node. Blocks: run on
  // `background`.
  Status Change(const config::ChangeRequest& change);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlnode::deploy
