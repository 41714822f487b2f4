#include "rest/predict_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::rest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<PredictBody> ParseTextDocs(const std::string& body) { return ParsePredictBody(BodyFamily::kTextDocs, body); }

PredictBody Parse(const std::string& body, BodyFamily family = BodyFamily::kTextDocs) {
  auto parsed = ParsePredictBody(family, body);
  if (!parsed) ADD_FAILURE() << parsed.error().message;
  return parsed ? *std::move(parsed) : PredictBody();
}

TEST(ParseTextDocsTest, ReadsTextsAndFilter) {
  const auto request = Parse(
      R"({"text_docs":["a\n\u00fc","b"],"return_number":false,"return_bytes":true,"target_response":["x"],"target_response_positions":[1]})");
  EXPECT_THAT(request.texts, ElementsAre("a\n\xc3\xbc", "b"));
  EXPECT_FALSE(request.filter.return_number);
  EXPECT_TRUE(request.filter.return_bytes);
  EXPECT_THAT(request.filter.names, ElementsAre("x"));
  EXPECT_THAT(request.filter.positions, ElementsAre(1));
  EXPECT_FALSE(request.has_parameters);
}

TEST(ParseTextDocsTest, TextsOutliveTheBody) {
  auto body = std::make_unique<std::string>(R"({"text_docs":["kept alive by the owner"]})");
  const auto request = Parse(*body);
  body.reset();
  EXPECT_THAT(request.texts, ElementsAre("kept alive by the owner"));
}

TEST(ParseTextDocsTest, ReadsTheBodyInPlaceWhereTheBufferHasRoom) {
  std::string body = R"({"text_docs":["a"]})";
  body.reserve(body.size() + 256);
  EXPECT_THAT(Parse(body).texts, ElementsAre("a"));
}

TEST(ParseTextDocsTest, NumbersAndBooleansCountAsTheirText) {
  EXPECT_THAT(Parse(R"({"text_docs":[1, 2.5, true, -3]})").texts, ElementsAre("1", "2.5", "true", "-3"));
}

TEST(ParseTextDocsTest, AResultFilterReplacesTheTopLevelKeys) {
  const auto request =
      Parse(R"({"text_docs":["a"],"return_number":false,"result_filter":{"target_response":["t"],"other":1}})");
  EXPECT_TRUE(request.filter.return_number);
  EXPECT_THAT(request.filter.names, ElementsAre("t"));
}

TEST(ParseTextDocsTest, ReadsParameters) {
  const auto request = Parse(R"({"text_docs":["a"],"parameters":{"content_type":"Passage","unknown":{}}})");
  EXPECT_TRUE(request.has_parameters);
  EXPECT_EQ(request.content_type, serving::ContentType::kPassage);
  EXPECT_TRUE(Parse(R"({"text_docs":["a"],"parameters":{}})").has_parameters);
}

TEST(ParseTextDocsTest, ReadsTheSparseFormat) {
  const auto format = [](const std::string& name) {
    return Parse(R"({"text_docs":["a"],"parameters":{"sparse_embedding_format":")" + name + "\"}}").sparse_format;
  };
  EXPECT_EQ(format("word"), serving::SparseFormat::kWord);
  EXPECT_EQ(format("LEXICAL"), serving::SparseFormat::kWord);
  EXPECT_EQ(format("Token_Id"), serving::SparseFormat::kTokenId);
  EXPECT_EQ(Parse(R"({"text_docs":["a"],"parameters":{}})").sparse_format, std::nullopt);
}

TEST(ParseTextDocsTest, SkipsUnknownKeys) {
  EXPECT_THAT(Parse(R"({"nope":[{}],"text_docs":["a"]})").texts, ElementsAre("a"));
}

struct Bad {
  const char* body;
  const char* reason;  // Error.reason
  const char* message;
};

class BadTextDocsTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadTextDocsTest, IsRefused) {
  const auto parsed = ParseTextDocs(GetParam().body);
  ASSERT_FALSE(parsed) << GetParam().body;
  EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
  EXPECT_EQ(parsed.error().reason, GetParam().reason);
  EXPECT_THAT(parsed.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadTextDocsTest,
    ::testing::Values(
        Bad{"", "parse_exception", "request body is required"}, Bad{"{}", "", "Empty text docs"},
        Bad{R"({"text_docs":[]})", "", "Empty text docs"}, Bad{R"({"text_docs":null})", "", "Empty text docs"},
        Bad{R"({"parameters":{"a":"b"}})", "", "Empty text docs"},
        Bad{R"({"text_docs": [)", "json_e_o_f_exception", "Unexpected end-of-input: expected close marker for Array"},
        Bad{R"({"text_docs": nope})", "json_parse_exception", "nope"},
        Bad{"[]", "parsing_exception", "expecting token of type [START_OBJECT] but found [START_ARRAY]"},
        Bad{R"({"text_docs":["a"],"text_docs":["b"]})", "json_parse_exception", "Duplicate field 'text_docs'"},
        Bad{"{\"text_docs\":[\"\xff\"]}", "json_parse_exception", ""},
        Bad{R"({"text_docs":"one"})", "", "[text_docs] must be an array of strings, found a string"},
        Bad{R"({"text_docs":[{"a":1}]})", "", "[text_docs[0]] must be a string, found an object"},
        Bad{R"({"text_docs":["a",null]})", "", "[text_docs[1]] must be a string, found null"},
        Bad{R"({"text_docs":["a"],"return_number":"perhaps"})", "",
            "Failed to parse value [perhaps] as only [true] or [false] are allowed."},
        Bad{R"({"text_docs":["a"],"return_bytes":3})", "", "[return_bytes] must be true or false, found a number"},
        Bad{R"({"text_docs":["a"],"target_response":"x"})", "", "[target_response] must be an array of strings"},
        Bad{R"({"text_docs":["a"],"target_response":[1]})", "", "[target_response[0]] must be a string"},
        Bad{R"({"text_docs":["a"],"target_response_positions":["x"]})", "", "[target_response_positions[0]] must be"},
        Bad{R"({"text_docs":["a"],"result_filter":[]})", "", "[result_filter] must be an object, found an array"},
        Bad{R"({"text_docs":["a"],"parameters":1})", "", "[parameters] must be an object, found a number"},
        Bad{R"({"text_docs":["a"],"parameters":{"content_type":"poem"}})", "",
            "No enum constant for [content_type]: [poem]"},
        Bad{R"({"text_docs":["a"],"parameters":{"sparse_embedding_format":"x"}})", "",
            "No enum constant for [sparse_embedding_format]: [x]; allowed: word, token_id"}));

std::string Repeated(std::string_view entry, std::size_t count) {
  std::string joined;
  for (std::size_t i = 0; i < count; ++i) joined.append(i == 0 ? "" : ",").append(entry);
  return joined;
}

TEST(ParseTextDocsTest, RefusesLongFilterLists) {
  const auto body = [](std::string_view field, std::string_view entry, std::size_t count) {
    return R"({"text_docs":["a"],")" + std::string(field) + R"(":[)" + Repeated(entry, count) + "]}";
  };
  EXPECT_EQ(ParseTextDocs(body("target_response", R"("x")", 1'001)).error().message,
            "[target_response] has 1001 entries; the limit is 1000");
  EXPECT_EQ(ParseTextDocs(body("target_response_positions", "1", 1'001)).error().message,
            "[target_response_positions] has 1001 entries; the limit is 1000");
  EXPECT_THAT(Parse(body("target_response", R"("x")", 1'000)).filter.names, ElementsAre("x"));
}

TEST(ParseTextDocsTest, ManyUnknownKeysCostNothingMuch) {
  std::string body = "{";
  for (int i = 0; i < 200'000; ++i) body += "\"k" + std::to_string(i) + "\":1,";
  EXPECT_THAT(Parse(body + R"("text_docs":["a"]})").texts, ElementsAre("a"));
}

TEST(ParseTextDocsTest, RefusesDeepNesting) {
  const std::string deep = R"({"x":)" + std::string(100, '[') + std::string(100, ']') + R"(,"text_docs":["a"]})";
  EXPECT_EQ(ParseTextDocs(deep).error().code, Code::kInvalidArgument);
}

TEST(ResultFilterTest, KeepsByNameOrPosition) {
  ResultFilter filter;
  EXPECT_TRUE(filter.Keeps("any", 3));
  filter.names = {"a"};
  EXPECT_TRUE(filter.Keeps("a", 0));
  EXPECT_FALSE(filter.Keeps("b", 0));
  filter.positions = {0};
  EXPECT_TRUE(filter.Keeps("b", 0));
}

TEST(ParseSimilarityTest, ReadsQueryAndDocumentsAndNothingElse) {
  const auto body =
      Parse(R"({"text_docs":["a",2],"query_text":"q","return_number":false,"parameters":7})", BodyFamily::kSimilarity);
  EXPECT_THAT(body.texts, ElementsAre("a", "2"));
  EXPECT_EQ(body.pair, "q");
  EXPECT_TRUE(body.filter.return_number);
  EXPECT_FALSE(body.has_parameters);
}

TEST(ParseQuestionTest, ReadsQuestionAndContext) {
  const auto body = Parse(R"({"context":"c","question":"q","text_docs":1})", BodyFamily::kQuestion);
  EXPECT_THAT(body.texts, ElementsAre("c"));
  EXPECT_EQ(body.pair, "q");
}

struct BadOf {
  BodyFamily family;
  const char* body;
  const char* message;
};

class BadBodyTest : public ::testing::TestWithParam<BadOf> {};

TEST_P(BadBodyTest, IsRefused) {
  const auto parsed = ParsePredictBody(GetParam().family, GetParam().body);
  ASSERT_FALSE(parsed) << GetParam().body;
  EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
  EXPECT_THAT(parsed.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Similarity, BadBodyTest,
    ::testing::Values(BadOf{BodyFamily::kSimilarity, "", "request body is required"},
                      BadOf{BodyFamily::kSimilarity, "{}", "No text documents were provided"},
                      BadOf{BodyFamily::kSimilarity, R"({"query_text":"q","text_docs":[]})", "No text documents were"},
                      BadOf{BodyFamily::kSimilarity, R"({"text_docs":["a"]})", "No query text was provided"},
                      BadOf{BodyFamily::kSimilarity, R"({"text_docs":["a"],"query_text":null})", "No query text was"},
                      BadOf{BodyFamily::kSimilarity, R"({"text_docs":["a"],"query_text":[]})",
                            "[query_text] must be a string, found an array"},
                      BadOf{BodyFamily::kSimilarity, R"({"query_text":"a","query_text":"b"})", "Duplicate field"}));

INSTANTIATE_TEST_SUITE_P(
    Question, BadBodyTest,
    ::testing::Values(BadOf{BodyFamily::kQuestion, "{}", "Question is not provided"},
                      BadOf{BodyFamily::kQuestion, R"({"question":"","context":"c"})", "Question is not provided"},
                      BadOf{BodyFamily::kQuestion, R"({"question":"q"})", "Context is not provided"},
                      BadOf{BodyFamily::kQuestion, R"({"question":"q","context":""})", "Context is not provided"},
                      BadOf{BodyFamily::kQuestion, R"({"question":{},"context":"c"})",
                            "[question] must be a string, found an object"}));

TEST(AnswerFilterTest, OnlyEmbeddingsAndSparseVectorsAreFiltered) {
  ResultFilter asked;
  asked.return_number = false;
  asked.names = {"x"};
  for (const auto function : {models::FunctionName::kTextEmbedding, models::FunctionName::kSparseEncoding}) {
    EXPECT_FALSE(AnswerFilter(function, asked).return_number);
    EXPECT_FALSE(AnswerFilter(function, asked).Keeps("y", 0));
  }
  for (const auto function : {models::FunctionName::kTextSimilarity, models::FunctionName::kSparseTokenize,
                              models::FunctionName::kQuestionAnswering}) {
    EXPECT_TRUE(AnswerFilter(function, asked).return_number);
    EXPECT_TRUE(AnswerFilter(function, asked).return_bytes);
    EXPECT_TRUE(AnswerFilter(function, asked).Keeps("y", 0));
  }
}

TEST(ParseUrgencyTest, KnowsTwoValues) {
  EXPECT_EQ(ParseUrgency("Bulk").value(), serving::Urgency::kBulk);
  EXPECT_EQ(ParseUrgency("interactive").value(), serving::Urgency::kInteractive);
  EXPECT_EQ(ParseUrgency("high").error().message, "X-Mlnode-Priority must be interactive or bulk, found [high]");
}

std::string InstanceOf(const std::string& body, models::FunctionName function = models::FunctionName::kTextEmbedding) {
  return InterfaceInstance(function, ParsePredictBody(FamilyOf(function), body).value());
}

TEST(InterfaceInstanceTest, LeastRequestShowsTheDefaults) {
  EXPECT_EQ(InstanceOf(R"({"text_docs":["a","b \"c\""],"unknown":1})"),
            R"({"algorithm":"TEXT_EMBEDDING","text_docs":["a","b \"c\""],)"
            R"("result_filter":{"return_bytes":false,"return_number":true}})");
}

TEST(InterfaceInstanceTest, EverythingGivenIsShown) {
  EXPECT_EQ(InstanceOf(R"({"parameters":{"content_type":"passage"},"text_docs":[7],"return_number":false,)"
                       R"("target_response":["x","y"],"target_response_positions":[2,3]})"),
            R"({"algorithm":"TEXT_EMBEDDING","parameters":{"content_type":"PASSAGE"},"text_docs":["7"],)"
            R"("result_filter":{"return_bytes":false,"return_number":false,"target_response":["x","y"],)"
            R"("target_response_positions":[2,3]}})");
  EXPECT_THAT(InstanceOf(R"({"parameters":{},"text_docs":["a"]})"), ::testing::HasSubstr(R"("parameters":{},)"));
  EXPECT_THAT(InstanceOf(R"({"parameters":{"content_type":"query"},"text_docs":["a"]})"),
              ::testing::HasSubstr(R"({"content_type":"QUERY"})"));
}

TEST(InterfaceInstanceTest, EachFunctionShowsWhatItReads) {
  EXPECT_EQ(InstanceOf(R"({"text_docs":["a"],"query_text":"q"})", models::FunctionName::kTextSimilarity),
            R"({"algorithm":"TEXT_SIMILARITY","query_text":"q","text_docs":["a"]})");
  EXPECT_EQ(InstanceOf(R"({"context":"c","question":"q"})", models::FunctionName::kQuestionAnswering),
            R"({"algorithm":"QUESTION_ANSWERING","question":"q","context":"c"})");
  EXPECT_EQ(InstanceOf(R"({"text_docs":["a"],"parameters":{"sparse_embedding_format":"token_id"}})",
                       models::FunctionName::kSparseEncoding),
            R"({"algorithm":"SPARSE_ENCODING","parameters":{"sparse_embedding_format":"TOKEN_ID"},"text_docs":["a"],)"
            R"("result_filter":{"return_bytes":false,"return_number":true}})");
}

}  // namespace
}  // namespace mlnode::rest
