#include "engines/testing/fake_engine.h"

#include "engines/testing/engine_contract.h"

namespace mlnode::engines {
namespace {

std::filesystem::path ModelWith(const std::string& content) {
  static const mlnode::testing::TempDir folder;
  return folder.Write(content + ".onnx", content);
}

// The registry owns its engine, which the contract suite does not keep.
class OwningRegistry final : public EngineRegistry {
 public:
  Result<Engine*> ForModel(ModelFormat format, const std::filesystem::path& file) override {
    return registry_.ForModel(format, file);
  }

 private:
  FakeEngine engine_;
  FakeEngineRegistry registry_{engine_};
};

struct FakeTraits {
  static constexpr ModelFormat kFormat = ModelFormat::kOnnx;
  static std::unique_ptr<EngineRegistry> MakeRegistry() { return std::make_unique<OwningRegistry>(); }
  static std::filesystem::path ModelFile() { return ModelWith("contract"); }
  static std::filesystem::path FeatureFile() { return ModelWith("feature"); }
  static std::filesystem::path WholeFile() { return ModelWith("whole"); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Fake, EngineContract, FakeTraits);

class FakeEngineTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<LoadedModel>> Load(const std::string& content) {
    return engine_.Load({.file = ModelWith(content), .cache_dir = {}});
  }
  FakeEngine engine_;
  const TokenBatch batch_{.ids = {7, 8}, .type_ids = {}, .offsets = {0, 2}};
};

TEST_F(FakeEngineTest, SameContentGivesTheSameValuesAndOtherContentOthers) {
  const auto values = [&](const std::string& content) {
    const auto result = Load(content).value()->Run(batch_, {1}).value();
    const auto floats = result.per_sequence[0][0].Floats();
    return std::vector<float>(floats.begin(), floats.end());
  };
  EXPECT_EQ(values("a"), values("a"));
  EXPECT_NE(values("a"), values("b"));
}

TEST_F(FakeEngineTest, CountsLiveModelsAndTheirBytes) {
  auto first = Load("1234").value();
  const auto second = Load("12").value();
  EXPECT_EQ(engine_.live_models(), 2);
  EXPECT_EQ(engine_.ResidentBytes(), 6u);
  first.reset();
  EXPECT_EQ(engine_.live_models(), 1);
  EXPECT_EQ(engine_.loads(), 2);
  engine_.SetBehaviour({.on_load = {}, .on_run = {}, .bytes_per_model = 1000});
  const auto third = Load("12").value();
  EXPECT_EQ(engine_.ResidentBytes(), 1002u);
}

TEST_F(FakeEngineTest, HooksFailLoadsAndRuns) {
  const auto model = Load("a").value();
  engine_.SetBehaviour({.on_load = [](const LoadOptions&) { return Status(MakeError(Code::kUnavailable, "no load")); },
                        .on_run = [](const TokenBatch&) { return Status(MakeError(Code::kInternal, "no run")); }});
  EXPECT_EQ(Load("a").error().message, "no load");
  EXPECT_EQ(model->Run(batch_, {0}).error().message, "no run");
  EXPECT_EQ(engine_.runs(), 0);
}

TEST_F(FakeEngineTest, InjectsNanForOneSequenceOnly) {
  engine_.SetBehaviour({.on_load = {}, .on_run = {}, .nan_token = 8});
  const auto result = Load("a").value()->Run({.ids = {7, 8, 9}, .type_ids = {}, .offsets = {0, 2, 3}}, {0, 1}).value();
  EXPECT_TRUE(std::isnan(result.per_sequence[0][0].Floats()[0]));
  EXPECT_TRUE(std::isnan(result.per_sequence[0][1].Floats()[0]));
  EXPECT_FALSE(std::isnan(result.per_sequence[1][0].Floats()[0]));
}

TEST_F(FakeEngineTest, RegistryKnowsOnnxOnlyUnlessTold) {
  FakeEngineRegistry registry(engine_);
  EXPECT_EQ(registry.ForModel(ModelFormat::kOnnx, "").value(), &engine_);
  EXPECT_EQ(registry.ForModel(ModelFormat::kTorchScript, "").error().code, Code::kUnimplemented);
  FakeEngineRegistry all(engine_, FakeFormats::kAll);
  EXPECT_EQ(all.ForModel(ModelFormat::kTorchScript, "").value(), &engine_);
}

}  // namespace
}  // namespace mlnode::engines
