// serving/testing/fake_local_models.h: a LocalModels without engines, files or memory, for tests of deployment.
// A load passes the real phases one after the other on the executor, each after `phase_time`, and ends as scripted; one
// of a ready model for another precision passes them too, and ends well.
// Threads: one (a ManualExecutor).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/executor.h"
#include "serving/local_models.h"

namespace mlnode::serving::testing {

class FakeLocalModels final : public LocalModels {
 public:
  struct Script {
    Duration phase_time{};
    std::optional<Error> error = {};     // how the load ends, if not well
    Phase fails_at = Phase::kLoading;    // reached before it fails
    int failures = 1'000'000;            // loads that end with `error`; later ones are well
    std::optional<Phase> stuck_at = {};  // a phase it does not leave until the script changes
    ServableInfo info = {.engine = "fake 1", .resident_bytes = 1'000, .peak_bytes = 3'000, .max_tokens = 512};
  };

  explicit FakeLocalModels(Executor& executor);
  ~FakeLocalModels() override;
  // For loads from now on, and for one that is stuck.
  void SetScript(const ModelId& model, Script script);
  // A ready model goes to kFailed with `error`, as if the load had found it.
  void Fail(const ModelId& model, Error error);
  // What List() shows of a ready model; until then it is never unused.
  void SetLastUsed(const ModelId& model, SteadyTime at);

  void Load(LoadSpec spec, std::uint64_t generation, std::function<void(const ModelId&)> changed) override;
  void Unload(const ModelId& model, Duration drain) override;
  std::shared_ptr<Servable> Find(const ModelId& model) const override;
  std::vector<LocalModel> List() const override;
  void KeepArtifacts(const std::set<std::string>& content_hashes) override;

  int LoadsBegun(const ModelId& model) const;           // not counting generations noted on what was there
  int Unloads(const ModelId& model) const;              // calls for a model that was there
  int Predictions() const;                              // by all servables of this fake
  const std::set<std::string>& kept_artifacts() const;  // of the last KeepArtifacts

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Answers each text with a tensor "sentence_embedding" [2]: its length in bytes and 1. Calls `done` inside Predict.
class FakeServable final : public Servable {
 public:
  FakeServable(LoadSpec spec, ServableInfo info, std::shared_ptr<int> predictions);
  const LoadSpec& spec() const override { return spec_; }
  const ServableInfo& info() const override { return info_; }
  void Predict(PredictRequest request, std::shared_ptr<Servable> self, PredictDone done) override;

 private:
  LoadSpec spec_;
  ServableInfo info_;
  std::shared_ptr<int> predictions_;
};

}  // namespace mlnode::serving::testing
