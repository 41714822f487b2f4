// deploy/deploy_deadline.h: how long a deploy may be without progress.
#pragma once

#include "config/settings.h"
#include "core/clock.h"

namespace mlnode::deploy {

inline EpochMillis DeployDeadlineLength(const config::Snapshot& settings) {
  return settings.Int("mlnode.deploy.deadline_seconds") * 1000;
}

// When a deploy that is planned now must have made progress.
inline EpochMillis DeployDeadlineFrom(EpochMillis now, const config::Snapshot& settings) {
  return now + DeployDeadlineLength(settings);
}

}  // namespace mlnode::deploy
