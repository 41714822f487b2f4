#include "models/model_config.h"

#include <gtest/gtest.h>

#include <array>

namespace mlnode::models {
namespace {

std::string Normal(FunctionName function, std::string_view given) {
  const Result<json::object> config = NormalizeModelConfig(function, ParseJsonObject(given).value());
  if (config) return ToJson(*config);
  EXPECT_EQ(config.error().code, Code::kInvalidArgument);
  return config.error().message;
}
std::string Embedding(std::string_view given) { return Normal(FunctionName::kTextEmbedding, given); }

TEST(ModelConfigTest, TheStoredFormIsThePeers) {
  EXPECT_EQ(
      Embedding(
          R"({"model_type":"bert","embedding_dimension":384,"framework_type":"sentence_transformers","pooling_mode":"mean",
    "normalize_result":true,"all_config":"{\"a\":1}","colour":"blue"})"),
      R"({"model_type":"bert","embedding_dimension":384,"framework_type":"SENTENCE_TRANSFORMERS","all_config":"{\"a\":1}",)"
      R"("pooling_mode":"MEAN","normalize_result":true})");
}

TEST(ModelConfigTest, NormalizeFalseIsNotStored) {
  EXPECT_EQ(Normal(FunctionName::kSparseEncoding, R"({"model_type":"b","normalize_result":false})"),
            R"({"model_type":"b"})");
}

TEST(ModelConfigTest, WhatIsMissingIsNamed) {
  EXPECT_EQ(Embedding("{}"), "model type is null");
  EXPECT_EQ(Embedding(R"({"model_type":"b"})"), "embedding dimension is null");
  EXPECT_EQ(Embedding(R"({"model_type":"b","embedding_dimension":3})"), "framework type is null");
  EXPECT_EQ(Normal(FunctionName::kQuestionAnswering, R"({"model_type":"b"})"), "framework type is null");
  EXPECT_EQ(Normal(FunctionName::kTextSimilarity, R"({"model_type":"b"})"), R"({"model_type":"b"})");
}

TEST(ModelConfigTest, RemoteEmbeddingsNeedMore) {
  EXPECT_EQ(Normal(FunctionName::kRemote, R"({"model_type":"x"})"), R"({"model_type":"x"})");
  EXPECT_EQ(Normal(FunctionName::kRemote, R"({"model_type":"Text_Embedding"})"),
            "Embedding dimension must be provided for remote text embedding model");
  EXPECT_EQ(Normal(FunctionName::kRemote, R"({"model_type":"text_embedding","embedding_dimension":3})"),
            "Framework type must be provided for remote text embedding model");
  EXPECT_EQ(
      Normal(FunctionName::kRemote,
             R"({"model_type":"text_embedding","embedding_dimension":3,"framework_type":"sentence_transformers"})"),
      "Space type must be provided in additional_config for remote text embedding model");
}

constexpr std::string_view kGood =
    R"({"model_type":"b","embedding_dimension":3,"framework_type":"sentence_transformers",)";

TEST(ModelConfigTest, WrongValuesAreNamed) {
  EXPECT_EQ(Embedding(R"({"model_type":"b","embedding_dimension":3,"framework_type":"nope"})"), "Wrong framework type");
  EXPECT_EQ(Embedding(std::string(kGood) + R"("pooling_mode":"nope"})"), "Wrong pooling method");
  EXPECT_EQ(Embedding(R"({"model_type":"b","embedding_dimension":0,"framework_type":"sentence_transformers"})"),
            "[embedding_dimension] must be between 1 and 1000000, but was [0]");
  EXPECT_EQ(Embedding(std::string(kGood) + R"("model_max_length":-5})"),
            "[model_max_length] must be between 1 and 1000000, but was [-5]");
  EXPECT_EQ(Embedding(std::string(kGood) +
                      R"("all_config":"{\"a\":1,\"b\":1,\"c\":2}","additional_config":{"b":2,"a":1,"d":3}})"),
            "Duplicate keys found in both all_config and additional_config: a, b");
}

TEST(ModelConfigTest, PoolingIsReadInAnySpelling) {
  constexpr std::array kNames = {"mean", "MEAN_SQRT_LEN", "Max", "weightedmean", "cls", "lasttoken", "none"};
  for (std::size_t i = 0; i < kNames.size(); ++i)
    EXPECT_EQ(ParsePooling(kNames[i]).value(), static_cast<Pooling>(i)) << kNames[i];
  EXPECT_FALSE(ParsePooling(""));
}

TEST(ModelConfigTest, AllConfigReadsBackAsItsText) {
  const json::object given{{"model_type", "sentence_highlighting"},
                           {"framework_type", "HUGGINGFACE_TRANSFORMERS"},
                           {"all_config", R"({"token_max_length":64})"}};
  const json::object stored = NormalizeModelConfig(FunctionName::kQuestionAnswering, given).value();
  EXPECT_EQ(ReadModelConfig(stored).value().all_config, R"({"token_max_length":64})");
}

TEST(ModelConfigTest, WhatIsStoredReadsBack) {
  const json::object stored =
      NormalizeModelConfig(
          FunctionName::kTextEmbedding,
          ParseJsonObject(
              std::string(kGood) +
              R"("pooling_mode":"weighted_mean","normalize_result":true,"model_max_length":77,"query_prefix":"q: ","passage_prefix":"p: "})")
              .value())
          .value();
  const ModelConfig config = ReadModelConfig(stored).value();
  EXPECT_EQ(config.model_type, "b");
  EXPECT_EQ(config.embedding_dimension, 3);
  EXPECT_EQ(config.framework_type, "SENTENCE_TRANSFORMERS");
  EXPECT_EQ(config.pooling, Pooling::kWeightedMean);
  EXPECT_TRUE(config.normalize_result);
  EXPECT_EQ(config.model_max_length, 77);
  EXPECT_EQ(config.query_prefix, "q: ");
  EXPECT_EQ(config.passage_prefix, "p: ");
}

}  // namespace
}  // namespace mlnode::models
