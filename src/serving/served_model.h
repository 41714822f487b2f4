// serving/served_model.h: what a load leaves in memory, for any function.
#pragma once

#include <atomic>
#include <memory>

#include "engines/engine.h"
#include "serving/artifact_cache.h"
#include "serving/memory_budget.h"
#include "serving/pipeline.h"
#include "serving/remote/remote_terms.h"
#include "serving/servable.h"
#include "text/tokenizer.h"

namespace mlnode::serving {

// Members go in reverse order: the reservation is given back when all else is gone.
struct ServedModel {
  MemoryBudget::Reservation reservation;
  std::shared_ptr<const Artifact> artifact;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::unique_ptr<engines::LoadedModel> engine;  // null: the function has none (SPARSE_TOKENIZE)
  std::unique_ptr<Pipeline> pipeline;
  std::shared_ptr<RemoteTermsSource> remote;  // REMOTE only, which has none of the above
  ServableInfo info;
  std::atomic<SteadyTime> last_used = SteadyTime();  // LocalModel::last_used
  CancelFlag withdrawn = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace mlnode::serving
