#include "rest/predict_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::rest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TextDocsRequest Parse(const std::string& body) {
  auto parsed = ParseTextDocs(body);
  if (!parsed) ADD_FAILURE() << parsed.error().message;
  return parsed ? *std::move(parsed) : TextDocsRequest();
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
            "No enum constant for [content_type]: [poem]"}));

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

std::string InstanceOf(const std::string& body) {
  return InterfaceInstance(models::FunctionName::kTextEmbedding, ParseTextDocs(body).value());
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

}  // namespace
}  // namespace mlnode::rest
