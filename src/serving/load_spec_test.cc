#include "serving/load_spec.h"

#include <gmock/gmock.h>

namespace mlnode::serving {
namespace {

using ::testing::HasSubstr;

models::Model Registered() {
  models::Model model;
  model.id = ModelId("m1");
  model.name = "a name";
  model.format = engines::ModelFormat::kOnnx;
  model.config = json::object{{"model_type", "bert"},
                              {"embedding_dimension", 384},
                              {"framework_type", "SENTENCE_TRANSFORMERS"},
                              {"pooling_mode", "CLS"},
                              {"query_prefix", "q: "}};
  model.content_hash = std::string(64, 'a');
  model.total_chunks = 3;
  model.upload = UploadId("u1");
  model.registration = models::Registration::kRegistered;
  return model;
}

TEST(LoadSpecTest, TakesWhatALoadNeeds) {
  const auto spec = MakeLoadSpec(Registered());
  ASSERT_TRUE(spec.has_value()) << spec.error().message;
  EXPECT_EQ(spec->model, ModelId("m1"));
  EXPECT_EQ(spec->name, "a name");
  EXPECT_EQ(spec->config.pooling, models::Pooling::kCls);
  EXPECT_EQ(spec->config.query_prefix, "q: ");
  EXPECT_EQ(spec->upload, UploadId("u1"));
  EXPECT_EQ(spec->total_chunks, 3U);
  EXPECT_EQ(spec->content_hash, std::string(64, 'a'));
}

TEST(LoadSpecTest, WhatIsMissingIsNamed) {
  using Break = void (*)(models::Model&);
  const std::pair<Break, const char*> cases[] = {
      {[](models::Model& m) { m.registration = models::Registration::kRegistering; }, "registration is not complete"},
      {[](models::Model& m) { m.format.reset(); }, "model_format"},
      {[](models::Model& m) { m.config.reset(); }, "model_config"},
      {[](models::Model& m) { m.content_hash.reset(); }, "model_content_hash_value"},
      {[](models::Model& m) { m.upload = UploadId(); }, "no content"},
      {[](models::Model& m) { m.total_chunks.reset(); }, "total_chunks is 0"},
      {[](models::Model& m) { m.total_chunks = -1; }, "total_chunks is -1"},
      {[](models::Model& m) { m.total_chunks = 1LL << 40; }, "total_chunks is 1099511627776"},
  };
  for (const auto& [change, text] : cases) {
    models::Model model = Registered();
    change(model);
    const auto spec = MakeLoadSpec(model);
    ASSERT_FALSE(spec.has_value()) << text;
    EXPECT_EQ(spec.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(spec.error().message, HasSubstr(text));
  }
}

TEST(LoadSpecTest, SparseModelsNeedNoConfig) {
  for (const auto function : {models::FunctionName::kSparseEncoding, models::FunctionName::kSparseTokenize}) {
    models::Model model = Registered();
    model.function = function;
    model.config.reset();
    const auto spec = MakeLoadSpec(model);
    ASSERT_TRUE(spec.has_value()) << spec.error().message;
    EXPECT_EQ(spec->config.model_type, "");
  }
}

TEST(PhaseNameTest, EveryPhaseHasItsOwn) {
  EXPECT_EQ(PhaseName(Phase::kQueued), "queued");
  EXPECT_EQ(PhaseName(Phase::kFetching), "fetching");
  EXPECT_EQ(PhaseName(Phase::kUnpacking), "unpacking");
  EXPECT_EQ(PhaseName(Phase::kReserving), "reserving");
  EXPECT_EQ(PhaseName(Phase::kLoading), "loading");
  EXPECT_EQ(PhaseName(Phase::kWarming), "warming");
  EXPECT_EQ(PhaseName(Phase::kReady), "ready");
}

}  // namespace
}  // namespace mlnode::serving
