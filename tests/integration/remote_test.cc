// Remote models over HTTP, against a provider on this machine.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <future>

#include "remote_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

const json::value kHello = {{"parameters", {{"input", {"hello", "world!"}}}}};
json::value Say(const std::string& text) {
  const json::value message = {{"role", "user"}, {"content", text}};
  return {{"parameters", {{"messages", json::array{message}}}}};
}

class RemoteTest : public RemoteFixture {};

class StoppingTest : public RemoteFixture {
 protected:
  StoppingTest() { settings_["mlnode.http.drain_timeout_ms"] = "50"; }
};

class SlowReaderTest : public RemoteFixture {
 protected:
  // 8 MB to ask, which a request may have, become 30 MB of events: more than the sockets on the way take.
  static constexpr int kWord = 40, kWords = 200'000;
  // A thousand pieces of the stream and a few bytes, which not even the error event fits into.
  SlowReaderTest() {
    const std::string piece = R"(data: {"inference_results":[{"output":[{"name":"response","dataAsMap":{"content":")" +
                              std::string(kWord + 1, 'w') + R"(","is_last":false}}]}]})" + "\n\n";
    const std::size_t chunk = piece.size() + fmt::format("{:x}\r\n\r\n", piece.size()).size();
    settings_["mlnode.http.max_unsent_bytes"] = fmt::format("{}b", 1'000 * chunk + 20);
  }
};

TEST_F(RemoteTest, TheFirstPredictionDeploys) {
  const std::string model = RegisterRemote(Embeddings());
  const Answer answer = Predict(model, kHello);
  ASSERT_EQ(answer.status, 200) << answer.text;
  const json::value& result = answer.body.at("inference_results").at(0);
  EXPECT_EQ(result.at("status_code"), 200);
  EXPECT_THAT(result.at("output").as_array(), SizeIs(2));
  EXPECT_EQ(result.at("output").at(0).at("name").as_string(), "sentence_embedding");
  EXPECT_EQ(result.at("output").at(0).at("data_type").as_string(), "FLOAT32");
  EXPECT_EQ(ToJson(result.at("output").at(0).at("shape")), "[4]");
  WaitForState(model, "DEPLOYED");
  EXPECT_EQ(DeployTasks(), 1U);
  const auto received = provider_->received();
  EXPECT_EQ(received.back().headers.Find("Authorization"), "Bearer sk-1");
}

TEST_F(RemoteTest, ARequestDoesNotChooseTheHostThatGetsTheCredential) {
  json::object connector = Embeddings();
  const std::string host = fmt::format("127.0.0.1:{}", provider_->port());
  connector["parameters"] = {{"model", "m-1"}, {"endpoint", host}};
  connector["actions"].at(0).as_object()["url"] = "http://${parameters.endpoint}/v1/embeddings";
  const std::string model = RegisterRemote(connector);
  ASSERT_EQ(Predict(model, kHello).status, 200);
  const std::size_t before = provider_->received().size();
  for (const std::string& elsewhere : {fmt::format("127.0.0.2:{}", provider_->port()), "a.example?" + host}) {
    json::value asked = kHello;
    asked.at("parameters").as_object()["endpoint"] = elsewhere;
    const Answer refused = Predict(model, asked);
    EXPECT_EQ(refused.status, 400) << refused.text;
    EXPECT_THAT(refused.Reason(), HasSubstr("cannot change where a connector leads"));
  }
  EXPECT_EQ(provider_->received().size(), before);
}

TEST_F(RemoteTest, ManyFirstPredictionsMakeOnePlan) {
  const std::string model = RegisterRemote(Embeddings());
  const auto client = net::HttpClient::Create();
  std::atomic<int> good{0}, ended{0};
  for (int i = 0; i < 32; ++i) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}{}/models/{}/_predict", node().port(), kMl, model);
    request.headers.Add("Content-Type", "application/json");
    request.body = ToJson(kHello);
    request.addresses = net::AddressPolicy::kLoopbackAndPublic;
    client->Send(std::move(request), [&](const Result<net::ClientReply>& reply) {
      good += reply && reply->status == 200 ? 1 : 0;
      ++ended;
    });
  }
  PollUntil("all answers", [&] { return Ok("GET", "/_cluster/health").status == 200 && ended == 32; });
  EXPECT_EQ(good, 32);
  EXPECT_EQ(DeployTasks(), 1U);
}

TEST_F(RemoteTest, WhatIsUndeployedComesBackWhenAsked) {
  const std::string model = RegisterRemote(Embeddings());
  ASSERT_EQ(Predict(model, kHello).status, 200);
  Ok("POST", std::string(kMl) + "/models/" + model + "/_undeploy");
  WaitForState(model, "UNDEPLOYED");
  EXPECT_EQ(Predict(model, kHello).status, 200);
  WaitForState(model, "DEPLOYED");
}

TEST_F(RemoteTest, AutoDeployCanBeForbidden) {
  const std::string model = RegisterRemote(Embeddings());
  Set("model_auto_deploy.enable", false);
  EXPECT_EQ(Predict(model, kHello).Reason(), "Model not ready yet. Please deploy the model first.");
  Set("model_auto_deploy.enable", true);
  const std::string other =
      RegisterRemote(Embeddings(), {{"name", "other"}, {"deploy_setting", {{"is_auto_deploy_enabled", false}}}});
  const Answer refused = Predict(other, kHello);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Reason(), "Auto deployment disabled for this model, please deploy model first Model ID: " + other);
  const Answer deployed = Ok("POST", std::string(kMl) + "/models/" + other + "/_deploy");
  EXPECT_EQ(deployed.body.at("status").as_string(), "COMPLETED") << "as the peer answers for remote models";
  EXPECT_EQ(Predict(other, kHello).status, 200);
}

TEST_F(RemoteTest, DocumentsOfOneRequestAreOneCallUnlessAskedOtherwise) {
  const std::string model = RegisterRemote(Embeddings());
  const Answer whole = PredictDocs(model, {"a", "bb", "ccc"});
  ASSERT_EQ(whole.status, 200) << whole.text;
  EXPECT_THAT(whole.body.at("inference_results").as_array(), SizeIs(1));
  EXPECT_EQ(provider_->requests(), 1U);
  json::object one_by_one = Embeddings();
  one_by_one["parameters"].as_object()["input_docs_processed_step_size"] = "1";
  const std::string cut =
      RegisterRemote(one_by_one, {{"name", "cut"}, {"rate_limiter", {{"limit", "1"}, {"unit", "DAYS"}}}});
  const Answer pieces = PredictDocs(cut, {"a", "bb", "ccc"});
  ASSERT_EQ(pieces.status, 200) << "the limit counts requests, not calls: " << pieces.text;
  EXPECT_THAT(pieces.body.at("inference_results").as_array(), SizeIs(3));
  EXPECT_EQ(provider_->requests(), 4U);
  const Answer limited = PredictDocs(cut, {"a"});
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.Reason(), "Request is throttled at model level.");
}

TEST_F(RemoteTest, TheProvidersErrorsPassThrough) {
  const auto status_of = [this](const std::string& fault) {
    const std::string model = RegisterRemote(Embeddings("/fault/" + fault), {{"name", "r " + fault}});
    return Predict(model, kHello);
  };
  for (const int status : {401, 429, 500}) {
    const Answer answer = status_of(std::to_string(status));
    EXPECT_EQ(answer.status, status) << answer.text;
    EXPECT_EQ(answer.Type(), "status_exception");
    EXPECT_THAT(answer.Reason(), StartsWith("Error from remote service: "));
  }
  EXPECT_EQ(status_of("empty").status, 502);
  const Answer cut = status_of("cut");
  EXPECT_EQ(cut.status, 500);
  EXPECT_THAT(cut.Reason(), StartsWith("Error communicating with remote model: "));
}

TEST_F(RemoteTest, ChangesAreInForceWithTheNextPrediction) {
  const std::string model = RegisterRemote(Chat());
  ASSERT_EQ(Predict(model, Say("hi")).status, 200);
  WaitForState(model, "DEPLOYED");  // a model that is being deployed takes no changes
  const auto update = [&](const std::string& body) { Ok("PUT", std::string(kMl) + "/models/" + model, body); };
  update(
      R"({"guardrails":{"input_guardrail":{"regex":[".*secret.*"]},"output_guardrail":{"stop_words":[{"words":["bomb"]}]}}})");
  EXPECT_EQ(Predict(model, Say("a secret")).Reason(), "guardrails triggered for user input");
  EXPECT_EQ(Predict(model, Say("a bomb")).Reason(), "guardrails triggered for LLM output");
  EXPECT_EQ(Predict(model, Say("hello")).status, 200);
  update(R"({"interface":{"input":{"properties":{"parameters":{"required":["more"]}}}}})");
  EXPECT_THAT(Predict(model, Say("hello")).Reason(), StartsWith("Error validating input schema"));
  update(R"({"is_enabled":false})");
  EXPECT_EQ(Predict(model, Say("hello")).status, 403);
  const Answer refused = Ask("PUT", std::string(kMl) + "/models/" + model,
                             R"({"guardrails":{"input_guardrail":{"stop_words":[{"index_name":"words"}]}}})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.Reason(), HasSubstr("index [words], which does not exist"));
}

TEST_F(RemoteTest, AModelMayJudgeAnother) {
  const std::string judge = RegisterRemote(
      Connector("/v1/chat/completions", R"({ "messages": [{"role":"user","content":"${parameters.question}"}] })"),
      {{"name", "judge"}});
  const auto guarded = [&](const std::string& accepts) {
    const json::value side = {{"model_id", judge},
                              {"response_filter", "$.choices[0].message.content"},
                              {"response_validation_regex", accepts}};
    return RegisterRemote(
        Chat(), {{"name", "guarded " + accepts}, {"guardrails", {{"type", "model"}, {"input_guardrail", side}}}});
  };
  json::value asked = Say("hi");
  asked.at("parameters").as_object()["question"] = "harmless";
  EXPECT_EQ(Predict(guarded(R"("echo: harmless")"), asked).status, 200);
  EXPECT_EQ(Predict(guarded(R"("accept")"), asked).Reason(), "guardrails triggered for user input");
}

TEST_F(RemoteTest, ProfileShowsWhatItCost) {
  const std::string model = RegisterRemote(Embeddings());
  ASSERT_EQ(PredictDocs(model, {"one two", "three"}).status, 200);
  const Answer profile = Ok("GET", std::string(kMl) + "/profile/models/" + model + "?memory");
  const auto& node = profile.body.at("nodes").as_object().begin()->value();
  const json::value& shown = node.at("models").at(model);
  EXPECT_EQ(shown.at("model_state").as_string(), "DEPLOYED");
  EXPECT_THAT(std::string(shown.at("predictor").as_string()), StartsWith("remote@"));
  EXPECT_EQ(shown.at("predict_request_stats").at("count"), 1);
  EXPECT_EQ(ToJson(shown.at("remote")), R"({"calls":1,"failed_calls":0,"documents":2,"tokens":3})");
  EXPECT_THAT(Ask("GET", "/metrics").text, HasSubstr("mlnode_model_remote_calls_total{model=\"" + model + "\"} 1"));
}

TEST_F(RemoteTest, AnswersCanBeStreamed) {
  const std::string model = RegisterRemote(Chat());
  const auto stream = [&](const std::string& interface) {
    json::value body = Say("hi there");
    if (!interface.empty()) body.at("parameters").as_object()["_llm_interface"] = interface;
    return Ask("POST", std::string(kMl) + "/models/" + model + "/_predict/stream", ToJson(body));
  };
  EXPECT_THAT(stream("openai/v1/chat/completions").Reason(), StartsWith("Streaming is currently disabled."));
  Set("stream_enabled", true);
  EXPECT_EQ(stream("").status, 400);
  EXPECT_EQ(stream("other").Reason(), "Unsupported llm interface: other");
  EXPECT_EQ(DeployTasks(), 0U) << "what cannot be streamed deploys nothing";
  json::object limits{{"rate_limiter", {{"limit", "1"}, {"unit", "DAYS"}}}};
  Ok("PUT", std::string(kMl) + "/models/" + model, ToJson(limits));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(stream("other").status, 400) << "and is charged to nobody";
  limits["rate_limiter"].as_object()["limit"] = "100";
  Ok("PUT", std::string(kMl) + "/models/" + model, ToJson(limits));
  json::value job = Say("hi");
  job.as_object()["action_type"] = "batch_predict";
  job.at("parameters").as_object()["_llm_interface"] = "openai/v1/chat/completions";
  EXPECT_THAT(Ask("POST", std::string(kMl) + "/models/" + model + "/_predict/stream", ToJson(job)).Reason(),
              HasSubstr("/_batch_predict"));
  const Answer answer = stream("openai/v1/chat/completions");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.Find("Content-Type"), "text/event-stream");
  EXPECT_THAT(answer.text, StartsWith(R"(data: {"inference_results":[{"output":[{"name":"response","dataAsMap":)"
                                      R"({"content":"echo: ","is_last":false}}]}]})"
                                      "\n\n"));
  EXPECT_THAT(answer.text, EndsWith(R"({"content":"","is_last":true}}]}]})"
                                    "\n\n"));
  EXPECT_EQ(ParseJsonObject(provider_->received().back().body)->at("stream"), true);
  provider_->FailNext(connectors::Fault::kUnauthorized, 1);
  EXPECT_EQ(stream("openai/v1/chat/completions").status, 401) << "before the first piece an error is an answer";
}

TEST_F(RemoteTest, BatchJobsAreTasks) {
  json::object connector = Chat();
  const auto add = [&](const char* type) {
    json::object action = connector["actions"].as_array().front().as_object();
    action["action_type"] = type;
    action["request_body"] = R"({ "messages": [{"role":"user","content":"job"}] })";
    connector["actions"].as_array().push_back(std::move(action));
  };
  for (const char* type : {"batch_predict", "batch_predict_status", "cancel_batch_predict"}) add(type);
  const std::string model = RegisterRemote(connector);
  const std::string url = std::string(kMl) + "/models/" + model + "/_batch_predict";
  const Answer begun = Ok("POST", url, R"({"parameters":{},"dlq":{"bucket":"b","region":"r"}})");
  EXPECT_EQ(begun.body.at("status").as_string(), "CREATED");
  EXPECT_EQ(begun.body.at("remote_job").at("id").as_string(), "chatcmpl-1");
  EXPECT_EQ(begun.body.at("remote_job").at("dlq").at("bucket").as_string(), "b");
  const std::string task = std::string(kMl) + "/tasks/" + std::string(begun.body.at("task_id").as_string());
  const std::uint64_t before = provider_->requests();
  const Answer running = Ok("GET", task);
  EXPECT_EQ(running.body.at("state").as_string(), "RUNNING");
  EXPECT_EQ(running.body.at("task_type").as_string(), "BATCH_PREDICTION");
  EXPECT_EQ(provider_->requests(), before + 1) << "the provider was asked";
  EXPECT_EQ(ToJson(Ok("POST", task + "/_cancel_batch").body), R"({"status":"OK"})");
  EXPECT_EQ(Ok("GET", task).body.at("state").as_string(), "CANCELLING");
  for (const char* type : {"batch_predict", "batch_predict_status", "cancel_batch_predict"}) {
    const std::uint64_t asked = provider_->requests();
    const Answer refused = Predict(model, {{"action_type", type}, {"parameters", json::object()}});
    EXPECT_EQ(refused.status, 400) << type;
    EXPECT_THAT(refused.Reason(), HasSubstr("is no prediction: use "));
    EXPECT_EQ(provider_->requests(), asked) << "a way around the switch and the limit";
  }
  Set("max_batch_inference_tasks", 1);
  EXPECT_EQ(Ask("POST", url, "{}").status, 429);
  Set("offline_batch_inference_enabled", false);
  EXPECT_EQ(Ask("POST", url, "{}").status, 400);
}

TEST_F(RemoteTest, TheInterfaceJudgesRequestsAndAnswers) {
  const std::string input =
      R"({"type":"object","properties":{"parameters":{"type":"object","properties":{"input":{"type":"array"}},"required":["input"]}},"required":["parameters"]})";
  const std::string output = R"({"type":"object","properties":{"inference_results":{"type":"array","maxItems":0}}})";
  const std::string strict = RegisterRemote(Embeddings(), {{"name", "in"}, {"interface", {{"input", input}}}});
  EXPECT_EQ(Predict(strict, kHello).status, 200);
  EXPECT_EQ(Predict(strict, {{"parameters", {{"text", "x"}}}}).status, 400);
  const std::string never = RegisterRemote(Embeddings(), {{"name", "out"}, {"interface", {{"output", output}}}});
  EXPECT_EQ(Predict(never, kHello).status, 400);
}

// The connector asks for it: predictions that come together are one call of the provider, each with its own answer.
TEST_F(RemoteTest, SmallEmbeddingRequestsJoinWhereTheConnectorAsks) {
  json::object connector = Embeddings();
  connector["client_config"] = {{"_mlnode", {{"batch_max_documents", 16}, {"batch_max_delay_ms", 200}}}};
  const std::string model = RegisterRemote(connector);
  ASSERT_EQ(PredictDocs(model, {"first"}).status, 200);  // deployed
  const std::uint64_t before = provider_->requests();
  const auto client = net::HttpClient::Create();
  std::atomic<int> ended{0};
  std::array<std::string, 8> answers;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}{}/_predict/text_embedding/{}", node().port(), kMl, model);
    request.headers.Add("Content-Type", "application/json");
    request.body = ToJson(json::object{{"text_docs", {std::string(i + 1, 'a')}}});
    request.addresses = net::AddressPolicy::kLoopbackAndPublic;
    client->Send(std::move(request), [&answers, &ended, i](const Result<net::ClientReply>& reply) {
      if (reply && reply->status == 200) answers.at(i) = reply->body;
      ++ended;
    });
  }
  PollUntil("all answers", [&] { return ended == 8; });
  EXPECT_LT(provider_->requests() - before, answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Answer alone = PredictDocs(model, {std::string(i + 1, 'a')});
    EXPECT_EQ(answers.at(i), alone.text) << "document " << i;
  }
}

TEST_F(RemoteTest, LosingTheProviderLosesNothingElse) {
  const std::string remote = RegisterRemote(Embeddings());
  ASSERT_EQ(Predict(remote, kHello).status, 200);
  const std::string local = Register("local", ModelArchive());
  ASSERT_EQ(Deploy(local).at("state").as_string(), "COMPLETED");
  const std::uint16_t port = provider_->port();
  provider_.reset();
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(Predict(remote, kHello).status, ::testing::AnyOf(500, 503));
    EXPECT_EQ(Ask("POST", std::string(kMl) + "/models/" + local + "/_predict", R"({"text_docs":["a"]})").status, 200);
  }
  StartProvider({.port = port});
  PollUntil("the provider's return", [&] { return Predict(remote, kHello).status == 200; });
}

// A client of its own, whose answers a test waits for itself.
net::ClientRequest Post(std::uint16_t port, const std::string& target, const json::value& body) {
  net::ClientRequest request;
  request.method = "POST";
  request.url = fmt::format("http://127.0.0.1:{}{}{}", port, kMl, target);
  request.headers.Add("Content-Type", "application/json");
  request.body = ToJson(body);
  request.addresses = net::AddressPolicy::kLoopbackAndPublic;
  return request;
}

// Also what a sanitizer judges: the provider's answer must not come to a node that is gone.
TEST_F(StoppingTest, EndsTheCallsThatOutlastTheDrain) {
  const std::string model = RegisterRemote(Chat());
  ASSERT_EQ(Predict(model, Say("hi")).status, 200);
  json::value streamed = Say("hi");
  streamed.at("parameters").as_object()["_llm_interface"] = "openai/v1/chat/completions";
  Set("stream_enabled", true);
  provider_->FailNext(connectors::Fault::kSilent, 2);
  const auto client = net::HttpClient::Create();
  std::atomic<int> ended{0};
  const auto count = [&ended](const Result<net::ClientReply>&) { ++ended; };
  client->Send(Post(node().port(), "/models/" + model + "/_predict", Say("hi")), count);
  client->Send(Post(node().port(), "/models/" + model + "/_predict/stream", streamed), count);
  PollUntil("both calls", [&] { return provider_->under_way() == 2; });
  node().Stop();
  PollUntil("the end of both calls", [&] { return provider_->under_way() == 0; });
  PollUntil("both clients' news", [&] { return ended.load() == 2; });
  EndNode();
}

bool EndsWithEvent(std::string_view text, std::string_view part) {
  const std::size_t end = text.find_last_not_of('\n');
  return end != std::string_view::npos && text.substr(0, end + 1).ends_with(part);
}

// A client that stops reading in the middle, and reads on later, must see that it has not got all.
TEST_F(SlowReaderTest, ACutStreamDoesNotEndAsIfWhole) {
  const std::string model = RegisterRemote(Chat());
  Set("stream_enabled", true);
  std::string prompt;
  for (int i = 0; i < kWords; ++i) prompt += std::string(kWord, 'w') + " ";
  json::value body = Say(prompt);
  body.at("parameters").as_object()["_llm_interface"] = "openai/v1/chat/completions";
  std::promise<void> may_read;
  std::shared_future<void> reading = may_read.get_future().share();
  std::string read;
  std::atomic<bool> began = false;
  net::ClientRequest request = Post(node().port(), "/models/" + model + "/_predict/stream", body);
  request.body_sink = [&](std::string_view piece) -> Status {
    began = true;
    reading.wait();
    read += piece;
    return {};
  };
  std::promise<Result<net::ClientReply>> ended;
  std::future<Result<net::ClientReply>> end = ended.get_future();
  const auto client = net::HttpClient::Create();
  client->Send(std::move(request), [&](Result<net::ClientReply> reply) { ended.set_value(std::move(reply)); });
  PollUntil("the stream", [&] { return provider_->requests() == 1; });
  // On a busy machine the node may give up before anything has come here.
  PollUntil("the first piece, or the end",
            [&] { return began.load() || end.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  PollUntil("the node to give up", [&] { return provider_->under_way() == 0; });
  may_read.set_value();
  const auto reply = end.get();
  // Where the connection still takes it, the last event says so; else the connection is cut.
  EXPECT_TRUE(!reply || EndsWithEvent(read, R"(data: {"error": "the client has gone, or does not keep up"})"))
      << "it ended as if whole: " << read.substr(read.size() - std::min<std::size_t>(read.size(), 300));
  EXPECT_EQ(began.load(), read.starts_with("data: ")) << read.substr(0, 300);
  EXPECT_THAT(read, ::testing::Not(HasSubstr(R"("is_last":true)")));
}

// A node of its own beside the fixture's.
class SecondNode : public FakeNodeFixture {
 public:
  using FakeNodeFixture::Deploy;
  using FakeNodeFixture::ModelArchive;
  using FakeNodeFixture::node;
  using FakeNodeFixture::Ok;
  using FakeNodeFixture::Register;
  using FakeNodeFixture::StartNode;
  void TestBody() override {}
};

// The blueprint of docs/opensearch.md, through our own engine for connectors: OpenSearch's reads the same text.
TEST_F(RemoteTest, AnotherClusterUsesANodeByTheDocumentedBlueprint) {
  SecondNode server;
  server.StartNode();
  const std::string served = server.Register("served", SecondNode::ModelArchive());
  ASSERT_EQ(server.Deploy(served).at("state").as_string(), "COMPLETED");
  std::string text = ReadTestData("../../docs/opensearch.md");
  const std::size_t begin = text.find("```json\n") + 8;
  text = text.substr(begin, text.find("```", begin) - begin);
  const std::string documented = "http://mlnode.example:9200";
  const std::size_t at = text.find(documented);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, documented.size(), fmt::format("http://127.0.0.1:{}", server.node().port()));
  json::object blueprint = ParseJsonObject(text).value();
  blueprint["parameters"].as_object()["model_id"] = served;
  const std::string model = RegisterRemote(blueprint);
  const Answer through = PredictDocs(model, {"hello", "world"});
  ASSERT_EQ(through.status, 200) << through.text;
  const Answer direct = server.Ok("POST", std::string(kMl) + "/_predict/text_embedding/" + served,
                                  R"({"text_docs":["hello","world"],"target_response":["sentence_embedding"]})");
  const json::array& tensors = through.body.at("inference_results").at(0).at("output").as_array();
  ASSERT_THAT(tensors, SizeIs(2));
  for (std::size_t i = 0; i < 2; ++i) {
    const json::value& expected = direct.body.at("inference_results").at(i).at("output").at(0);
    EXPECT_EQ(ToJson(tensors[i].at("data")), ToJson(expected.at("data")));
    EXPECT_EQ(tensors[i].at("name").as_string(), "sentence_embedding");
  }
}

}  // namespace
}  // namespace mlnode::integration
