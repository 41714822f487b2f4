#include "connectors/mapping/post_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/compiled_connector.h"
#include "core/json.h"

namespace mlnode::connectors {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Tensors as one text: name type [shape] [data] map.
std::string Shown(const std::vector<RemoteTensor>& tensors) {
  std::string text;
  for (const RemoteTensor& t : tensors) {
    if (!text.empty()) text += "; ";
    text += t.name + (t.data_type.empty() ? "" : " " + t.data_type);
    if (!t.shape.empty()) text += " " + ToJson(json::value_from(t.shape));
    if (!t.data.empty()) text += " " + ToJson(json::value_from(t.data));
    if (t.result) text += " '" + *t.result + "'";
    if (!t.data_as_map.empty()) text += " " + t.data_as_map;
  }
  return text;
}
std::string Processed(std::string_view function, std::string_view body, const Parameters& parameters = {}) {
  const auto made = PostProcess::Make(function);
  if (!made) return "error: " + made.error().message;
  const auto tensors = (*made)->Run(body, parameters);
  if (!tensors) return (tensors.error().code == Code::kInvalidArgument ? "400: " : "500: ") + tensors.error().message;
  return Shown(*tensors);
}
std::string BuiltIn(std::string_view name, std::string_view body, const Parameters& parameters = {}) {
  return Processed("connector.post_process." + std::string(name), body, parameters);
}

struct Case {
  const char* name;
  const char* body;
  const char* tensors;
};

constexpr const char* kFailed = "500: Fail to execute PREDICT in aws connector";
constexpr const char* kNotAList = "400: Post process function input is not a List.";
constexpr const char* kNoRows = "400: The embedding should be a non-empty List containing List of Float values.";
constexpr const char* kNoNumbers = "400: The embedding should be a non-empty List containing Float values.";
constexpr const char* kNoScores = "400: The rerank result should contain index and relevance_score.";

TEST(PostProcessTest, Embeddings) {
  const std::vector<Case> cases{
      {"openai.embedding", R"({"data":[{"embedding":[0.1,2]},{"embedding":[3]}]})",
       "sentence_embedding FLOAT32 [2] [0.1,2.0]; sentence_embedding FLOAT32 [1] [3.0]"},
      {"cohere.embedding", R"({"embeddings":[[1.5]]})", "sentence_embedding FLOAT32 [1] [1.5]"},
      {"cohere_v2.embedding.float", R"({"embeddings":{"float":[[1.5]]}})", "sentence_embedding FLOAT32 [1] [1.5]"},
      {"cohere_v2.embedding.int8", R"({"embeddings":{"int8":[[-5]]}})", "sentence_embedding INT8 [1] [-5.0]"},
      {"cohere_v2.embedding.uint8", R"({"embeddings":{"uint8":[[5]]}})", "sentence_embedding UINT8 [1] [5.0]"},
      {"cohere_v2.embedding.binary", R"({"embeddings":{"binary":[[5]]}})", "sentence_embedding BINARY [1] [5.0]"},
      {"cohere_v2.embedding.ubinary", R"({"embeddings":{"ubinary":[[5]]}})", "sentence_embedding UBINARY [1] [5.0]"},
      {"default.embedding", "[[1],[2]]", "sentence_embedding FLOAT32 [1] [1.0]; sentence_embedding FLOAT32 [1] [2.0]"},
      {"bedrock.nova.embedding", R"({"embeddings":[{"embedding":[1]}]})", "sentence_embedding FLOAT32 [1] [1.0]"},
      {"bedrock.embedding", R"({"embedding":[1,2]})", "sentence_embedding FLOAT32 [2] [1.0,2.0]"},
      {"bedrock_v2.embedding.float", R"({"embeddingsByType":{"float":[1]}})", "sentence_embedding FLOAT32 [1] [1.0]"},
      {"bedrock_v2.embedding.binary", R"({"embeddingsByType":{"binary":[1]}})", "sentence_embedding BINARY [1] [1.0]"},
      {"openai.embedding", R"({"data":[]})", ""},
      {"cohere.embedding", R"({"embeddings":[]})", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(BuiltIn(c.name, c.body), c.tensors) << c.name;
}

TEST(PostProcessTest, EmbeddingsOfAnotherShape) {
  const std::vector<Case> cases{
      {"cohere.embedding", R"({"embeddings":{"a":1}})", kNotAList},
      {"cohere.embedding", R"({"embeddings":[1]})", kNoRows},
      {"cohere.embedding", R"({"embeddings":[[]]})", kNoNumbers},
      {"cohere.embedding", R"({"embeddings":[["a"]]})", kNoNumbers},
      {"cohere.embedding", R"({"embeddings":[[1],2]})", kNoRows},
      {"cohere.embedding", R"({"embeddings":[[1],[null]]})", kNoNumbers},
      {"bedrock.embedding", R"({"embedding":1})", kNotAList},
      {"bedrock.embedding", R"({"embedding":["a"]})", kNoNumbers},
      {"openai.embedding", R"({"error":"x"})", kFailed},
      {"openai.embedding", "[1]", kFailed},
      {"openai.embedding", "not json", kFailed},
      {"openai.embedding", "{\"data\":[\"\xFF\"]}", kFailed},
  };
  for (const Case& c : cases) EXPECT_EQ(BuiltIn(c.name, c.body), c.tensors) << c.body;
}

TEST(PostProcessTest, ResponseFilterReplacesThePath) {
  EXPECT_EQ(BuiltIn("openai.embedding", R"({"v":{"int8":[[1]]}})", {{"response_filter", "$.v.int8"}}),
            "sentence_embedding INT8 [1] [1.0]");
  EXPECT_EQ(BuiltIn("cohere.embedding", R"({"embeddings":[[1]]})", {{"response_filter", " "}}),
            "sentence_embedding FLOAT32 [1] [1.0]");
  EXPECT_THAT(BuiltIn("openai.embedding", "{}", {{"response_filter", "$["}}), StartsWith("400: JSONPath: "));
}

TEST(PostProcessTest, ScoresAreInTheOrderOfTheDocuments) {
  EXPECT_EQ(
      BuiltIn("cohere.rerank", R"({"results":[{"index":1,"relevance_score":0.75},{"index":0,"relevance_score":1}]})"),
      "similarity FLOAT32 [1] [1.0]; similarity FLOAT32 [1] [0.75]");
  EXPECT_EQ(BuiltIn("default.rerank", R"([{"index":0,"relevance_score":0.5}])"), "similarity FLOAT32 [1] [0.5]");
  EXPECT_EQ(BuiltIn("bedrock.rerank", R"({"results":[{"index":0,"relevanceScore":0.5}]})"),
            "similarity FLOAT32 [1] [0.5]");
  EXPECT_EQ(BuiltIn("cohere.rerank", R"({"results":[]})"), "");
}

TEST(PostProcessTest, ScoresOfAnotherShape) {
  const std::vector<Case> cases{
      {"cohere.rerank", R"({"results":1})", kNotAList},
      {"cohere.rerank", R"({"results":[1]})", "400: Post process function input is not a List of Map."},
      {"cohere.rerank", R"({"results":[{}]})", kNoScores},
      {"cohere.rerank", R"({"results":[{"index":0,"relevanceScore":1}]})", kNoScores},
      {"cohere.rerank", R"({"results":[{"index":"0","relevance_score":1}]})", kNoScores},
      {"bedrock.rerank", R"({"results":[{"index":0,"relevance_score":1}]})", kNoScores},
      {"cohere.rerank", R"({"results":[{"index":1,"relevance_score":1}]})", kFailed},
      {"cohere.rerank", R"({"results":[{"index":-1,"relevance_score":1}]})", kFailed},
      {"cohere.rerank", R"({"results":[{"index":0.5,"relevance_score":1}]})", kFailed},
      {"cohere.rerank", R"({"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}]})", kFailed},
      {"cohere.rerank", "{}", kFailed},
  };
  for (const Case& c : cases) EXPECT_EQ(BuiltIn(c.name, c.body), c.tensors) << c.body;
}

TEST(PostProcessTest, BatchJobArn) {
  EXPECT_EQ(BuiltIn("bedrock.batch_job_arn", R"({"jobArn":"arn:x/y/z","n":1})"),
            R"(response {"jobArn":"arn:x/y/z","n":1,"processedJobArn":"arn:x%2Fy%2Fz"})");
  EXPECT_EQ(BuiltIn("bedrock.batch_job_arn", "{}"), "400: job arn is missing.");
  EXPECT_EQ(BuiltIn("bedrock.batch_job_arn", "[]"), "400: Post process function input is not a Map.");
}

TEST(PostProcessTest, Passthrough) {
  EXPECT_EQ(BuiltIn("mlcommons.passthrough",
                    R"({"inference_results":[{"output":[{"name":"a","data_type":"FLOAT32","shape":[2],"data":[1,0.5]},
                        {"dataAsMap":{"response":[{"w":0.5}]}}]},{"output":[{"name":"c","result":"r"}]},{"x":1}]})"),
            R"(a FLOAT32 [2] [1.0,0.5]; output {"response":[{"w":0.5}]}; c 'r')");
  EXPECT_EQ(BuiltIn("mlcommons.passthrough", R"({"a":1})"), R"(response {"a":1})");
  EXPECT_EQ(BuiltIn("mlcommons.passthrough", "[]"), kFailed);
  EXPECT_EQ(BuiltIn("mlcommons.passthrough", "1"), "400: Post process function input must be a Map or List");
  EXPECT_EQ(BuiltIn("mlcommons.passthrough", R"({"inference_results":[{"output":[{"data":["x"]}]}]})"),
            "400: The data of a tensor should be a List of numbers.");
}

TEST(PostProcessTest, UnknownBuiltIn) {
  EXPECT_EQ(BuiltIn("nobody", "{}"),
            "error: post_process_function: there is no built-in function connector.post_process.nobody");
}

TEST(PostProcessTest, WithoutFunctionTheWholeAnswer) {
  EXPECT_EQ(Processed("", "{ \"n\": 12345678901234567890123, \"x\": 1.50,\n \"s\": \"a b\" }"),
            R"(response {"n":12345678901234567890123,"x":1.50,"s":"a b"})");
  EXPECT_EQ(Processed("", "[1, 2]"), R"(response {"response":[1,2]})");
  EXPECT_EQ(Processed("", "5"), "400: Unsupported response type");
  EXPECT_EQ(Processed("", "oops"), kFailed);
}

TEST(PostProcessTest, ResponseFilterPicks) {
  const char* body = R"({"choices":[{"message":{"content":"hi"}}],"usage":{"n":1},"json":"{\"a\":1.50}","list":"[1]"})";
  const auto pick = [body](const char* path) { return Processed("", body, {{"response_filter", path}}); };
  EXPECT_EQ(pick("$.choices[0].message.content"), R"(response {"response":"hi"})");
  EXPECT_EQ(pick("$.usage"), R"(response {"n":1})");
  EXPECT_EQ(pick("$.usage.n"), R"(response {"response":1})");
  EXPECT_EQ(pick("$.choices[*].message.content"), R"(response {"response":["hi"]})");
  EXPECT_EQ(pick("$.json"), R"(response {"a":1.50})");
  EXPECT_EQ(pick("$.list"), R"(response {"response":[1]})");
  EXPECT_THAT(pick("$.none"), StartsWith(R"(response {"choices":[)"));
  EXPECT_THAT(pick("$.a b"), StartsWith("400: JSONPath: "));
}

TEST(PostProcessScriptTest, MakesTensors) {
  EXPECT_EQ(
      Processed("return '{\"name\":\"s\",\"data_type\":\"FLOAT32\",\"shape\":[1],\"data\":[' + params.v[0] + ']}';",
                R"({"v":[0.5]})"),
      "s FLOAT32 [1] [0.5]");
  EXPECT_EQ(Processed("return '[{\"name\":\"a\",\"dataAsMap\":{\"x\":1}},{\"name\":\"b\",\"result\":\"r\"}]';", "{}"),
            R"(a {"x":1}; b 'r')");
}

TEST(PostProcessScriptTest, OtherTextIsTheResponse) {
  EXPECT_EQ(Processed("return params.a;", R"({"a":"text"})"), R"(response {"response":"text"})");
}

TEST(PostProcessScriptTest, NullIsTheWholeAnswer) {
  EXPECT_EQ(Processed("return null;", R"({"a":1})"), R"(response {"a":1})");
}

TEST(PostProcessScriptTest, AnArrayIsCalledResult) {
  EXPECT_EQ(Processed("return params.result[1];", R"(["a","b"])"), R"(response {"response":"b"})");
}

TEST(PostProcessScriptTest, AnswersThatAreNoContainer) {
  EXPECT_EQ(Processed("return null;", "1"), "400: Unsupported response type");
  EXPECT_EQ(Processed("return null;", "x"), kFailed);
  EXPECT_THAT(Processed("return '[1]';", "{}"), HasSubstr("400: Post process function output is no tensor"));
}

}  // namespace
}  // namespace mlnode::connectors
