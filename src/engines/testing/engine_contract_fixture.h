// engines/testing/engine_contract_fixture.h: what the tests of engine_contract.h load and compare.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "core/testing/temp_dir.h"
#include "engines/engine.h"

namespace mlnode::engines {

template <class Traits>
class EngineContract : public ::testing::Test {
 protected:
  static constexpr std::int64_t kMaxTokens = 64;

  Result<std::unique_ptr<LoadedModel>> TryLoad(const std::filesystem::path& file, int lanes = 2) {
    return engine_->Load({.file = file, .cache_dir = {}, .lanes = lanes, .max_tokens = kMaxTokens});
  }
  std::unique_ptr<LoadedModel> Load(int lanes = 2) { return TryLoad(Traits::ModelFile(), lanes).value(); }

  // Sequences of lengths 1, 4, 7, ... in an order that is not sorted; every third token has type 1.
  static TokenBatch Ragged(std::size_t sequences) {
    TokenBatch batch;
    for (std::size_t s = 0; s < sequences; ++s) {
      const std::size_t length = 1 + (s * 29) % 60;
      for (std::size_t t = 0; t < length; ++t) {
        batch.ids.push_back(static_cast<std::int64_t>((s * 7 + t * 3) % 32));
        batch.type_ids.push_back(t % 3 == 2 ? 1 : 0);
      }
      batch.offsets.push_back(batch.ids.size());
    }
    return batch;
  }

  static TokenBatch Only(const TokenBatch& batch, std::size_t s) {
    const auto first = static_cast<std::ptrdiff_t>(batch.offsets[s]);
    const auto last = static_cast<std::ptrdiff_t>(batch.offsets[s + 1]);
    return {.ids = {batch.ids.begin() + first, batch.ids.begin() + last},
            .type_ids = {batch.type_ids.begin() + first, batch.type_ids.begin() + last},
            .offsets = {0, batch.Length(s)}};
  }

  static void ExpectNear(const TensorView& actual, const TensorView& expected) {
    ASSERT_EQ(actual.shape, expected.shape);
    constexpr float kTolerance = 1e-5F;
    EXPECT_THAT(actual.Floats(), ::testing::Pointwise(::testing::FloatNear(kTolerance), expected.Floats()));
  }

  static std::vector<std::string> With(const std::string& feature) { return {"input_ids", "attention_mask", feature}; }
  std::unique_ptr<LoadedModel> LoadFeature() {
    return engine_
        ->Load(
            {.file = Traits::FeatureFile(), .cache_dir = {}, .max_tokens = kMaxTokens, .inputs = With("segment_ids")})
        .value();
  }
  std::unique_ptr<LoadedModel> LoadWhole() {
    return engine_
        ->Load({.file = Traits::WholeFile(),
                .cache_dir = {},
                .max_tokens = kMaxTokens,
                .inputs = With("sentence_ids"),
                .output_rule = OutputRule::kWhole})
        .value();
  }
  // What are types in `batch` as a feature.
  static TokenBatch AsFeature(TokenBatch batch, std::string name) {
    batch.features = {{.name = std::move(name), .values = std::exchange(batch.type_ids, {}), .padding = 1}};
    return batch;
  }
  static std::vector<std::int64_t> Integers(const TensorView& view) {
    const auto* const values = static_cast<const std::int64_t*>(view.data);
    return {values, values + view.Values()};
  }

  static Code RunCode(LoadedModel& model, const TokenBatch& batch, const std::vector<int>& wanted) {
    const auto result = model.Run(batch, wanted);
    return result ? Code::kInternal : result.error().code;
  }

  mlnode::testing::TempDir dir_;
  std::unique_ptr<EngineRegistry> registry_ = Traits::MakeRegistry();
  Engine* engine_ = registry_->ForModel(Traits::kFormat, Traits::ModelFile()).value();
};

}  // namespace mlnode::engines
