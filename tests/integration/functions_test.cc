// Every function of models over HTTP, on graphs of the test: bodies in, the peer's shapes out (spec/predict-local §15).
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "node_fixture.h"
#include "serving/testing/scripted_engine.h"

namespace mlnode::integration {
namespace {

using serving::testing::GraphSequence;
using serving::testing::Int64Tensor;
using serving::testing::ScriptedEngine;
using serving::testing::ScriptedGraph;
using ::testing::HasSubstr;

class FunctionsTest : public NodeFixture {
 protected:
  FunctionsTest() : NodeFixture(&engine_) {}
  void SetUp() override { StartNode(); }

  // Registered and deployed; its id.
  std::string Deployed(const std::string& function, const std::string& format, const json::object& config,
                       const std::string& idf = "") {
    std::vector<std::pair<std::string, std::string>> files = {
        {"tokenizer.json", ReadTestData("wordpiece_tokenizer.json")}};
    if (function != "SPARSE_TOKENIZE") files.emplace_back(format == "ONNX" ? "model.onnx" : "model.pt", "weights");
    if (!idf.empty()) files.emplace_back("idf.json", idf);
    const Archive archive = MakeArchive(files);
    json::object meta = ParseJsonObject(Meta("of " + function, archive, 1)).value();
    meta["function_name"] = function;
    meta["model_format"] = format;
    meta["model_config"] = config;
    const Answer registered = Ok("POST", fmt::format("{}/models/_register_meta", kMl), ToJson(meta));
    std::string model(registered.body.at("model_id").as_string());
    Ok("POST", fmt::format("{}/models/{}/upload_chunk/0", kMl, model), archive.bytes);
    const json::object task = Deploy(model);
    EXPECT_EQ(task.at("state").as_string(), "COMPLETED") << ToJson(task);
    return model;
  }
  static std::string Predict(const std::string& model) { return fmt::format("{}/models/{}/_predict", kMl, model); }
  std::string Answered(const std::string& model, const std::string& body) {
    return Ok("POST", Predict(model), body).text;
  }

  ScriptedEngine engine_;
};

const json::object kPlain{{"model_type", "bert"}};

// The weight of each token of the text is 1.5.
ScriptedGraph Sparse() {
  ScriptedGraph graph;
  graph.outputs = {"output"};
  graph.run = [](const GraphSequence& sequence) {
    std::vector<float> weights(26, 0);
    for (const std::int64_t id : sequence.ids) weights[static_cast<std::size_t>(id)] = 1.5F;
    return std::vector{MakeFloatTensor(weights, {26})};
  };
  return graph;
}

TEST_F(FunctionsTest, SparseEncoding) {
  engine_.SetGraph(Sparse());
  const std::string model = Deployed("SPARSE_ENCODING", "TORCH_SCRIPT", kPlain);
  EXPECT_EQ(Answered(model, R"({"text_docs":["cats","dog"]})"),
            R"({"inference_results":[{"output":[{"name":"output","dataAsMap":{"response":[{"cat":1.5,"##s":1.5}]}}]},)"
            R"({"output":[{"name":"output","dataAsMap":{"response":[{"dog":1.5}]}}]}]})");
  EXPECT_EQ(Answered(model, R"({"text_docs":["dog"],"parameters":{"sparse_embedding_format":"TOKEN_ID"}})"),
            R"({"inference_results":[{"output":[)"
            R"({"name":"output","dataAsMap":{"response":[{"2":1.5,"3":1.5,"10":1.5}]}}]}]})");
  EXPECT_EQ(Answered(model, R"({"text_docs":["dog"],"target_response":["nope"]})"), R"({"inference_results":[{}]})");
}

TEST_F(FunctionsTest, SparseTokenizeHasNoNameAndNoFilter) {
  const std::string model = Deployed("SPARSE_TOKENIZE", "TORCH_SCRIPT", kPlain, R"({"cat":2.25})");
  EXPECT_EQ(Answered(model, R"({"text_docs":["cat dog"],"target_response":["nope"],"return_number":false})"),
            R"({"inference_results":[{"output":[{"dataAsMap":{"response":[{"cat":2.25,"dog":1.0}]}}]}]})");
}

TEST_F(FunctionsTest, TextSimilarity) {
  ScriptedGraph graph;
  graph.outputs = {"logits"};
  graph.run = [](const GraphSequence& sequence) {
    return std::vector{MakeFloatTensor({sequence.type_ids.size() == 5 ? -6.077798F : 1.0F}, {1})};
  };
  engine_.SetGraph(graph);
  const std::string model = Deployed("TEXT_SIMILARITY", "ONNX", kPlain);
  EXPECT_EQ(Answered(model, R"({"query_text":"cat","text_docs":["dog"],"return_number":false})"),
            R"({"inference_results":[{"output":[{"name":"similarity","data_type":"FLOAT32","shape":[1],)"
            R"("data":[-6.077798],"byte_buffer":{"array":"Un3CwA==","order":"LITTLE_ENDIAN"}}]}]})");
  const Answer refused = Ask("POST", Predict(model), R"({"text_docs":["dog"]})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Reason(), "No query text was provided");
}

TEST_F(FunctionsTest, QuestionAnswering) {
  ScriptedGraph graph;
  graph.inputs = {"input_ids", "attention_mask"};
  graph.outputs = {"start", "end"};
  graph.run = [](const GraphSequence& sequence) {
    std::vector<float> start(sequence.ids.size(), 0);
    std::vector<float> end = start;
    start[start.size() - 3] = end[end.size() - 2] = 1;
    const auto tokens = static_cast<std::int64_t>(start.size());
    return std::vector{MakeFloatTensor(start, {tokens}), MakeFloatTensor(end, {tokens})};
  };
  engine_.SetGraph(graph);
  const json::object config{{"model_type", "bert"}, {"framework_type", "HUGGINGFACE_TRANSFORMERS"}};
  const std::string model = Deployed("QUESTION_ANSWERING", "TORCH_SCRIPT", config);
  EXPECT_EQ(Answered(model, R"({"question":"the mat","context":"the running cats"})"),
            R"({"inference_results":[{"output":[{"result":"cats"}]}]})");
  const Answer refused = Ask("POST", Predict(model), R"({"question":"","context":"x"})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Reason(), "Question is not provided");
}

TEST_F(FunctionsTest, SentenceHighlighting) {
  ScriptedGraph graph;
  graph.inputs = {"input_ids", "attention_mask", "token_type_ids", "sentence_ids"};
  graph.outputs = {"sentences"};
  graph.run = [](const GraphSequence&) { return std::vector{Int64Tensor({1}, {1})}; };
  engine_.SetGraph(graph);
  const json::object config{{"model_type", "sentence_highlighting"},
                            {"framework_type", "HUGGINGFACE_TRANSFORMERS"},
                            {"all_config", R"({"token_max_length":32,"token_overlap_stride":8})"}};
  const std::string model = Deployed("QUESTION_ANSWERING", "TORCH_SCRIPT", config);
  EXPECT_EQ(Answered(model, R"({"question":"cat","context":"Mr. Dog. The cat sat. Yes."})"),
            R"({"inference_results":[{"output":[{"name":"highlights","dataAsMap":{"highlights":[)"
            R"({"text":"The cat sat.","position":1,"start":9,"end":21}]}}]}]})");
}

TEST_F(FunctionsTest, ModuleEmbeddingAnswersWhatIsAsked) {
  ScriptedGraph graph;
  graph.inputs = {"input_ids", "attention_mask"};
  graph.outputs = {"input_ids", "sentence_embedding"};
  graph.run = [](const GraphSequence& sequence) {
    const auto tokens = static_cast<std::int64_t>(sequence.ids.size());
    return std::vector{Int64Tensor({sequence.ids.begin(), sequence.ids.end()}, {tokens}),
                       MakeFloatTensor({0.25F, -1}, {2})};
  };
  engine_.SetGraph(graph);
  const json::object config{
      {"model_type", "bert"}, {"embedding_dimension", 2}, {"framework_type", "SENTENCE_TRANSFORMERS"}};
  const std::string model = Deployed("TEXT_EMBEDDING", "TORCH_SCRIPT", config);
  EXPECT_EQ(Answered(model, R"({"text_docs":["dog"]})"),
            R"({"inference_results":[{"output":[{"name":"input_ids","data_type":"INT64","shape":[3],"data":[2,10,3]},)"
            R"({"name":"sentence_embedding","data_type":"FLOAT32","shape":[2],"data":[0.25,-1.0]}]}]})");
  EXPECT_EQ(Answered(model, R"({"text_docs":["dog"],"return_bytes":true,"target_response_positions":[1]})"),
            R"({"inference_results":[{"output":[)"
            R"({"name":"sentence_embedding","data_type":"FLOAT32","shape":[2],"data":[0.25,-1.0],)"
            R"("byte_buffer":{"array":"AACAPgAAgL8=","order":"LITTLE_ENDIAN"}}]}]})");
}

TEST_F(FunctionsTest, TheAlgorithmOfTheRouteMustReadTheSameBody) {
  engine_.SetGraph(Sparse());
  const std::string model = Deployed("SPARSE_ENCODING", "ONNX", kPlain);
  const auto path = [&](const char* algorithm) { return fmt::format("{}/_predict/{}/{}", kMl, algorithm, model); };
  Ok("POST", path("text_embedding"), R"({"text_docs":["dog"]})");
  const Answer other = Ask("POST", path("text_similarity"), R"({"text_docs":["dog"],"query_text":"cat"})");
  EXPECT_EQ(other.status, 400);
  EXPECT_THAT(other.Reason(), HasSubstr("algorithm TEXT_SIMILARITY does not fit model"));
}

TEST_F(FunctionsTest, ThePriorityHeaderHasTwoValues) {
  engine_.SetGraph(Sparse());
  const std::string model = Deployed("SPARSE_ENCODING", "ONNX", kPlain);
  const auto with = [&](const char* value) {
    net::Headers headers;
    headers.Add("X-Mlnode-Priority", value);
    return Ask("POST", Predict(model), R"({"text_docs":["dog"]})", "application/json", headers);
  };
  EXPECT_EQ(with("bulk").status, 200);
  EXPECT_EQ(with("Interactive").status, 200);
  EXPECT_EQ(with("high").status, 400);
  EXPECT_EQ(with("high").Reason(), "X-Mlnode-Priority must be interactive or bulk, found [high]");
}

TEST_F(FunctionsTest, WhatAModelReadIsCounted) {
  const std::string model = Deployed("SPARSE_TOKENIZE", "ONNX", kPlain);
  Answered(model, R"({"text_docs":["cat","the dog sat on the mat and the cat sat on the dog and the mat"]})");
  const std::string metrics = Ok("GET", "/metrics").text;
  EXPECT_THAT(metrics, HasSubstr(fmt::format("mlnode_model_documents_total{{model=\"{}\"}} 2", model)));
  EXPECT_THAT(metrics, HasSubstr(fmt::format("mlnode_model_tokens_total{{model=\"{}\"}} 19", model)));
  EXPECT_THAT(metrics, HasSubstr(fmt::format("mlnode_model_truncated_total{{model=\"{}\"}} 1", model)));
  const std::string profile = Ok("GET", fmt::format("{}/profile/models?memory=true", kMl)).text;
  EXPECT_THAT(profile, HasSubstr(R"("texts":{"documents":2,"tokens":19,"truncated":1})"));
}

TEST_F(FunctionsTest, AGraphThatTheFunctionCannotUseFailsTheDeployWithTheReason) {
  ScriptedGraph graph = Sparse();
  graph.run = [](const GraphSequence&) { return std::vector{Int64Tensor({1}, {1})}; };
  engine_.SetGraph(graph);
  const Archive archive = MakeArchive({{"tokenizer.json", ReadTestData("wordpiece_tokenizer.json")}, {"m.onnx", "x"}});
  json::object meta = ParseJsonObject(Meta("broken", archive, 1)).value();
  meta["function_name"] = "SPARSE_ENCODING";
  const Answer registered = Ok("POST", fmt::format("{}/models/_register_meta", kMl), ToJson(meta));
  const std::string model(registered.body.at("model_id").as_string());
  Ok("POST", fmt::format("{}/models/{}/upload_chunk/0", kMl, model), archive.bytes);
  const json::object task = Deploy(model);
  EXPECT_EQ(task.at("state").as_string(), "FAILED");
  EXPECT_THAT(ToJson(task), HasSubstr("a sparse vector is FLOAT32 [vocabulary]"));
}

}  // namespace
}  // namespace mlnode::integration
