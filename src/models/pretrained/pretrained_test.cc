#include "models/pretrained/pretrained.h"

#include <gmock/gmock.h>

#include "core/sha256.h"
#include "models/testing/registration_fixture.h"

namespace mlnode::models {
namespace {

using tasks::TaskState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeModelZip;

constexpr const char* kSite = "http://artifacts.example/ml-models/";
constexpr const char* kName = "huggingface/sentence-transformers/all-MiniLM-L6-v2";
constexpr const char* kFolder = "huggingface/sentence-transformers/all-MiniLM-L6-v2/1.0.2/onnx/";
constexpr const char* kZip = "sentence-transformers_all-MiniLM-L6-v2-1.0.2-onnx.zip";
constexpr const char* kListing = "model_listing/pre_trained_models.json";
constexpr const char* kNotListed = "This model is not in the pre-trained model list, please check your parameters.";

class PretrainedTest : public testing::RegistrationFixture {
 protected:
  std::string mirror() const { return folder_.File("mirror"); }
  void Publish(const std::string& path, const std::string& bytes) { site_.files[kSite + path] = bytes; }
  void PublishModel(const json::object& config) {
    Publish(kListing, ToJson(json::array{{{"name", kName},
                                          {"version", json::array{"1.0.1", "1.0.2"}},
                                          {"format", json::array{"onnx", "torch_script"}},
                                          {"description", "d"}}}));
    Publish(kFolder + std::string("config.json"), ToJson(config));
    Publish(kFolder + std::string(kZip), zip_);
  }
  json::object Config() const {
    return {{"name", "sentence-transformers/all-MiniLM-L6-v2"},
            {"model_task_type", "text_embedding"},
            {"model_format", "ONNX"},
            {"model_content_hash_value", Sha256Hex(zip_)},
            {"model_config",
             {{"model_type", "bert"}, {"embedding_dimension", 4}, {"framework_type", "sentence_transformers"}}}};
  }
  void Mirror(const std::string& path, std::string_view bytes) {
    const std::filesystem::path file = std::filesystem::path("mirror") / path;
    std::filesystem::create_directories(folder_.File(file.parent_path().string()));
    folder_.Write(file.string(), bytes);
  }
  void MirrorModel() {
    Mirror(kFolder + std::string("config.json"), ToJson(Config()));
    Mirror(kFolder + std::string(kZip), zip_);
  }
  tasks::TaskRecord RegisterByName(json::object more = {}) {
    json::object body{{"name", kName}, {"version", "1.0.2"}, {"model_format", "onnx"}};
    for (auto& [key, value] : more) body[key] = value;
    return Register(ParseRegister(body, *settings_->Current()).value());
  }
  // What the task of a registration that failed says; nothing is left of it.
  std::string FailureOf(const tasks::TaskRecord& task) {
    EXPECT_EQ(task.state, TaskState::kFailed);
    EXPECT_THAT(models_->List(), IsEmpty());
    EXPECT_THAT(models_->ListGroups(), IsEmpty());
    return task.error.value_or("");
  }

  const std::string zip_ = MakeModelZip();
};

TEST_F(PretrainedTest, IsDownloadedFromTheSite) {
  PublishModel(Config());
  const tasks::TaskRecord task = RegisterByName({{"description", "mine"}, {"is_enabled", false}});
  ASSERT_EQ(task.state, TaskState::kCompleted) << task.error.value_or("");
  const Model model = Get(*task.model);
  EXPECT_EQ(model.name, kName);
  EXPECT_EQ(model.registration, Registration::kRegistered);
  EXPECT_EQ(model.content_hash, Sha256Hex(zip_));
  EXPECT_EQ(model.config->at("framework_type"), "SENTENCE_TRANSFORMERS");
  EXPECT_EQ(model.description, "mine") << "what the client sent is kept";
  EXPECT_EQ(model.is_enabled, false);
  EXPECT_EQ(store_.GetPart(model.upload, 0).value(), zip_);
  EXPECT_THAT(site_.asked, ElementsAre(std::string(kSite) + kListing, std::string(kSite) + kFolder + "config.json",
                                       std::string(kSite) + kFolder + kZip));
  EXPECT_EQ(site_.addresses, net::AddressPolicy::kAny) << "the operator's site may be a private one";
}

TEST_F(PretrainedTest, NeitherUrlSettingApplies) {
  Use({{"plugins.ml_commons.allow_registering_model_via_url", "false"},
       {"plugins.ml_commons.trusted_url_regex", "^nothing$"}});
  PublishModel(Config());
  EXPECT_EQ(RegisterByName().state, TaskState::kCompleted);
}

TEST_F(PretrainedTest, ThePublishedFunctionIsTheModels) {
  json::object config = Config();
  config["function_name"] = "sparse_encoding";
  config.erase("model_config");
  PublishModel(config);
  const tasks::TaskRecord task = RegisterByName();
  ASSERT_EQ(task.state, TaskState::kCompleted) << task.error.value_or("");
  EXPECT_EQ(task.function_name, "SPARSE_ENCODING");
  EXPECT_EQ(Get(*task.model).function, FunctionName::kSparseEncoding);
  EXPECT_FALSE(Get(*task.model).config.has_value());
}

TEST_F(PretrainedTest, WhatIsNotListedIsNotFound) {
  PublishModel(Config());
  EXPECT_EQ(FailureOf(RegisterByName({{"name", "huggingface/other"}})), kNotListed);
  EXPECT_EQ(FailureOf(RegisterByName({{"version", "9.9.9"}})), kNotListed);
  EXPECT_EQ(site_.asked.size(), 2U) << "the listing alone";
  EXPECT_THAT(FailureOf(RegisterByName({{"version", nullptr}})), HasSubstr("model version is null"));
  Publish(kListing, "[]");
  EXPECT_EQ(FailureOf(RegisterByName()), kNotListed);
}

TEST_F(PretrainedTest, TheCauseOfAFailureIsTold) {
  PublishModel(Config());
  site_.files.erase(std::string(kSite) + kFolder + "config.json");
  EXPECT_THAT(FailureOf(RegisterByName()), ::testing::AllOf(HasSubstr("model config not found"), HasSubstr("404")));
  Publish(kFolder + std::string("config.json"), "");
  EXPECT_THAT(FailureOf(RegisterByName()), HasSubstr("model config not found"));
  Publish(kListing, "{}");
  EXPECT_THAT(FailureOf(RegisterByName()), HasSubstr("the list of pre-trained models cannot be read"));
  site_.reachable = false;
  EXPECT_THAT(FailureOf(RegisterByName()),
              ::testing::AllOf(HasSubstr("the list of pre-trained models cannot be read"), HasSubstr("no connection")));
}

TEST_F(PretrainedTest, AWrongConfigurationIsRefused) {
  const auto expect = [this](std::string_view key, json::value value, const std::string& why) {
    json::object config = Config();
    config[key] = std::move(value);
    PublishModel(config);
    EXPECT_THAT(FailureOf(RegisterByName()), HasSubstr(why));
  };
  expect("model_task_type", "dancing", "Wrong function name");
  expect("model_task_type", "remote", "Wrong function name");
  expect("model_format", "onnx", "Wrong model format");
  expect("model_config", nullptr, "model config is null");
  expect("model_config", json::object(), "model type is null");
  expect("model_content_hash_value", json::string(64, '1'), "model content changed");
  expect("model_content_hash_value", nullptr, "Model content Hash code need to be provided");
}

TEST_F(PretrainedTest, TheMirrorIsAskedFirstAndNeedsNoListing) {
  Use({{"mlnode.pretrained.mirror", mirror()}});
  MirrorModel();
  EXPECT_EQ(RegisterByName().state, TaskState::kCompleted);
  EXPECT_THAT(site_.asked, IsEmpty());
}

TEST_F(PretrainedTest, AMirrorsListingCounts) {
  Use({{"mlnode.pretrained.mirror", mirror()}, {"mlnode.pretrained.base_url", ""}});
  MirrorModel();
  Mirror(kListing, "[]");
  EXPECT_EQ(FailureOf(RegisterByName()), kNotListed);
}

TEST_F(PretrainedTest, WhatTheMirrorLacksComesFromTheSite) {
  Use({{"mlnode.pretrained.mirror", mirror()}});
  std::filesystem::create_directories(mirror());
  PublishModel(Config());
  EXPECT_EQ(RegisterByName().state, TaskState::kCompleted);
}

TEST_F(PretrainedTest, AMirrorIsNotLeft) {
  Use({{"mlnode.pretrained.mirror", mirror()}, {"mlnode.pretrained.base_url", ""}});
  MirrorModel();
  folder_.Write("config.json", ToJson(Config()));
  for (const char* name : {"..", "a/../../x", "/etc", "a//b", "."})
    EXPECT_EQ(FailureOf(RegisterByName({{"name", name}})), kNotListed);
  std::filesystem::create_directories(folder_.File("mirror/linked/1.0.2"));
  std::filesystem::create_directory_symlink(folder_.path(), folder_.File("mirror/linked/1.0.2/onnx"));
  EXPECT_THAT(FailureOf(RegisterByName({{"name", "linked"}})), HasSubstr("below one of the folders"));
}

TEST_F(PretrainedTest, WithoutAnySourceNothingIsListed) {
  Use({{"mlnode.pretrained.base_url", ""}});
  EXPECT_EQ(FailureOf(RegisterByName()), kNotListed);
}

}  // namespace
}  // namespace mlnode::models
