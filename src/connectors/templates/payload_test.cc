#include "connectors/templates/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/templates/charset.h"

namespace mlnode::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

Action WithBody(std::string body) {
  Action action;
  action.method = "POST";
  action.url = "https://example.com/v1";
  action.request_body = std::move(body);
  return action;
}
std::string BodyOf(std::string body, const Parameters& parameters) {
  auto made = MakeBody(WithBody(std::move(body)), parameters);
  return made ? *made : "error: " + made.error().message;
}
json::object Json(std::string_view text) { return ParseJsonObject(text).value(); }
// As a request with native parameters makes it.
std::string Sent(std::string body, std::string_view request, const Parameters& connector = {}) {
  return BodyOf(std::move(body), Merge(connector, AsText(Json(request)), {}));
}

TEST(AsTextTest, NumbersKeepTheirText) {
  EXPECT_THAT(
      AsText(Json(R"({"a":"x","b":9007199254740993,"c":18446744073709551615,"d":0.1,"e":[1,"y"],"f":null,"g":true,
                              "h":-1.5})")),
      ElementsAre(Pair("a", "x"), Pair("b", "9007199254740993"), Pair("c", "18446744073709551615"), Pair("d", "0.1"),
                  Pair("e", R"([1,"y"])"), Pair("f", "null"), Pair("g", "true"), Pair("h", "-1.5")));
}

TEST(MergeTest, LaterWinsAndOnlyTheCallersTextIsEscaped) {
  const Parameters merged =
      Merge({{"a", "c\"/"}, {"b", "c"}, {"d", "c"}}, {{"b", "r\""}, {"e", "r/"}}, {{"b", "p"}, {"d", "p\n"}});
  EXPECT_THAT(merged, ElementsAre(Pair("a", "c\"/"), Pair("b", "r\\\""), Pair("d", "p\\n"), Pair("e", "r\\/")));
}

TEST(MergeTest, ContainersPassAndScalarsAreTexts) {
  EXPECT_THAT(Merge({}, {{"a", "[\"\xC3\xA9/\"]"}, {"b", "{\"x\":1}"}, {"c", "\"x\""}, {"d", "0.5"}, {"e", "[x"}}, {}),
              ElementsAre(Pair("a", "[\"\xC3\xA9/\"]"), Pair("b", "{\"x\":1}"), Pair("c", "\\\"x\\\""),
                          Pair("d", "0.5"), Pair("e", "[x")));
}

TEST(MergeTest, NoEscapeParams) {
  const Parameters merged = Merge({}, {{"no_escape_params", "a , b"}, {"a", "\""}, {"b", "/"}, {"c", "/"}}, {});
  EXPECT_EQ(merged.at("a"), "\"");
  EXPECT_EQ(merged.at("b"), "/");
  EXPECT_EQ(merged.at("c"), "\\/");
}

TEST(MergeTest, ResponseFilterStaysAPath) {
  EXPECT_EQ(Merge({}, {{"response_filter", "$[\"a/b\"]"}}, {}).at("response_filter"), "$[\"a/b\"]");
}

// tests/golden/fake-server-saw.json and the recorded refusals.
TEST(MakeBodyTest, RecordedExchanges) {
  const std::string body = "{ \"input\": ${parameters.input}, \"model\": \"${parameters.model}\" }";
  const Parameters connector{{"model", "text-embedding-3-small"}};
  EXPECT_EQ(Sent(body, R"({"input":["hello","world!"]})", connector),
            R"({ "input": ["hello","world!"], "model": "text-embedding-3-small" })");
  EXPECT_EQ(Sent(body, R"({"input":["a \"quoted\" \\ text\nnew line"]})", connector),
            R"({ "input": ["a \"quoted\" \\ text\nnew line"], "model": "text-embedding-3-small" })");
  EXPECT_EQ(Sent(body, R"({"input":["x"],"model":"other"})", connector), R"({ "input": ["x"], "model": "other" })");
  EXPECT_EQ(Sent(body, R"({"input":"just text"})", connector),
            R"(error: Invalid payload: { "input": just text, "model": "text-embedding-3-small" })");
  EXPECT_EQ(Sent(body, "{}", connector),
            R"(error: Invalid payload: { "input": ${parameters.input}, "model": "text-embedding-3-small" })");
  EXPECT_EQ(Sent("{ \"model\": \"${parameters.model}\", \"messages\": ${parameters.messages} }", R"({"other":1})",
                 {{"model", "gpt-x"}}),
            R"(error: Invalid payload: { "model": "gpt-x", "messages": ${parameters.messages} })");
}

// A placeholder inside a string leaves JSON behind: then it is named.
TEST(MakeBodyTest, MissingInsideAString) {
  const std::string body = R"({"a":"${parameters.a}","b":"${parameters.b}","c":"${parameters.a}"})";
  EXPECT_EQ(BodyOf(body, {}), "error: Some parameter placeholder not filled in payload: a, b");
  EXPECT_EQ(BodyOf(body, {{"skip_validating_missing_parameters", "True"}}), body);
  EXPECT_EQ(BodyOf(body, {{"skip_validating_missing_parameters", "no"}}),
            "error: Some parameter placeholder not filled in payload: a, b");
}

TEST(MakeBodyTest, TextIsEscapedInPlace) {
  EXPECT_EQ(Sent(R"({"p":"${parameters.p}"})", R"({"p":"say \"h/i\"\né"})"), R"({"p":"say \"h\/i\"\n\u00E9"})");
}

TEST(MakeBodyTest, ATextCannotBreakOutOfItsString) {
  EXPECT_EQ(Sent(R"({"p":"${parameters.p}"})", R"({"p":"\",\"admin\":\"true"})"), R"({"p":"\",\"admin\":\"true"})");
}

TEST(MakeBodyTest, NumbersStayAsTheyWere) {
  EXPECT_EQ(Sent(R"({"t":${parameters.t},"n":${parameters.n}})", R"({"t":0.10000000000000001,"n":9007199254740993})"),
            R"({"t":0.1,"n":9007199254740993})");
  EXPECT_EQ(BodyOf(R"({"n":123456789012345678901234567890,"x":1.50})", {}),
            R"({"n":123456789012345678901234567890,"x":1.50})");
}

TEST(MakeBodyTest, QuotedNullDefault) {
  const std::string body = R"({"t":"${parameters.t:-null}","i":"${parameters.i:-null}"})";
  EXPECT_EQ(BodyOf(body, {}), R"({"t":null,"i":null})");
  EXPECT_EQ(BodyOf(body, {{"t", "x"}}), R"({"t":"x","i":null})");
  EXPECT_EQ(BodyOf(body, {{"t", "null"}}), R"({"t":"null","i":null})") << "a text that reads null is a text";
  EXPECT_EQ(BodyOf(R"({"t":"${parameters.t:-none}","u":${parameters.u:-null}})", {}), R"({"t":"none","u":null})");
}

TEST(DropNullsTest, NullOfTheRequestIsABareNull) {
  const Action action = WithBody(R"({"t":"${parameters.t:-null}","u":${parameters.u}})");
  const json::object request = Json(R"({"t":null,"u":null})");
  Parameters merged = Merge({{"t", "default"}}, AsText(request), {});
  DropNulls(action, request, merged);
  EXPECT_EQ(MakeBody(action, merged).value(), R"({"t":null,"u":null})");
}

TEST(MakeBodyTest, ToStringPutsJsonIntoAString) {
  EXPECT_EQ(BodyOf(R"({"p":"${parameters.prompt}"})",
                   {{"prompt", "use ${parameters.tools.toString()}"}, {"tools", R"([{"n":"a"}])"}}),
            R"({"p":"use [{\"n\":\"a\"}]"})");
  EXPECT_EQ(BodyOf(R"({"p":"${parameters.none.toString()}"})", {}),
            "error: Some parameter placeholder not filled in payload: none.toString()");
}

TEST(MakeBodyTest, AParameterOfTheRequestMayNameAnother) {
  EXPECT_EQ(Sent(R"({"p":"${parameters.p}"})", R"({"p":"hi ${parameters.q}","q":"you"})"), R"({"p":"hi you"})");
}

TEST(MakeBodyTest, NdjsonPasses) {
  EXPECT_EQ(BodyOf("{\"a\":${parameters.a}}\n{\"b\":2}\n", {{"a", "1"}}), "{\"a\":1}\n{\"b\":2}\n");
}

TEST(MakeBodyTest, HttpBodyNeedNotBeJson) {
  Action action = WithBody("");
  action.request_body.reset();
  EXPECT_EQ(MakeBody(action, {{"http_body", "a=b"}}).value(), "a=b");
  EXPECT_EQ(MakeBody(action, {{"http_body", "${parameters.x}"}}).error().message,
            "Some parameter placeholder not filled in payload: x");
}

TEST(MakeBodyTest, EmptyBody) {
  Action action = WithBody("");
  action.request_body.reset();
  EXPECT_EQ(MakeBody(action, {}).error().message, "Content length is 0. Aborting request to remote model");
  action.type = ActionType::kCancelBatchPredict;
  EXPECT_EQ(MakeBody(action, {}).value(), "");
  action.type = ActionType::kPredict;
  action.method = "GET";
  EXPECT_EQ(MakeBody(action, {}).value(), "");
}

TEST(MakeBodyTest, NotUtf8IsRefusedWithoutShowingIt) {
  EXPECT_EQ(BodyOf("{\"a\":\"${parameters.a}\"}", {{"a", "\xFF"}}), "error: Invalid payload: it is not UTF-8");
  Action action = WithBody("");
  action.request_body.reset();
  EXPECT_FALSE(MakeBody(action, {{"http_body", "\xC3"}}));
}

TEST(MakeBodyTest, AnInvalidPayloadIsShownInPart) {
  const std::string made = BodyOf("${parameters.a}", {{"a", std::string(1'000'000, 'x')}});
  EXPECT_THAT(made, StartsWith("error: Invalid payload: xxx"));
  EXPECT_THAT(made, EndsWith("..."));
  EXPECT_LT(made.size(), 11'000U);
}

TEST(MakeBodyTest, ABodyIsUtf8WhateverTheCharset) {
  const std::string body = "{\"a\":\"\xC3\xA9\"}";
  EXPECT_EQ(BodyOf(body, {{"charset", "UTF-16"}}), body);
}

TEST(MakeBodyTest, WhatIsFilledIsBoundedByWhatIsGiven) {
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += "${parameters.text}";
  const std::string text(10'000, 'x');
  const auto made = MakeBody(WithBody(R"({"a":"${parameters.many}"})"), {{"many", many}, {"text", text}});
  ASSERT_FALSE(made) << "28 KB would become 10 MB";
  EXPECT_EQ(made.error().code, Code::kTooLarge);
  EXPECT_THAT(BodyOf(R"({"a":"${parameters.text}${parameters.text}${parameters.text}"})",
                     {{"text", std::string(2'000'000, 'x')}}),
              ::testing::SizeIs(6'000'008));
}

TEST(MakeBodyTest, TemplatesShareWhatMayBeScanned) {
  std::size_t left = 100;
  EXPECT_TRUE(MakeBody(WithBody(R"({"a":"${parameters.x}"})"), {{"x", "12345"}}, &left));
  EXPECT_EQ(left, 100U - 24U - 6U);
  const auto made = MakeBody(WithBody(R"({"a":"${parameters.x}"})"), {{"x", std::string(80, 'x')}}, &left);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kTooLarge);
}

TEST(EncodeTest, Charsets) {
  const std::string body = "{\"a\":\"\xC3\xA9\xE2\x82\xAC\"}";
  EXPECT_EQ(Encode(body, "utf-8").value(), body);
  EXPECT_EQ(Encode(body, "ISO-8859-1").value(), "{\"a\":\"\xE9?\"}");
  EXPECT_EQ(Encode(body, "US-ASCII").value(), "{\"a\":\"??\"}");
  EXPECT_THAT(Encode(body, "klingon").error().message, HasSubstr("Unsupported charset: klingon"));
}

TEST(EncodeTest, Utf16) {
  EXPECT_EQ(Encode("a\xF0\x9F\x98\x80", "UTF-16BE").value(), std::string_view("\0a\xD8\x3D\xDE\x00", 6));
  EXPECT_EQ(Encode("a", "UTF-16LE").value(), std::string_view("a\0", 2));
  EXPECT_EQ(Encode("a", "UTF-16").value(), std::string_view("\xFE\xFF\0a", 4));
}

Action Structured(std::string body) {
  Action action = WithBody(std::move(body));
  action.supports_structured_output = true;
  return action;
}

TEST(StructuredOutputTest, ReplacesAndMerges) {
  const Action action = Structured(R"({"model":"m","generationConfig":{"a":1,"b":{"c":2}}})");
  EXPECT_EQ(
      MakeBody(action, {{"_response_format_json", R"({"type":"json_object"})"},
                        {"_generationConfig_additions_json", R"({"b":{"d":3},"e":4})"}})
          .value(),
      R"({"model":"m","generationConfig":{"a":1,"b":{"c":2,"d":3},"e":4},"response_format":{"type":"json_object"}})");
  EXPECT_EQ(MakeBody(action, {{"_toolConfig_json", "x"}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(MakeBody(action, {{"_toolConfig_additions_json", "[1]"}}).error().message,
            "parameter _toolConfig_additions_json must be a JSON object");
}

TEST(StructuredOutputTest, ABodyThatNothingChangesKeepsItsText) {
  EXPECT_EQ(MakeBody(Structured(R"({ "x": 1.50 })"), {}).value(), R"({ "x": 1.50 })");
  EXPECT_EQ(BodyOf(R"({ "x": 1.50 })", {{"_response_format_json", "{}"}}), R"({ "x": 1.50 })")
      << "the action does not support it";
}

TEST(NovaTest, MembersWithoutContentGo) {
  const std::string body = R"({"singleEmbeddingParams":{"p":"x","text":{"value":"${parameters.text:-null}"},)"
                           R"("image":{"format":null,"source":{"bytes":"${parameters.image:-null}"}},"video":null,)"
                           R"("audio":{"source":{"bytes":"b"}}}})";
  const Parameters nova{{"model", "amazon.nova-2-multimodal-embeddings-v1:0"}, {"text", "hi"}};
  EXPECT_EQ(BodyOf(body, nova),
            R"({"singleEmbeddingParams":{"p":"x","text":{"value":"hi"},"audio":{"source":{"bytes":"b"}}}})");
  EXPECT_THAT(BodyOf(body, {{"model", "other"}, {"text", "hi"}}), HasSubstr(R"("video":null)"));
}

}  // namespace
}  // namespace mlnode::connectors
