// serving/testing/serving_fixture.h: all of this room with a fake engine, one store in memory and one ManualExecutor.
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/testing/manual_executor.h"
#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"
#include "serving/local_models.h"
#include "serving/testing/model_archive.h"
#include "storage/memory/memory_store.h"

namespace mlnode::serving::testing {

class ServingFixture : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kLimit = 1ULL << 30U;

  ServingFixture();
  // A new LocalModels and its queue and budget; what was loaded before goes.
  void Open(std::uint64_t memory_limit = kLimit);
  // Stores an archive with this model file (its own content for each id by default) and says how to load it.
  LoadSpec Register(const std::string& id, std::string model_file = "", const std::string& tokenizer = TestTokenizer());
  void Load(const LoadSpec& spec, std::uint64_t generation = 1);
  // Load, and run until it ended.
  void LoadToEnd(const LoadSpec& spec, std::uint64_t generation = 1);
  LocalModel Local(const ModelId& id) const;  // state kFailed without error when it is not in the list
  // The shown phases of each `changed` call, in order, by model.
  std::vector<Phase>& PhasesOf(const LoadSpec& spec) { return phases_[spec.model]; }
  double LoadsTotal(const char* result);

  struct Predicted {
    std::optional<Result<PredictResult>> answer;
  };
  // Begins a prediction; run the executor for its answer.
  std::shared_ptr<Predicted> Predict(const LoadSpec& spec, std::vector<std::string> texts, PredictRequest request = {});

  mlnode::testing::TempDir dir_;
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  storage::MemoryStore store_{clock_};
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry registry_{engine_};
  Metrics metrics_;
  models::ActionStats actions_;
  std::uint64_t memory_used_ = 0;
  AccelerationOptions acceleration_;  // for the next Open
  std::unique_ptr<ArtifactCache> cache_;
  std::unique_ptr<MemoryBudget> budget_;
  std::unique_ptr<Scheduler> queue_;
  std::unique_ptr<LocalModels> local_;
  std::map<ModelId, std::vector<Phase>> phases_;
};

}  // namespace mlnode::serving::testing
