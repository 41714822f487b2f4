#include <filesystem>
#include <fstream>

#include "engines/testing/engine_contract.h"
#include "engines/testing/tiny_models.h"

namespace mlnode::engines {
namespace {
using ::testing::HasSubstr;

struct OpenVinoTraits {
  static std::unique_ptr<EngineRegistry> MakeRegistry() { return MakePluginRegistry(MLNODE_PLUGIN_FOLDER); }
  static constexpr ModelFormat kFormat = ModelFormat::kOnnx;
  static std::filesystem::path ModelFile() { return TinyModel("tiny_encoder.onnx"); }
  static std::filesystem::path FeatureFile() { return TinyModel("tiny_feature.onnx"); }
  static std::filesystem::path WholeFile() { return TinyModel("tiny_whole.onnx"); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(OpenVino, EngineContract, OpenVinoTraits);

class OpenVinoTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<LoadedModel>> Load(const std::string& name, std::filesystem::path cache_dir = {}) {
    return engine_->Load({.file = TinyModel(name), .cache_dir = std::move(cache_dir), .max_tokens = 64});
  }
  std::unique_ptr<EngineRegistry> registry_ = MakePluginRegistry(MLNODE_PLUGIN_FOLDER);
  Engine* engine_ = registry_->ForModel(ModelFormat::kOnnx, MLNODE_TEST_DATA "/tiny_encoder.onnx").value();
};

TEST_F(OpenVinoTest, AgreesWithOnnxRuntime) {
  ExpectEmbedding(*Load("tiny_encoder.onnx").value(), TypedTokens(), TypedEmbedding());
}

TEST_F(OpenVinoTest, ReadsWeightsFromAFileBeside) {
  ExpectEmbedding(*Load("tiny_external.onnx").value(), TypedTokens(), TypedEmbedding());
}

TEST_F(OpenVinoTest, BakedBatchRunsOneByOne) {
  const auto model = Load("tiny_baked.onnx").value();
  ExpectTypedOneByOne(*model);
}

TEST_F(OpenVinoTest, FillsInt32InputsAndPositions) {
  const auto model = Load("tiny_int32.onnx").value();
  ExpectEmbedding(*model, {.ids = {3, 4, 5}, .type_ids = {}, .offsets = {0, 3}},
                  {-0.23246F, -0.08317F, 0.30821F, -1.62823F, 0.41024F, 0.48916F, 0.72662F, 0.92300F});
  const auto typed = model->Run(TypedTokens(), {1});
  ASSERT_FALSE(typed);
  EXPECT_EQ(typed.error().code, Code::kInvalidArgument);
  EXPECT_THAT(typed.error().message, HasSubstr("no input token_type_ids"));
}

TEST_F(OpenVinoTest, UnknownInputIsNamedAtLoad) {
  const auto model = Load("tiny_unknown.onnx");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kInvalidArgument);
  EXPECT_THAT(model.error().message, HasSubstr("model input pixel_values is not known"));
}

TEST_F(OpenVinoTest, IdBeyondTheVocabularyDoesNotEndTheProcess) {
  const auto model = Load("tiny_encoder.onnx").value();
  (void)model->Run({.ids = {31, 32, 1'000'000}, .type_ids = {}, .offsets = {0, 3}}, {1});
  ExpectEmbedding(*model, TypedTokens(), TypedEmbedding());
}

TEST_F(OpenVinoTest, Bf16IsReadBackOrRefused) {
  const auto model =
      engine_->Load({.file = TinyModel("tiny_encoder.onnx"), .cache_dir = {}, .precision = Precision::kBf16});
  if (model) {
    EXPECT_EQ((*model)->precision(), Precision::kBf16);
  } else {
    EXPECT_EQ(model.error().code, Code::kUnimplemented);
    EXPECT_THAT(model.error().message, HasSubstr("precision bf16 is not available on this CPU"));
  }
}

TEST_F(OpenVinoTest, GivesDoubles) {
  const auto model = Load("tiny_double.onnx").value();
  ExpectDoubles(*model);
}

TEST_F(OpenVinoTest, FeatureThatBatchesDoNotHoldIsNamedAtLoad) {
  const auto model = Load("tiny_feature.onnx");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kInvalidArgument);
  EXPECT_THAT(model.error().message, HasSubstr("model input segment_ids is not known"));
}

class OpenVinoCacheTest : public OpenVinoTest {
 protected:
  std::vector<std::filesystem::path> Blobs() const {
    std::vector<std::filesystem::path> blobs;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) blobs.push_back(entry.path());
    return blobs;
  }
  mlnode::testing::TempDir dir_;
  const std::filesystem::path folder_ = dir_.path();
};

TEST_F(OpenVinoCacheTest, SecondLoadFromTheCacheGivesTheSame) {
  ExpectEmbedding(*Load("tiny_encoder.onnx", folder_).value(), TypedTokens(), TypedEmbedding());
  ASSERT_EQ(Blobs().size(), 1u);
  const auto written = std::filesystem::last_write_time(Blobs()[0]);
  ExpectEmbedding(*Load("tiny_encoder.onnx", folder_).value(), TypedTokens(), TypedEmbedding());
  ASSERT_EQ(Blobs().size(), 1u);
  EXPECT_EQ(std::filesystem::last_write_time(Blobs()[0]), written) << "compiled again instead of read";
}

// What a kill or a full disk leaves behind.
TEST_F(OpenVinoCacheTest, TornCacheIsNotFatal) {
  (void)Load("tiny_encoder.onnx", folder_).value();
  ASSERT_EQ(Blobs().size(), 1u);
  const std::filesystem::path blob = Blobs()[0];
  for (const double kept : {0.99, 0.5, 0.1, 0.0}) {
    const auto size = static_cast<std::uintmax_t>(static_cast<double>(std::filesystem::file_size(blob)) * kept);
    std::filesystem::resize_file(blob, size);
    const auto model = Load("tiny_encoder.onnx", folder_);
    ASSERT_TRUE(model) << size << ": " << model.error().message << model.error().detail;
    ExpectEmbedding(**model, TypedTokens(), TypedEmbedding());
  }
}

}  // namespace
}  // namespace mlnode::engines
