#include "cli/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/temp_dir.h"

namespace mlnode::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ModelFolderTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, const std::string& text) { dir_.Write(name, text); }

  mlnode::testing::TempDir dir_;
  const fs::path folder_ = dir_.path();
};

TEST_F(ModelFolderTest, GuessesFromSentenceTransformersFiles) {
  Put("model.onnx", "weights");
  Put("tokenizer.json", "{}");
  Put("config.json", R"({"model_type": "bert", "hidden_size": 384})");
  Put("modules.json", R"([{"type": "sentence_transformers.models.Normalize"}])");
  Put("1_Pooling/config.json",
      R"({"word_embedding_dimension": 384, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})");
  const Result<ModelFolder> read = ReadModelFolder(folder_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->format, "ONNX");
  EXPECT_EQ(read->config.at("model_type"), "bert");
  EXPECT_EQ(read->config.at("embedding_dimension"), 384);
  EXPECT_EQ(read->config.at("pooling_mode"), "CLS");
  EXPECT_EQ(read->config.at("framework_type"), "SENTENCE_TRANSFORMERS");
  EXPECT_EQ(read->config.at("normalize_result"), true);
}

TEST_F(ModelFolderTest, NamesWhatIsMissing) {
  EXPECT_THAT(ReadModelFolder(folder_).error().message, HasSubstr("no .onnx or .pt file"));
  Put("weights.onnx", "w");
  EXPECT_THAT(ReadModelFolder(folder_).error().message, HasSubstr("tokenizer.json"));
  Put("other.onnx", "w");
  EXPECT_THAT(ReadModelFolder(folder_).error().message, HasSubstr("several model files"));
  EXPECT_EQ(ReadModelFolder(folder_ / "nowhere").error().code, Code::kNotFound);
}

TEST_F(ModelFolderTest, NamesTheMalformedFile) {
  Put("model.onnx", "w");
  Put("tokenizer.json", "{}");
  Put("config.json", "{nope");
  EXPECT_THAT(ReadModelFolder(folder_).error().message, HasSubstr("config.json"));
}

TEST_F(ModelFolderTest, SameFolderPacksToTheSameBytes) {
  Put("onnx/model.onnx", std::string(100'000, 'w'));
  Put("onnx/model.onnx_data", "external");
  Put("tokenizer.json", "{}");
  const Result<ModelFolder> read = ReadModelFolder(folder_);
  ASSERT_TRUE(read);
  double last = 0;
  const auto first = PackModelFolder(*read, folder_ / "a.zip", [&](double done) { last = done; });
  const auto second = PackModelFolder(*read, folder_ / "b.zip", [](double) {});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->sha256, second->sha256);
  EXPECT_EQ(first->bytes, fs::file_size(folder_ / "a.zip"));
  EXPECT_EQ(last, 1.0);
  EXPECT_EQ(read->more.size(), 2U) << "tokenizer and external data";
}

}  // namespace
}  // namespace mlnode::cli
