// serving/monitoring/recorded_servable.h: a Servable that counts its predictions and how long they take, around any
// other.
#pragma once

#include <memory>

#include "models/action_stats.h"
#include "serving/servable.h"

namespace mlnode::serving {

struct Recording {
  models::ActionStats& actions;
  const Clock& clock;
  WindowLimit limit;
};
// Cost per prediction: a few atomic additions, two clock readings and two short locks of this model's own.
std::shared_ptr<Servable> MakeRecordedServable(std::shared_ptr<Servable> inner, const Recording& recording);

}  // namespace mlnode::serving
