#include "serving/testing/serving_fixture.h"

#include <utility>

namespace mlnode::serving::testing {

ServingFixture::ServingFixture() {
  cache_ = std::move(ArtifactCache::Open({.folder = dir_.File("cache"), .sync = FileSync::kNone}, store_)).value();
  Open();
}

void ServingFixture::Open(std::uint64_t memory_limit) {
  local_.reset();
  executor_.RunUntilIdle();
  queue_ = Scheduler::Create({}, executor_, executor_, clock_, metrics_);
  budget_ = std::make_unique<MemoryBudget>(memory_limit, 0);
  local_ = LocalModels::Create({.store = store_,
                                .cache = *cache_,
                                .engines = registry_,
                                .budget = *budget_,
                                .queue = *queue_,
                                .loading = executor_,
                                .cpu = executor_,
                                .clock = clock_,
                                .metrics = metrics_,
                                .actions = actions_,
                                .lanes = 2,
                                .acceleration = acceleration_,
                                .memory_used = [this] { return memory_used_; }});
}

LoadSpec ServingFixture::Register(const std::string& id, std::string model_file, const std::string& tokenizer) {
  if (model_file.empty()) model_file = "weights of " + id;
  return StoreArchive(store_, id, ModelArchive(model_file, tokenizer));
}

void ServingFixture::Load(const LoadSpec& spec, std::uint64_t generation) {
  local_->Load(spec, generation, [this](const ModelId& id) { phases_[id].push_back(Local(id).phase); });
}

void ServingFixture::LoadToEnd(const LoadSpec& spec, std::uint64_t generation) {
  Load(spec, generation);
  executor_.RunUntilIdle();
}

LocalModel ServingFixture::Local(const ModelId& id) const {
  for (LocalModel& model : local_->List()) {
    if (model.model == id) return std::move(model);
  }
  LocalModel absent;
  absent.state = LocalState::kFailed;
  return absent;
}

double ServingFixture::LoadsTotal(const char* result) {
  return metrics_.GetCounter("mlnode_model_loads_total", "", {{"result", result}}).Value();
}

std::shared_ptr<ServingFixture::Predicted> ServingFixture::Predict(const LoadSpec& spec, std::vector<std::string> texts,
                                                                   PredictRequest request) {
  auto predicted = std::make_shared<Predicted>();
  auto servable = local_->Find(spec.model);
  if (!servable) {
    ADD_FAILURE() << spec.model.str() << " is not in service";
    return predicted;
  }
  auto owner = std::make_shared<const std::vector<std::string>>(std::move(texts));
  request.texts.assign(owner->begin(), owner->end());
  request.owner = owner;
  servable->Predict(std::move(request), servable, [predicted](Result<PredictResult> result) {
    EXPECT_FALSE(predicted->answer) << "answered twice";
    predicted->answer = std::move(result);
  });
  return predicted;
}

}  // namespace mlnode::serving::testing
