#include <filesystem>

#include "engines/cpu_bf16.h"
#include "engines/testing/engine_contract.h"
#include "engines/testing/tiny_models.h"

namespace mlnode::engines {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct TorchTraits {
  static constexpr ModelFormat kFormat = ModelFormat::kTorchScript;
  static std::unique_ptr<EngineRegistry> MakeRegistry() { return MakePluginRegistry(MLNODE_PLUGIN_FOLDER); }
  static std::filesystem::path ModelFile() { return TinyModel("tiny_encoder.pt"); }
  static std::filesystem::path FeatureFile() { return TinyModel("tiny_feature.pt"); }
  static std::filesystem::path WholeFile() { return TinyModel("tiny_whole.pt"); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Torch, EngineContract, TorchTraits);

class TorchTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<LoadedModel>> Load(const std::string& name, std::vector<std::string> inputs = {}) {
    LoadOptions options{.file = TinyModel(name), .cache_dir = {}, .max_tokens = 64};
    if (!inputs.empty()) options.inputs = std::move(inputs);
    return engine_->Load(options);
  }
  static std::vector<std::string> Names(const std::vector<Port>& ports) {
    std::vector<std::string> names;
    for (const Port& port : ports) names.push_back(port.name);
    return names;
  }
  void ExpectRefused(const std::string& name, Code code, const std::string& why) {
    const auto model = Load(name);
    ASSERT_FALSE(model) << name;
    EXPECT_EQ(model.error().code, code) << model.error().message;
    EXPECT_THAT(model.error().message, HasSubstr(why));
    EXPECT_THAT(model.error().message, Not(HasSubstr("\n")));
  }

  std::unique_ptr<EngineRegistry> registry_ = MakePluginRegistry(MLNODE_PLUGIN_FOLDER);
  Engine* engine_ = registry_->ForModel(ModelFormat::kTorchScript, TinyModel("tiny_encoder.pt")).value();
};

TEST_F(TorchTest, AgreesWithOnnxRuntime) {
  ExpectEmbedding(*Load("tiny_encoder.pt").value(), TypedTokens(), TypedEmbedding());
}

TEST_F(TorchTest, DictionaryIsOfferedTypesOnlyIfTheModuleNeedsThem) {
  const auto model = Load("tiny_plain.pt").value();
  EXPECT_THAT(Names(model->inputs()), ElementsAre("input_ids", "attention_mask"));
  EXPECT_THAT(Names(model->outputs()),
              ElementsAre("input_ids", "attention_mask", "token_embeddings", "sentence_embedding"));
  EXPECT_EQ(model->outputs()[0].type, DataType::kInt64);
  EXPECT_THAT(model->outputs()[2].dims, ElementsAre(-1, -1, 8));
  EXPECT_THAT(model->outputs()[3].dims, ElementsAre(-1, 8));
  ExpectEmbedding(*model, PlainTokens(), PlainEmbedding(), 3);
  const auto result = model->Run({.ids = {3, 4, 5, 9}, .type_ids = {}, .offsets = {0, 3, 4}}, {0, 1}).value();
  const auto* const ids = static_cast<const std::int64_t*>(result.per_sequence[0][0].data);
  EXPECT_EQ(std::vector(ids, ids + 3), (std::vector<std::int64_t>{3, 4, 5}));
  EXPECT_THAT(result.per_sequence[1][1].shape, ElementsAre(1));
}

TEST_F(TorchTest, KnownNamesAreFollowedInAnyOrder) {
  const auto model = Load("tiny_named.pt").value();
  EXPECT_THAT(Names(model->inputs()), ElementsAre("attention_mask", "input_ids", "token_type_ids"));
  EXPECT_THAT(Names(model->outputs()), ElementsAre("last_hidden_state", "sentence_embedding"));
  ExpectEmbedding(*model, TypedTokens(), TypedEmbedding());
}

TEST_F(TorchTest, OptionalInputIsLeftOutWhereBatchesDoNotHoldIt) {
  const auto model = Load("tiny_named.pt", {"input_ids", "attention_mask"}).value();
  EXPECT_THAT(Names(model->inputs()), ElementsAre("attention_mask", "input_ids"));
  ExpectEmbedding(*model, PlainTokens(), PlainEmbedding());
}

TEST_F(TorchTest, UnknownNamesAreFilledByPosition) {
  const auto model = Load("tiny_unnamed.pt").value();
  EXPECT_THAT(Names(model->inputs()), ElementsAre("input_ids", "attention_mask"));
  EXPECT_THAT(Names(model->outputs()), ElementsAre("output_0", "output_1"));
  ExpectEmbedding(*model, PlainTokens(), PlainEmbedding());
  EXPECT_EQ(model->Run(TypedTokens(), {1}).error().code, Code::kInvalidArgument) << "types that nobody takes";
}

TEST_F(TorchTest, BakedBatchRunsOneByOne) {
  const auto model = Load("tiny_baked.pt").value();
  ExpectTypedOneByOne(*model);
}

TEST_F(TorchTest, GivesEveryType) {
  const auto model = Load("tiny_types.pt").value();
  std::vector<DataType> types;
  for (const Port& port : model->outputs()) types.push_back(port.type);
  EXPECT_THAT(types, ElementsAre(DataType::kFloat32, DataType::kInt32, DataType::kFloat64, DataType::kBool));
  const auto result = model->Run(PlainTokens(), {0, 1, 2, 3}).value().per_sequence[0];
  EXPECT_NEAR(result[0].Floats()[3], PlainEmbedding()[3], 1e-2);
  EXPECT_EQ(static_cast<const std::int32_t*>(result[1].data)[2], 5);
  EXPECT_NEAR(static_cast<const double*>(result[2].data)[3], PlainEmbedding()[3], 1e-5);
  EXPECT_FALSE(static_cast<const bool*>(result[3].data)[3]);
}

TEST_F(TorchTest, NamesWhatItCannotCall) {
  ExpectRefused("tiny_foreign.pt", Code::kInvalidArgument, "the model's forward takes depth of type int");
  ExpectRefused("tiny_encoder.onnx", Code::kInvalidArgument, "failed reading zip archive");
  const auto lacking = Load("tiny_feature.pt", {"input_ids", "attention_mask"});
  ASSERT_FALSE(lacking);
  EXPECT_EQ(lacking.error().message, "the model's forward takes 3 tensors, its function gives up to 2");
}

TEST_F(TorchTest, MissingKeyIsNamed) {
  const auto model = Load("tiny_encoder.pt", {"input_ids", "attention_mask"});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kInvalidArgument);
  EXPECT_THAT(model.error().message, HasSubstr("token_type_ids"));
}

// A module is data from somewhere: it must not write to the node's disk.
TEST_F(TorchTest, FilesAreOutOfReach) {
  ExpectRefused("tiny_writer.pt", Code::kUnimplemented, "aten::save");
  EXPECT_FALSE(std::filesystem::exists("written_by_a_model"));
}

TEST_F(TorchTest, OutputWithoutDataOnTheCpuIsRefused) {
  ExpectRefused("tiny_meta.pt", Code::kUnimplemented, "model output output_0 is on device meta");
}

// Lanes would race for it, and the inputs that it keeps are borrowed.
TEST_F(TorchTest, StateBetweenCallsIsRefused) {
  ExpectRefused("tiny_state.pt", Code::kUnimplemented, "keeps state in attribute last between calls");
  ExpectRefused("tiny_history.pt", Code::kUnimplemented, "keeps state in attribute seen between calls");
}

TEST_F(TorchTest, ObjectsOfOneCallMayChange) {
  const auto model = Load("tiny_object.pt").value();
  const auto result = model->Run({.ids = {3, 4}, .type_ids = {}, .offsets = {0, 2}}, {0}).value();
  const auto* const sums = static_cast<const std::int64_t*>(result.per_sequence[0][0].data);
  EXPECT_EQ(std::vector(sums, sums + 2), (std::vector<std::int64_t>{4, 5}));
}

// It could be the text of a request.
TEST_F(TorchTest, WhatAModulePrintsIsDropped) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const auto model = Load("tiny_talker.pt");
  const bool ran = model && (*model)->Run(PlainTokens(), {0});
  const std::string errors = ::testing::internal::GetCapturedStderr();
  const std::string output = ::testing::internal::GetCapturedStdout();
  EXPECT_TRUE(ran);
  EXPECT_EQ(output, "");
  EXPECT_EQ(errors, "");
}

TEST_F(TorchTest, IdBeyondTheVocabularyIsAnErrorAndTheModelGoesOn) {
  const auto model = Load("tiny_encoder.pt").value();
  const auto result = model->Run({.ids = {1'000'000}, .type_ids = {}, .offsets = {0, 1}}, {1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInternal);
  EXPECT_THAT(result.error().detail, HasSubstr("index out of range"));
  ExpectEmbedding(*model, TypedTokens(), TypedEmbedding());
}

TEST_F(TorchTest, Bf16ChangesTheResultALittleOrIsRefused) {
  const auto model =
      engine_->Load({.file = TinyModel("tiny_encoder.pt"), .cache_dir = {}, .precision = Precision::kBf16});
  if (!CpuComputesBf16()) {
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Code::kUnimplemented);
    EXPECT_THAT(model.error().message, HasSubstr("bf16"));
    return;
  }
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->precision(), Precision::kBf16);
  const auto floats = (*model)->Run(TypedTokens(), {1}).value().per_sequence[0][0];
  ASSERT_EQ(floats.type, DataType::kFloat32);
  EXPECT_THAT(floats.Floats(), ::testing::Pointwise(::testing::FloatNear(0.1F), TypedEmbedding()));
  EXPECT_THAT(floats.Floats(), Not(::testing::Pointwise(::testing::FloatNear(1e-5F), TypedEmbedding()))) << "still f32";
}

// One thread a lane: neither OpenMP nor the inter-op pool may start their own.
TEST_F(TorchTest, RunsStartNoThreads) {
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
  };
  const auto model = Load("tiny_encoder.pt").value();
  ThreadPool lane({.name = "lane", .threads = 1});
  std::ptrdiff_t before = 0;
  std::ptrdiff_t after = 0;
  ASSERT_TRUE(lane.Post([&] {
    before = threads();
    TokenBatch batch;
    for (std::size_t s = 0; s < 64; ++s) {
      batch.ids.insert(batch.ids.end(), 60, 7);
      batch.offsets.push_back(batch.ids.size());
    }
    EXPECT_TRUE(model->Run({.ids = batch.ids, .type_ids = {}, .offsets = batch.offsets}, {0, 1}));
    after = threads();
  }));
  lane.Stop();
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace mlnode::engines
