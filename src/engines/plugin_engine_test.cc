#include "engines/plugin_engine.h"

#include <gmock/gmock.h>

#include "core/testing/temp_dir.h"

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
  EXPECT_EQ(model->engine(), "test 1: input_ids,attention_mask,token_type_ids, rule 0");
  EXPECT_EQ(model->precision(), Precision::kBf16);
  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(model->inputs()[0].name, "input_ids");
  EXPECT_EQ(model->inputs()[0].type, DataType::kInt64);
  ASSERT_EQ(model->outputs().size(), 1u);
  EXPECT_THAT(model->outputs()[0].dims, ElementsAre(-1, -1, 1));
}

TEST_F(PluginEngineTest, HandsOverInputsAndRule) {
  const auto model = engine_->Load({.file = "quantized",
                                    .cache_dir = {},
                                    .inputs = {"input_ids", "sentence_ids"},
                                    .output_rule = OutputRule::kWhole});
  EXPECT_EQ((*model)->engine(), "test 1: input_ids,sentence_ids, rule 1");
  EXPECT_EQ((*model)->precision(), Precision::kQuantized);
}

TEST_F(PluginEngineTest, HandsOverFeatures) {
  const auto model = engine_->Load({.file = "model", .cache_dir = {}}).value();
  TokenBatch batch{.ids = {5, 6, 7}, .type_ids = {}, .offsets = {0, 1, 3}};
  batch.features = {{.name = "a", .values = {10, 20, 30}}, {.name = "b", .values = {0, 0, 100}}};
  const auto result = model->Run(batch, {0}).value();
  EXPECT_THAT(result.per_sequence[1][0].Floats(), ElementsAre(26.0F, 137.0F));
  batch.features[1].values.pop_back();
  const auto torn = model->Run(batch, {0});
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().code, Code::kInvalidArgument);
  EXPECT_EQ(torn.error().message, "the batch has 3 tokens and 2 values of b");
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
  EXPECT_THAT(engine.error().message, HasSubstr("speaks ABI 99, this node speaks 2"));
}

TEST(PluginOpenTest, MissingFileIsUnavailableWithoutItsPath) {
  const auto engine = OpenPlugin("/nowhere/libmlnode_engine_openvino.so");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::kUnavailable);
  EXPECT_EQ(engine.error().message, "the engine plug-in libmlnode_engine_openvino.so does not load");
  EXPECT_THAT(engine.error().detail, HasSubstr("/nowhere/"));
}

class PluginRegistryTest : public ::testing::Test {
 protected:
  static std::string NameFor(const std::string& folder, ModelFormat format, const std::filesystem::path& file) {
    const auto registry = MakePluginRegistry(Folder(folder));
    const auto engine = registry->ForModel(format, file);
    return engine ? (*engine)->name() : engine.error().message;
  }
  std::filesystem::path Graph(const std::string& op_type) {
    // ModelProto.graph { node { op_type } }
    const std::string node = "\x22" + std::string(1, static_cast<char>(op_type.size())) + op_type;
    const std::string graph = "\x0a" + std::string(1, static_cast<char>(node.size())) + node;
    return dir_.Write(op_type + ".onnx", "\x3a" + std::string(1, static_cast<char>(graph.size())) + graph);
  }
  mlnode::testing::TempDir dir_;
};

TEST_F(PluginRegistryTest, OpensOnFirstUseAndKeepsTheEngine) {
  const auto registry = MakePluginRegistry(Folder("good"));
  Engine* const first = registry->ForModel(ModelFormat::kOnnx, "").value();
  EXPECT_EQ(first->name(), "test");
  EXPECT_EQ(registry->ForModel(ModelFormat::kOnnx, "").value(), first);
}

TEST_F(PluginRegistryTest, NamesTheErrorPerFormat) {
  const auto registry = MakePluginRegistry("/nowhere");
  EXPECT_EQ(registry->ForModel(ModelFormat::kOnnx, "").error().code, Code::kUnavailable);
  EXPECT_EQ(registry->ForModel(ModelFormat::kTorchScript, "").error().code, Code::kUnimplemented);
}

TEST_F(PluginRegistryTest, QuantisedGraphsGoToOnnxRuntimeWhereItIsBuilt) {
  EXPECT_EQ(NameFor("all", ModelFormat::kOnnx, Graph("MatMul")), "openvino");
  EXPECT_EQ(NameFor("all", ModelFormat::kOnnx, Graph("MatMulInteger")), "onnxruntime");
  EXPECT_EQ(NameFor("good", ModelFormat::kOnnx, Graph("MatMulInteger")), "test");
}

TEST_F(PluginRegistryTest, TorchScriptGoesToTorch) {
  EXPECT_EQ(NameFor("all", ModelFormat::kTorchScript, "any.pt"), "torch");
}

TEST_F(PluginRegistryTest, WhatIsNoOnnxIsInvalid) {
  const auto registry = MakePluginRegistry(Folder("all"));
  const auto engine = registry->ForModel(ModelFormat::kOnnx, dir_.Write("bad.onnx", "corrupt"));
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace mlnode::engines
