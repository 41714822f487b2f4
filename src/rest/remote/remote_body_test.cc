#include "rest/remote/remote_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::rest {
namespace {

using models::FunctionName;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

RemoteBody Parsed(FunctionName asked, const std::string& body) { return ParseRemoteBody(asked, body).value(); }
std::string Refused(FunctionName asked, const std::string& body) {
  const auto parsed = ParseRemoteBody(asked, body);
  return parsed ? "" : parsed.error().message;
}

TEST(RemoteBodyTest, TheNativeRouteTakesParameters) {
  const RemoteBody body = Parsed(FunctionName::kRemote, R"({"parameters":{"input":["a"],"n":1},"more":2})");
  EXPECT_EQ(ToJson(body.input.parameters), R"({"input":["a"],"n":1})");
  EXPECT_EQ(body.input.action, connectors::ActionType::kPredict);
  EXPECT_EQ(body.input.algorithm, "REMOTE");
  EXPECT_FALSE(body.input.has_docs);
  EXPECT_TRUE(Parsed(FunctionName::kRemote, "{}").input.parameters.empty()) << "the template says what is missing";
}

TEST(RemoteBodyTest, AnActionTypeMayBeNamed) {
  EXPECT_EQ(Parsed(FunctionName::kRemote, R"({"action_type":"batch_predict"})").input.action,
            connectors::ActionType::kBatchPredict);
  EXPECT_NE(Refused(FunctionName::kRemote, R"({"action_type":"dance"})"), "");
}

TEST(RemoteBodyTest, BatchJobsHaveTheirOwnRoutes) {
  using connectors::ActionType;
  EXPECT_TRUE(CheckPredictAction(ActionType::kPredict));
  EXPECT_TRUE(CheckPredictAction(ActionType::kExecute));
  for (const auto& [action, route] :
       {std::pair(ActionType::kBatchPredict, "/_batch_predict"), std::pair(ActionType::kBatchPredictStatus, "GET"),
        std::pair(ActionType::kCancelBatchPredict, "/_cancel_batch")}) {
    const Status fits = CheckPredictAction(action);
    ASSERT_FALSE(fits);
    EXPECT_EQ(fits.error().code, Code::kInvalidArgument);
    EXPECT_THAT(fits.error().message, HasSubstr(route));
  }
}

TEST(RemoteBodyTest, DeadLettersNeedBucketAndRegion) {
  EXPECT_EQ(ToJson(*Parsed(FunctionName::kRemote, R"({"dlq":{"bucket":"b","region":"r"}})").dlq),
            R"({"bucket":"b","region":"r"})");
  EXPECT_EQ(Refused(FunctionName::kRemote, R"({"dlq":{"bucket":"b"}})"), "DLQ bucketName or region cannot be null");
}

TEST(RemoteBodyTest, DocumentsComeByTheRoutesOfOtherFunctions) {
  const auto input = Parsed(FunctionName::kTextEmbedding, R"({"text_docs":["a",null,3]})").input;
  EXPECT_TRUE(input.has_docs);
  EXPECT_EQ(input.algorithm, "TEXT_EMBEDDING");
  EXPECT_THAT(input.documents, ElementsAre(Optional(std::string("a")), std::nullopt, Optional(std::string("3"))));
  const auto pair = Parsed(FunctionName::kTextSimilarity, R"({"query_text":"q","text_docs":["d"]})").input;
  EXPECT_THAT(pair.query, Optional(std::string("q")));
  EXPECT_FALSE(RemoteTakes(FunctionName::kQuestionAnswering));
}

TEST(RemoteBodyTest, WhatIsMissingIsSaidInThePeersWords) {
  EXPECT_EQ(Refused(FunctionName::kRemote, ""), "request body is required");
  EXPECT_EQ(Refused(FunctionName::kTextEmbedding, R"({"text_docs":[]})"), "Empty text docs");
  EXPECT_EQ(Refused(FunctionName::kTextSimilarity, R"({"query_text":"q"})"), "No text documents were provided");
  EXPECT_EQ(Refused(FunctionName::kTextSimilarity, R"({"text_docs":["d"]})"), "No query text was provided");
  EXPECT_THAT(Refused(FunctionName::kTextEmbedding, R"({"text_docs":["a",{}]})"), HasSubstr("text_docs[1]"));
  EXPECT_NE(Refused(FunctionName::kRemote, R"({"parameters":[]})"), "");
}

TEST(RemoteBodyTest, TheInterfaceSeesJsonWhereTextsAreJson) {
  const auto input = Parsed(FunctionName::kRemote, R"({"parameters":{"list":"[1,2]","text":"hi","number":"5"}})").input;
  EXPECT_EQ(RemoteInstance(input, ""),
            R"({"algorithm":"REMOTE","parameters":{"list":[1,2],"text":"hi","number":5},"action_type":"PREDICT"})");
  const std::string schema =
      R"({"properties":{"parameters":{"properties":{"number":{"type":"string"},"list":{"type":"array"}}}}})";
  EXPECT_THAT(RemoteInstance(input, schema), HasSubstr(R"("list":[1,2],"text":"hi","number":"5")"));
}

TEST(RemoteBodyTest, TheInterfaceSeesDocuments) {
  const auto input = Parsed(FunctionName::kTextSimilarity, R"({"query_text":"q","text_docs":["d",null]})").input;
  EXPECT_EQ(RemoteInstance(input, ""), R"({"algorithm":"TEXT_SIMILARITY","query_text":"q","text_docs":["d",null]})");
}

}  // namespace
}  // namespace mlnode::rest
