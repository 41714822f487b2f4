// engines/testing/fake_engine.h: an engine without a library: the value of token t at dimension d is a hash of the
// model file's content, t and d (its type and features). Deterministic, no threads, no clock; reads nothing but the
// model file. A file that begins with "corrupt" is refused as kInvalidArgument, as a real parser would.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engines/engine.h"

namespace mlnode::engines {

// What tests change. Hooks are called without a lock held, on the thread that loads or runs; one may run a
// ManualExecutor to let other work happen meanwhile (a slow load), and may return the error that the call is to fail
// with.
struct FakeBehaviour {
  std::function<Status(const LoadOptions&)> on_load;
  std::function<Status(const TokenBatch&)> on_run;
  std::int64_t dim = 8;
  std::int64_t nan_token = -1;                     // sequences that hold this id come out as NaN
  float bf16_error = 0;                            // at bf16, values differ from f32 by up to this
  std::function<void(Precision)> on_compute = {};  // before a run computes: time passes, say
  std::size_t bytes_per_model = 0;  // what ResidentBytes counts for a loaded model; 0 = the size of its file
};

struct FakeEngineState;

// Threads: any.
class FakeEngine final : public Engine {
 public:
  FakeEngine();
  explicit FakeEngine(FakeBehaviour behaviour);
  ~FakeEngine() override;
  std::string name() const override { return "fake"; }
  // The model has the inputs of the options and outputs last_hidden_state [tokens, dim] and sentence_embedding [dim]
  // (its mean). Under OutputRule::kWhole its one output is indices [n] INT64: the values of the batch's first feature
  // that are not negative, in their order.
  Result<std::unique_ptr<LoadedModel>> Load(const LoadOptions& options) override;

  void SetBehaviour(FakeBehaviour behaviour);
  int loads() const;                  // calls that succeeded
  int live_models() const;            // loaded and not destroyed
  int runs() const;                   // calls that succeeded
  std::size_t ResidentBytes() const;  // of the live models

 private:
  std::shared_ptr<FakeEngineState> state_;
};

// Which formats go to the fake engine beside ONNX; another is kUnimplemented, as in a build without its plug-in.
enum class FakeFormats : std::uint8_t { kOnnxOnly, kAll };

class FakeEngineRegistry final : public EngineRegistry {
 public:
  explicit FakeEngineRegistry(FakeEngine& engine, FakeFormats formats = FakeFormats::kOnnxOnly)
      : engine_(engine), torch_script_(formats == FakeFormats::kAll) {}
  Result<Engine*> ForModel(ModelFormat format, const std::filesystem::path& file) override;

 private:
  FakeEngine& engine_;
  bool torch_script_;
};

}  // namespace mlnode::engines
