// All engines in one process: their libraries bring OpenMP, TBB and protobuf of their own, which must not meet. What is
// opened first could lend its symbols to the next, so both orders are tried, each test in a process of its own (ctest).
#include <filesystem>
#include <utility>

#include "engines/testing/tiny_models.h"

namespace mlnode::engines {
namespace {

struct Case {
  ModelFormat format;
  std::string file;
  std::string engine;
};

class AllEnginesTest : public ::testing::Test {
 protected:
  void LoadAndRun(const std::vector<Case>& order) {
    for (const Case& c : order) {
      const std::filesystem::path file = TinyModel(c.file);
      const auto engine = registry_->ForModel(c.format, file);
      ASSERT_TRUE(engine) << engine.error().message << " " << engine.error().detail;
      EXPECT_EQ((*engine)->name(), c.engine);
      auto model = (*engine)->Load({.file = file, .cache_dir = {}, .lanes = 2, .max_tokens = 64});
      ASSERT_TRUE(model) << c.engine << ": " << model.error().message;
      models_.push_back(*std::move(model));
      for (const auto& loaded : models_) ExpectTyped(*loaded);
    }
  }
  static void ExpectTyped(LoadedModel& model) {
    const float tolerance = model.precision() == Precision::kQuantized ? 1e-2F : 1e-5F;
    ExpectEmbedding(model, TypedTokens(), TypedEmbedding(), 1, tolerance);
  }

  const Case openvino_{ModelFormat::kOnnx, "tiny_encoder.onnx", "openvino"};
  const Case torch_{ModelFormat::kTorchScript, "tiny_encoder.pt", "torch"};
  const Case onnxruntime_{ModelFormat::kOnnx, "tiny_quantised.onnx", "onnxruntime"};
  std::unique_ptr<EngineRegistry> registry_ = MakePluginRegistry(MLNODE_PLUGIN_FOLDER);
  std::vector<std::unique_ptr<LoadedModel>> models_;
};

TEST_F(AllEnginesTest, OpenVinoTorchOnnxRuntime) { LoadAndRun({openvino_, torch_, onnxruntime_}); }
TEST_F(AllEnginesTest, OnnxRuntimeTorchOpenVino) { LoadAndRun({onnxruntime_, torch_, openvino_}); }

}  // namespace
}  // namespace mlnode::engines
