// engines/testing/tiny_models.h: the small models of tests/data (make_tiny_onnx.py, make_tiny_torchscript.py), what
// goes into them and what the references give for it.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "engines/engine.h"

namespace mlnode::engines {

inline std::filesystem::path TinyModel(const std::string& name) {
  return std::filesystem::path(MLNODE_TEST_DATA) / name;
}

// Ids 3 4 5 with types 0 1 0, and without.
inline TokenBatch TypedTokens() { return {.ids = {3, 4, 5}, .type_ids = {0, 1, 0}, .offsets = {0, 3}}; }
inline TokenBatch PlainTokens() { return {.ids = {3, 4, 5}, .type_ids = {}, .offsets = {0, 3}}; }

// The sentence_embedding of tiny_encoder: of TypedTokens by ONNX Runtime's Python package, of PlainTokens without type
// embedding by Python's torch.
inline std::vector<float> TypedEmbedding() {
  return {-1.11528F, 0.01205F, 1.19433F, -1.98626F, -0.07031F, 0.50589F, 0.65449F, 1.20985F};
}
inline std::vector<float> PlainEmbedding() {
  return {0.03017F, 0.14261F, -0.39036F, -1.68382F, 0.00829F, 0.48092F, 0.35738F, 0.75201F};
}

inline void ExpectEmbedding(LoadedModel& model, const TokenBatch& batch, const std::vector<float>& expected,
                            int output = 1, float tolerance = 1e-5F) {
  const auto result = model.Run(batch, {output});
  ASSERT_TRUE(result) << model.engine() << ": " << result.error().message << result.error().detail;
  EXPECT_THAT(result->per_sequence[0][0].Floats(), ::testing::Pointwise(::testing::FloatNear(tolerance), expected))
      << model.engine();
}

// A model with a batch of 1 baked in gives every sequence of a batch what it gives it alone.
inline void ExpectTypedOneByOne(LoadedModel& model) {
  const TokenBatch batch{.ids = {3, 4, 5, 9, 3, 4, 5}, .type_ids = {0, 1, 0, 0, 0, 1, 0}, .offsets = {0, 3, 4, 7}};
  const auto result = model.Run(batch, {1}).value();
  for (const std::size_t s : {0U, 2U}) {
    EXPECT_THAT(result.per_sequence[s][0].Floats(),
                ::testing::Pointwise(::testing::FloatNear(1e-5F), TypedEmbedding()));
  }
}

// tiny_double: sentence_embedding as doubles.
inline void ExpectDoubles(LoadedModel& model) {
  ASSERT_EQ(model.outputs()[1].type, DataType::kFloat64);
  const auto result = model.Run(TypedTokens(), {1}).value();
  const auto* const values = static_cast<const double*>(result.per_sequence[0][0].data);
  for (std::size_t i = 0; i < TypedEmbedding().size(); ++i) EXPECT_NEAR(values[i], TypedEmbedding()[i], 1e-5);
}

}  // namespace mlnode::engines
