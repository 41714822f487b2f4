// serving/monitoring/recorded_servable.h: a Servable that counts its predictions, what they read and how long they
// take, around any other.
#pragma once

#include <memory>

#include "core/metrics.h"
#include "models/action_stats.h"
#include "serving/servable.h"

namespace mlnode::serving {

struct Recording {
  models::ActionStats& actions;
  Metrics& metrics;  // mlnode_model_{documents,tokens,truncated}_total, by model
  const Clock& clock;
  WindowLimit limit;
};
// Cost per prediction: a few atomic additions, two clock readings and two short locks of this model's own.
std::shared_ptr<Servable> MakeRecordedServable(std::shared_ptr<Servable> inner, const Recording& recording);

}  // namespace mlnode::serving
