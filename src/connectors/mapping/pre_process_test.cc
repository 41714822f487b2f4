#include "connectors/mapping/pre_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/compiled_connector.h"

namespace mlnode::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

using Documents = std::vector<std::optional<std::string>>;

RemoteInput Docs(Documents documents) {
  RemoteInput input;
  input.algorithm = "TEXT_EMBEDDING";
  input.has_docs = true;
  input.documents = std::move(documents);
  return input;
}
RemoteInput Similarity(std::string query, Documents documents) {
  RemoteInput input = Docs(std::move(documents));
  input.query = std::move(query);
  return input;
}
Result<Parameters> Processed(std::string_view function, const RemoteInput& input, const Parameters& parameters = {}) {
  const auto made = PreProcess::Make(function);
  if (!made) return made.error();
  return (*made)->Run(input, 0, input.documents.size(), parameters);
}
Result<Parameters> BuiltIn(std::string_view name, const RemoteInput& input) {
  return Processed("connector.pre_process." + std::string(name), input);
}

struct Case {
  const char* name;
  RemoteInput input;
  Parameters made;
};

TEST(PreProcessTest, BuiltIns) {
  const std::string nova = R"({"image":"aW1n","text":null})";
  const std::vector<Case> cases{
      {"openai.embedding", Docs({"a", "b\"\n"}), {{"input", R"(["a","b\"\n"])"}}},
      {"openai.embedding", Docs({"a", std::nullopt}), {{"input", R"(["a",null])"}}},
      {"default.embedding", Docs({"a"}), {{"input", R"(["a"])"}}},
      {"cohere.embedding", Docs({"a", "b"}), {{"texts", R"(["a","b"])"}}},
      {"cohere.multimodal_embedding",
       Docs({"data:image/png;base64,x"}),
       {{"images", R"(["data:image/png;base64,x"])"}}},
      {"bedrock.embedding", Docs({"a \"b\""}), {{"inputText", "a \"b\""}}},
      {"bedrock.multimodal_embedding", Docs({"a", "i"}), {{"inputText", "a"}, {"inputImage", "i"}}},
      {"bedrock.multimodal_embedding", Docs({"a"}), {{"inputText", "a"}}},
      {"bedrock.multimodal_embedding", Docs({std::nullopt, "i"}), {{"inputImage", "i"}}},
      {"bedrock.nova.text_embedding", Docs({"a"}), {{"inputText", "a"}}},
      {"bedrock.nova.image_embedding", Docs({"i"}), {{"inputImage", "i"}}},
      {"bedrock.nova.video_embedding", Docs({"v"}), {{"inputVideo", "v"}}},
      {"bedrock.nova.audio_embedding", Docs({"s"}), {{"inputAudio", "s"}}},
      {"bedrock.nova.embedding", Docs({"plain"}), {{"text", "plain"}}},
      {"bedrock.nova.embedding", Docs({nova}), {{"image", "aW1n"}}},
      {"bedrock.nova.embedding", Docs({R"({"audio":{"b":1}})"}), {{"audio", R"({"b":1})"}}},
      {"bedrock.nova.embedding", Docs({"{broken"}), {{"text", "{broken"}}},
      {"cohere.rerank", Similarity("q", {"a", "b"}), {{"query", "q"}, {"documents", R"(["a","b"])"}, {"top_n", "2"}}},
      {"default.rerank", Similarity("q", {"a"}), {{"query", "q"}, {"documents", R"(["a"])"}, {"top_n", "1"}}},
      {"bedrock.rerank",
       Similarity("q\"", {"a"}),
       {{"queries", R"([{"type":"TEXT","textQuery":{"text":"q\""}}])"},
        {"sources", R"([{"type":"INLINE","inlineDocumentSource":{"type":"TEXT","textDocument":{"text":"a"}}}])"},
        {"numberOfResults", "1"}}},
  };
  for (const Case& c : cases) {
    const auto made = BuiltIn(c.name, c.input);
    ASSERT_TRUE(made) << c.name << ": " << made.error().message;
    EXPECT_EQ(*made, c.made) << c.name;
  }
}

TEST(PreProcessTest, NothingGiven) {
  for (const Documents& nothing : {Documents{}, Documents{std::nullopt}}) {
    EXPECT_EQ(BuiltIn("cohere.multimodal_embedding", Docs(nothing)).error().message, "No image provided");
    EXPECT_EQ(BuiltIn("bedrock.multimodal_embedding", Docs(nothing)).error().message,
              "No input text or image provided");
    for (const char* name : {"bedrock.embedding", "bedrock.nova.embedding", "bedrock.nova.image_embedding"})
      EXPECT_EQ(BuiltIn(name, Docs(nothing)).error().message, "No input provided") << name;
  }
  EXPECT_THAT(BuiltIn("openai.embedding", Docs({})).value(), ElementsAre(Pair("input", "[]")));
}

TEST(PreProcessTest, WrongKindOfInput) {
  for (const char* name : {"openai.embedding", "cohere.embedding", "bedrock.multimodal_embedding"})
    EXPECT_EQ(BuiltIn(name, Similarity("q", {"a"})).error().message,
              "This pre_process_function can only support TextDocsInputDataSet which including a list of string with "
              "key 'text_docs'")
        << name;
  for (const char* name : {"cohere.rerank", "default.rerank", "bedrock.rerank"})
    EXPECT_EQ(BuiltIn(name, Docs({"a"})).error().message,
              "This pre_process_function can only support TextSimilarityInputDataSet")
        << name;
}

TEST(PreProcessTest, OneDocumentACallOrAll) {
  for (const char* name : {"bedrock.embedding", "bedrock.nova.embedding", "bedrock.nova.text_embedding"})
    EXPECT_FALSE((*PreProcess::Make("connector.pre_process." + std::string(name)))->TakesAllDocuments()) << name;
  for (const char* name : {"openai.embedding", "bedrock.multimodal_embedding", "bedrock.rerank"})
    EXPECT_TRUE((*PreProcess::Make("connector.pre_process." + std::string(name)))->TakesAllDocuments()) << name;
}

TEST(PreProcessTest, OnlyTheRangeCounts) {
  const auto made = PreProcess::Make("connector.pre_process.openai.embedding");
  EXPECT_THAT((*made)->Run(Docs({"a", "b", "c"}), 1, 2, {}).value(), ElementsAre(Pair("input", R"(["b","c"])")));
}

TEST(PreProcessTest, UnknownBuiltIn) {
  EXPECT_EQ(PreProcess::Make("connector.pre_process.nobody.embedding").error().message,
            "pre_process_function: there is no built-in function connector.pre_process.nobody.embedding");
}

constexpr const char* kScript =
    "String text = params.text_docs[0];\n"
    "return '{\"parameters\":{\"prompt\":\"' + text + '\",\"n\":' + params.text_docs.length + ',\"o\":{\"a\":[1]}}}';";

TEST(PreProcessScriptTest, MakesParameters) {
  EXPECT_THAT(Processed(kScript, Docs({"say \"hi\"\n", "b"})).value(),
              ElementsAre(Pair("n", "2"), Pair("o", R"({"a":[1]})"), Pair("prompt", "say \"hi\"\n")));
  const auto made = PreProcess::Make(kScript);
  EXPECT_TRUE((*made)->IsScript());
  EXPECT_FALSE((*made)->TakesAllDocuments());
}

TEST(PreProcessScriptTest, SeesQueryAndAlgorithm) {
  EXPECT_THAT(Processed("return '{\"parameters\":{\"q\":\"' + params.query_text + params.algorithm + '\"}}';",
                        Similarity("q", {"a"}))
                  .value(),
              ElementsAre(Pair("q", "qTEXT_EMBEDDING")));
}

TEST(PreProcessScriptTest, ParametersInTheSourceAreStringLiterals) {
  const char* source = "return '{\"parameters\":{\"x\":\"' + ${parameters.x} + '\"}}';";
  EXPECT_THAT(Processed(source, Docs({"a"}), {{"x", "v"}}).value(), ElementsAre(Pair("x", "v")));
  // What a caller sends is data: it cannot end the literal.
  EXPECT_THAT(Processed("def x = ${parameters.x}; return '{\"parameters\":{\"n\":' + x.length() + '}}';", Docs({"a"}),
                        {{"x", "\"; return null; \""}})
                  .value(),
              ElementsAre(Pair("n", "17")));
}

TEST(PreProcessScriptTest, OutputThatIsNone) {
  EXPECT_EQ(Processed("return null;", Docs({"a"})).error().message, "Preprocess function output is null");
  EXPECT_THAT(Processed("return 'x';", Docs({"a"})).error().message,
              StartsWith("Preprocess function output is no JSON"));
  EXPECT_THAT(Processed("return '{\"parameters\":1}';", Docs({"a"})).error().message, HasSubstr("'parameters'"));
  EXPECT_THAT(Processed("return '{}';", Docs({"a"})).value(), IsEmpty());
}

TEST(PreProcessScriptTest, OutsideTheSubsetIsRefusedWhenMade) {
  const auto made = PreProcess::Make("while (true { }");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kInvalidArgument);
  EXPECT_THAT(made.error().message, StartsWith("pre_process_function"));
}

TEST(PreProcessScriptTest, ConvertInputToJsonString) {
  EXPECT_THAT(Processed("return '{\"parameters\":{\"docs\":' + params.text_docs + '}}';", Docs({"a", "b"}),
                        {{"pre_process_function.convert_input_to_json_string", "true"}})
                  .value(),
              ElementsAre(Pair("docs", R"(["a","b"])")));
}

TEST(PreProcessScriptTest, NativeParameters) {
  RemoteInput input;
  input.parameters = ParseJsonObject(R"({"m":[{"c":"x"}],"n":2})").value();
  EXPECT_THAT(Processed("return '{\"parameters\":{\"p\":\"' + params.n + '\"}}';", input).value(),
              ElementsAre(Pair("p", "2")));
  EXPECT_THAT(Processed("return '{\"parameters\":{\"p\":\"' + params.m[0].c + '\"}}';", input,
                        {{"pre_process_function.convert_remote_inference_param_to_object", "true"}})
                  .value(),
              ElementsAre(Pair("p", "x")));
}

}  // namespace
}  // namespace mlnode::connectors
