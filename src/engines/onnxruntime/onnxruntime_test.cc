#include <filesystem>

#include "engines/plugin_engine.h"
#include "engines/testing/engine_contract.h"
#include "engines/testing/tiny_models.h"

namespace mlnode::engines {
namespace {
using ::testing::HasSubstr;

// Whatever the file: the choice by what a graph holds is the registry's, and not what is tested here.
class OnnxRuntimeRegistry final : public EngineRegistry {
 public:
  Result<Engine*> ForModel(ModelFormat, const std::filesystem::path&) override { return engine_.get(); }

 private:
  std::unique_ptr<Engine> engine_ =
      OpenPlugin(std::filesystem::path(MLNODE_PLUGIN_FOLDER) / "libmlnode_engine_onnxruntime.so").value();
};

struct OnnxRuntimeTraits {
  static constexpr ModelFormat kFormat = ModelFormat::kOnnx;
  static std::unique_ptr<EngineRegistry> MakeRegistry() { return std::make_unique<OnnxRuntimeRegistry>(); }
  static std::filesystem::path ModelFile() { return TinyModel("tiny_encoder.onnx"); }
  static std::filesystem::path FeatureFile() { return TinyModel("tiny_feature.onnx"); }
  static std::filesystem::path WholeFile() { return TinyModel("tiny_whole.onnx"); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(OnnxRuntime, EngineContract, OnnxRuntimeTraits);

class OnnxRuntimeTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<LoadedModel>> Load(const std::string& name, Precision precision = Precision::kF32) {
    return engine_->Load({.file = TinyModel(name), .cache_dir = {}, .precision = precision, .max_tokens = 64});
  }
  OnnxRuntimeRegistry registry_;
  Engine* engine_ = registry_.ForModel(ModelFormat::kOnnx, "").value();
  const std::vector<float> quantised_{-1.11413F, 0.01203F, 1.19352F, -1.98511F,
                                      -0.06992F, 0.50590F, 0.65570F, 1.20946F};
};

TEST_F(OnnxRuntimeTest, AgreesWithItsPythonPackage) {
  ExpectEmbedding(*Load("tiny_encoder.onnx").value(), TypedTokens(), TypedEmbedding());
}

TEST_F(OnnxRuntimeTest, QuantisedGraphSaysSoAndAgrees) {
  const auto model = Load("tiny_quantised.onnx").value();
  EXPECT_EQ(model->precision(), Precision::kQuantized);
  ExpectEmbedding(*model, TypedTokens(), quantised_);
}

// With a scale chosen by the data, padding or company would change the values.
TEST_F(OnnxRuntimeTest, DynamicScaleIsThatOfTheTextAlone) {
  const auto model = Load("tiny_quantised.onnx").value();
  const TokenBatch batch{.ids = {3, 4, 5, 9, 30, 31, 28, 27, 3, 4, 5},
                         .type_ids = {0, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0},
                         .offsets = {0, 3, 8, 11}};
  const auto result = model->Run(batch, {1}).value();
  const auto alone = model->Run(TypedTokens(), {1}).value().per_sequence[0][0];
  for (const std::size_t s : {0U, 2U}) {
    EXPECT_THAT(result.per_sequence[s][0].Floats(), ::testing::ElementsAreArray(alone.Floats()));
  }
}

TEST_F(OnnxRuntimeTest, ReadsWeightsFromAFileBeside) {
  ExpectEmbedding(*Load("tiny_external.onnx").value(), TypedTokens(), TypedEmbedding());
}

TEST_F(OnnxRuntimeTest, BakedBatchRunsOneByOne) {
  const auto model = Load("tiny_baked.onnx").value();
  ExpectTypedOneByOne(*model);
}

TEST_F(OnnxRuntimeTest, FillsInt32InputsAndPositions) {
  ExpectEmbedding(*Load("tiny_int32.onnx").value(), {.ids = {3, 4, 5}, .type_ids = {}, .offsets = {0, 3}},
                  {-0.23246F, -0.08317F, 0.30821F, -1.62823F, 0.41024F, 0.48916F, 0.72662F, 0.92300F});
}

TEST_F(OnnxRuntimeTest, GivesDoubles) {
  const auto model = Load("tiny_double.onnx").value();
  ExpectDoubles(*model);
}

TEST_F(OnnxRuntimeTest, UnknownInputIsNamedAtLoad) {
  const auto model = Load("tiny_unknown.onnx");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kInvalidArgument);
  EXPECT_THAT(model.error().message, HasSubstr("model input pixel_values is not known"));
}

TEST_F(OnnxRuntimeTest, Bf16IsRefused) {
  const auto model = Load("tiny_encoder.onnx", Precision::kBf16);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kUnimplemented);
}

TEST_F(OnnxRuntimeTest, IdBeyondTheVocabularyIsAnError) {
  const auto model = Load("tiny_encoder.onnx").value();
  const auto result = model->Run({.ids = {1'000'000}, .type_ids = {}, .offsets = {0, 1}}, {1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInternal);
  EXPECT_THAT(result.error().detail, HasSubstr("out of data bounds"));
}

}  // namespace
}  // namespace mlnode::engines
