#include <gmock/gmock.h>

#include "serving/testing/function_fixture.h"

namespace mlnode::serving {
namespace {

using ::testing::HasSubstr;

class SparseTokenizeTest : public testing::FunctionFixture {
 protected:
  Status ServeIdf(const std::string& idf) {
    return Serve(Store(models::FunctionName::kSparseTokenize, engines::ModelFormat::kTorchScript, {{"idf.json", idf}}),
                 {});
  }
};

TEST_F(SparseTokenizeTest, DistinctTokensWeighWhatTheFileSays) {
  ASSERT_TRUE(ServeIdf(R"({"cat":2.5,"##s":0.1,"other":7})"));
  const Documents documents = Answer({"cats the cat", "dog"});
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0][0].name, "");
  EXPECT_EQ(documents[0][0].data_as_map, R"({"response":[{"the":1.0,"cat":2.5,"##s":0.1}]})");
  EXPECT_EQ(documents[1][0].data_as_map, R"({"response":[{"dog":1.0}]})");
}

TEST_F(SparseTokenizeTest, IdsWeighWhatTheirTextsDo) {
  ASSERT_TRUE(ServeIdf(R"({"cat":2.5})"));
  PredictRequest request;
  request.sparse_format = SparseFormat::kTokenId;
  EXPECT_EQ(Answer({"cats the cat"}, std::move(request))[0][0].data_as_map,
            R"({"response":[{"6":2.5,"11":1.0,"5":1.0}]})");
}

TEST_F(SparseTokenizeTest, NeedsNoFileOfWeightsAndNoEngine) {
  ASSERT_TRUE(Serve(Store(models::FunctionName::kSparseTokenize, engines::ModelFormat::kOnnx), {}));
  EXPECT_EQ(servable_->info().engine, "tokenizer");
  const auto result = Ask({"dog", ""});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->documents[0][0].data_as_map, R"({"response":[{"dog":1.0}]})");
  EXPECT_EQ(result->documents[1][0].data_as_map, R"({"response":[{}]})");
  EXPECT_EQ(result->tokens, 5U);
  EXPECT_EQ(queue_->Use().begun, 0U);
}

TEST_F(SparseTokenizeTest, ManyTextsKeepTheirOrder) {
  ASSERT_TRUE(ServeIdf("{}"));
  std::vector<std::string> texts(200, "cat");
  texts[199] = "dog";
  const Documents documents = Answer(texts);
  ASSERT_EQ(documents.size(), 200U);
  EXPECT_EQ(documents[198][0].data_as_map, R"({"response":[{"cat":1.0}]})");
  EXPECT_EQ(documents[199][0].data_as_map, R"({"response":[{"dog":1.0}]})");
}

TEST_F(SparseTokenizeTest, AFileThatIsNotWeightsFailsTheLoad) {
  const Status text = ServeIdf(R"({"cat":"heavy"})");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kInvalidArgument);
  EXPECT_THAT(text.error().message, HasSubstr("idf.json: the weight of [cat] is no number"));
}

TEST_F(SparseTokenizeTest, AFileThatIsNotJsonFailsTheLoad) {
  const Status broken = ServeIdf("[");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::kInvalidArgument);
  EXPECT_THAT(broken.error().message, HasSubstr("idf.json: "));
}

}  // namespace
}  // namespace mlnode::serving
