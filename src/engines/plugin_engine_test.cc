#include "engines/plugin_engine.h"

#include <gmock/gmock.h>

namespace mlnode::engines {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path Folder(const std::string& name) { return std::filesystem::path(MLNODE_TEST_PLUGINS) / name; }

class PluginEngineTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> engine_ = OpenPlugin(Folder("good") / "libmlnode_engine_openvino.so").value();
};

TEST_F(PluginEngineTest, ReportsWhatThePluginSays) {
  EXPECT_EQ(engine_->name(), "test");
  const auto model = engine_->Load({.file = "model", .cache_dir = {}, .precision = Precision::kBf16}).value();
  EXPECT_EQ(model->engine(), "test 1");
  EXPECT_EQ(model->precision(), Precision::kBf16);
  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(model->inputs()[0].name, "input_ids");
  EXPECT_EQ(model->inputs()[0].type, DataType::kInt64);
  ASSERT_EQ(model->outputs().size(), 1u);
  EXPECT_THAT(model->outputs()[0].dims, ElementsAre(-1, -1, 1));
}

TEST_F(PluginEngineTest, ViewsOutliveResultAndModel) {
  auto model = engine_->Load({.file = "model", .cache_dir = {}}).value();
  auto result = model->Run({.ids = {5, 6, 7}, .type_ids = {}, .offsets = {0, 1, 3}}, {0}).value();
  ASSERT_EQ(result.per_sequence.size(), 2u);
  const TensorView view = result.per_sequence[1][0];
  result = {};
  model.reset();
  EXPECT_THAT(view.shape, ElementsAre(2, 1));
  EXPECT_THAT(view.Floats(), ElementsAre(6.0F, 7.0F));
}

TEST_F(PluginEngineTest, StatusBecomesTheCodeAndTextTheMessage) {
  const auto invalid = engine_->Load({.file = "fail-1", .cache_dir = {}});
  ASSERT_FALSE(invalid);
  EXPECT_EQ(invalid.error().code, Code::kInvalidArgument);
  EXPECT_EQ(invalid.error().message, "vendor text");
  const auto model = engine_->Load({.file = "model", .cache_dir = {}}).value();
  const auto full = model->Run({.ids = {666}, .type_ids = {}, .offsets = {0, 1}}, {0});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kResourceExhausted);
}

TEST_F(PluginEngineTest, InternalAndUnknownStatusKeepTheVendorsTextForTheLog) {
  for (const char* file : {"fail-16", "fail-99", "fail--3"}) {
    const auto model = engine_->Load({.file = file, .cache_dir = {}});
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Code::kInternal) << file;
    EXPECT_EQ(model.error().message, "the engine test failed");
    EXPECT_EQ(model.error().detail, "vendor text");
  }
}

TEST(PluginOpenTest, OtherAbiIsUnavailable) {
  const auto engine = OpenPlugin(Folder("wrong_abi") / "libmlnode_engine_openvino.so");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::kUnavailable);
  EXPECT_THAT(engine.error().message, HasSubstr("speaks ABI 99, this node speaks 1"));
}

TEST(PluginOpenTest, MissingFileIsUnavailableWithoutItsPath) {
  const auto engine = OpenPlugin("/nowhere/libmlnode_engine_openvino.so");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::kUnavailable);
  EXPECT_EQ(engine.error().message, "the engine plug-in libmlnode_engine_openvino.so does not load");
  EXPECT_THAT(engine.error().detail, HasSubstr("/nowhere/"));
}

TEST(PluginRegistryTest, OpensOnFirstUseAndKeepsTheEngine) {
  const auto registry = MakePluginRegistry(Folder("good"));
  Engine* const first = registry->ForModel(ModelFormat::kOnnx, "").value();
  EXPECT_EQ(first->name(), "test");
  EXPECT_EQ(registry->ForModel(ModelFormat::kOnnx, "").value(), first);
}

TEST(PluginRegistryTest, NamesTheErrorPerFormat) {
  const auto registry = MakePluginRegistry("/nowhere");
  EXPECT_EQ(registry->ForModel(ModelFormat::kOnnx, "").error().code, Code::kUnavailable);
  EXPECT_EQ(registry->ForModel(ModelFormat::kTorchScript, "").error().code, Code::kUnimplemented);
}

}  // namespace
}  // namespace mlnode::engines
