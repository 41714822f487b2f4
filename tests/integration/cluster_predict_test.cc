// Predictions that come to a node which does not hold the model.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>

#include "cluster_fixture.h"
#include "core/executor.h"
#include "core/log.h"
#include "net/testing/raw_client.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;

constexpr const char* kBody = R"({"text_docs":["hello world","hello"],"target_response":["sentence_embedding"]})";

class ClusterPredictTest : public ClusterFixture {
 protected:
  // While it lives, no run of the member's engine ends.
  class Held {
   public:
    explicit Held(Member& member) {
      member.engine.SetBehaviour(
          {.on_load = {}, .on_run = [waiting = waiting_, released = released_](const TokenBatch&) {
             ++*waiting;
             released.wait();
             return Status();
           }});
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { release_.set_value(); }
    int waiting() const { return *waiting_; }

   private:
    std::promise<void> release_;
    std::shared_future<void> released_ = release_.get_future().share();
    std::shared_ptr<std::atomic<int>> waiting_ = std::make_shared<std::atomic<int>>(0);
  };

  static std::string Timing(const Answer& answer) {
    return std::string(answer.headers.Find("Server-Timing").value_or(""));
  }
  std::string RouteCount(const std::string& status) {
    return fmt::format(R"(mlnode_http_requests_total{{route="{}/models/{{model_id}}/_predict",status="{}"}})", kMl,
                       status);
  }
  // Sends without waiting for the answer.
  std::future<Result<net::ClientReply>> Send(const std::string& model, std::uint64_t* token = nullptr) {
    return SendTo(node().port(), model, token);
  }
  std::future<Result<net::ClientReply>> SendTo(std::uint16_t port, const std::string& model,
                                               std::uint64_t* token = nullptr) {
    auto promise = std::make_shared<std::promise<Result<net::ClientReply>>>();
    net::ClientRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}{}", port, Predict(model));
    request.headers.Add("Content-Type", "application/json");
    request.body = kBody;
    request.addresses = net::AddressPolicy::kLoopbackAndPublic;
    auto future = promise->get_future();
    const std::uint64_t sent = client().Send(
        std::move(request), [promise](Result<net::ClientReply> reply) { promise->set_value(std::move(reply)); });
    if (token != nullptr) *token = sent;
    return future;
  }
};

TEST_F(ClusterPredictTest, TheAnswerIsTheWorkersAsItIs) {
  StartCluster(1);
  const std::string model = DeployOn({0});
  const Answer direct = AskMember(0, "POST", Predict(model), kBody);
  ASSERT_EQ(direct.status, 200) << direct.text;
  const Answer through = Ask("POST", Predict(model), kBody);
  EXPECT_EQ(through.status, 200);
  EXPECT_EQ(through.text, direct.text);
  EXPECT_EQ(through.headers.Find("Content-Type"), direct.headers.Find("Content-Type"));
  EXPECT_THAT(Timing(through), HasSubstr("engine;dur="));
  EXPECT_EQ(through.headers.Find("X-Mlnode-Queue"), std::nullopt) << "is between nodes";
  // What was computed was computed there.
  EXPECT_EQ(engine_.runs(), 0);
}

TEST_F(ClusterPredictTest, AllThatAClientMayAskForGoesAlong) {
  StartCluster(1);
  const std::string model = DeployOn({0});
  net::Headers headers;
  headers.Add("X-Opaque-Id", "client-1");
  headers.Add("X-Mlnode-Priority", "bulk");
  for (const char* query : {"?pretty", "?filter_path=inference_results.output.name", "?format=yaml", "?format=cbor"}) {
    const Answer direct = AskMember(0, "POST", Predict(model) + query, kBody, headers);
    const Answer through = AskAt(node().port(), "POST", Predict(model) + query, kBody, "application/json", headers);
    EXPECT_EQ(through.status, 200) << query;
    EXPECT_EQ(through.text, direct.text) << query;
    EXPECT_EQ(through.headers.Find("Content-Type"), direct.headers.Find("Content-Type")) << query;
    EXPECT_EQ(through.headers.Find("X-Opaque-Id"), "client-1");
    EXPECT_EQ(through.headers.Count("X-Opaque-Id"), 1U);
  }
  const std::string yaml = "text_docs: [hello world, hello]\ntarget_response: [sentence_embedding]\n";
  const Answer from_yaml = AskAt(node().port(), "POST", Predict(model), yaml, "application/yaml");
  EXPECT_EQ(from_yaml.status, 200);
  EXPECT_EQ(from_yaml.text, AskAt(members_[0]->port(), "POST", Predict(model), yaml, "application/yaml").text)
      << "the body goes as it came";
  EXPECT_EQ(Ask("POST", std::string(kMl) + "/_predict/text_embedding/" + model, kBody).text,
            AskMember(0, "POST", Predict(model), kBody).text);
  headers.Add("X-Mlnode-Priority", "whenever");
  EXPECT_EQ(Ask("POST", Predict(model), R"({"text_docs":[]})").Reason(), "Empty text docs");
}

TEST_F(ClusterPredictTest, AnErrorIsTheWorkersToo) {
  StartCluster(1);
  const std::string model = DeployOn({0});
  members_[0]->engine.SetBehaviour({.on_load = {}, .on_run = [](const TokenBatch&) -> Status {
                                      return MakeError(Code::kInternal, "the graph broke");
                                    }});
  const Answer direct = AskMember(0, "POST", Predict(model), kBody);
  const Answer through = Ask("POST", Predict(model), kBody);
  EXPECT_EQ(direct.status, 500);
  EXPECT_EQ(through.status, 500);
  EXPECT_EQ(through.text, direct.text);
}

TEST_F(ClusterPredictTest, AModelThatNobodyHoldsIsAnsweredAsAlone) {
  StartCluster(1);
  const std::string model = Register("m", ModelArchive());
  EXPECT_EQ(Ask("POST", Predict(model), kBody).Reason(), "Model not ready yet. Please deploy the model first.");
}

TEST_F(ClusterPredictTest, AForwardedOneGoesNoFurther) {
  StartCluster(2);
  const std::string model = DeployOn({0});
  const auto signed_for = [&](std::size_t member) { return Signed(ProcessOf(member), "POST", Predict(model), kBody); };
  const Answer lost = AskMember(1, "POST", Predict(model), kBody, signed_for(1));
  EXPECT_EQ(lost.status, 503);
  EXPECT_EQ(lost.headers.Find("X-Mlnode-Not-Here"), "1");
  EXPECT_TRUE(lost.headers.Find("X-Mlnode-Queue"));
  const Answer held = AskMember(0, "POST", Predict(model), kBody, signed_for(0));
  EXPECT_EQ(held.status, 200);
  EXPECT_EQ(held.headers.Find("X-Mlnode-Queue"), "0");
  EXPECT_EQ(AskMember(1, "POST", Predict(model), kBody).status, 200) << "a client's is forwarded";
}

TEST_F(ClusterPredictTest, AForgedOneIsRefused) {
  StartCluster(1);
  const std::string model = DeployOn({0});
  net::Headers forged;
  forged.Add("X-Mlnode-Peer", "v2 somebody m0 00000000000000b1 1700000000000 0123456789abcdef c2lnbmF0dXJl");
  const Answer answer = AskMember(0, "POST", Predict(model), kBody, forged);
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.headers.Find("X-Mlnode-Peer-Refused"), "1");
  const net::Headers of_another = Signed(ProcessOf(0), "POST", Predict(model), R"({"text_docs":["other"]})");
  EXPECT_EQ(AskMember(0, "POST", Predict(model), kBody, of_another).status, 403);
}

// Whoever can read what nodes send each other sends it again, elsewhere or with another head.
TEST_F(ClusterPredictTest, ACapturedOneIsWorthNothing) {
  StartCluster(2);
  const std::string model = DeployOn({0, 1});
  const auto send = [&](const net::Headers& headers) {
    return AskMember(0, "POST", Predict(model), kBody, headers).status;
  };
  const auto captured = [&](const net::PeerProcess& to) {
    net::Headers sent;
    sent.Add("X-Mlnode-Deadline-Ms", "60000");
    return Signed(to, "POST", Predict(model), kBody, std::move(sent));
  };
  const net::Headers first = captured(ProcessOf(0));
  EXPECT_EQ(send(first), 200);
  EXPECT_EQ(send(first), 403) << "seen before";
  EXPECT_EQ(send(captured(ProcessOf(1))), 403) << "meant for another node";
  net::PeerProcess before = ProcessOf(0);
  --before.incarnation;
  EXPECT_EQ(send(captured(before)), 403) << "meant for the node before it began anew";
  for (const std::string_view name : net::kSignedHeaders) {
    net::Headers changed = captured(ProcessOf(0));
    changed.Add(std::string(name), "1");
    EXPECT_EQ(send(changed), 403) << name;
  }
  const net::Headers last = captured(ProcessOf(0));
  net::Headers shorter;
  for (const auto& [name, value] : last.fields()) {
    shorter.Add(name, name == "X-Mlnode-Deadline-Ms" ? "1" : value);
  }
  EXPECT_EQ(send(shorter), 403);
}

// What the others believe may be a moment old: a node whose address is another's by now, which takes nothing that was
// meant for it, and one that is not there any more.
TEST_F(ClusterPredictTest, AnotherNodeIsAskedWhereOneFails) {
  StartCluster(2);
  const std::string model = DeployOn({0});
  const auto failures = [this] { return MetricOf(Ask("GET", "/metrics"), "mlnode_forward_failures_total"); };
  const auto ask_some = [&] {
    for (int i = 0; i < 4; ++i) {
      const Answer answer = Ask("POST", Predict(model), kBody);
      EXPECT_EQ(answer.status, 200) << answer.text;
    }
  };
  AddPhantom("-moved", fmt::format("127.0.0.1:{}", members_[1]->port()), model);
  ask_some();
  EXPECT_EQ(failures(), 1) << "it is asked once, and not again for two seconds";
  AddPhantom("-refuses", "127.0.0.1:1", model);
  ask_some();
  EXPECT_EQ(failures(), 2);
  EXPECT_EQ(MetricOf(Ask("GET", "/metrics"), "mlnode_forward_retries_total"), 2);
}

// Three real nodes, of which one ends: no client sees it.
TEST_F(ClusterPredictTest, ANodeThatStopsLosesNoPrediction) {
  StartCluster(2);
  const std::string model = DeployOn({0, 1});
  std::atomic<bool> stopped = false;
  ThreadPool stopper({.name = "stopper", .threads = 1});
  ASSERT_TRUE(stopper.Post([&] {
    members_[0]->node->Stop();
    stopped = true;
  }));
  int after = 0;
  PollUntil("predictions after the stop", [&] {
    const Answer answer = Ask("POST", Predict(model), kBody);
    EXPECT_EQ(answer.status, 200) << answer.text;
    after += stopped ? 1 : 0;
    return after > 20;
  });
}

TEST_F(ClusterPredictTest, AClientThatGoesTakesItsPredictionAlong) {
  StartCluster(1);
  const std::string model = DeployOn({0});
  Held held(*members_[0]);
  const auto first = Send(model);
  PollUntil("the lane to be busy", [&] { return held.waiting() > 0; });
  std::uint64_t token = 0;
  const auto second = Send(model, &token);
  PollUntil("the second to wait at the worker", [&] { return Metric(0, "mlnode_queue_tokens") > 0; });
  client().Cancel(token);
  PollUntil("the worker to drop it", [&] { return Metric(0, "mlnode_queue_tokens") == 0; });
  EXPECT_EQ(held.waiting(), 1) << "the lane was busy all the time";
}

TEST_F(ClusterPredictTest, TheDeadlineGoesAlong) {
  StartMember();
  settings_.insert({"mlnode.predict.deadline_ms", "500"});
  StartCluster(0);
  const std::string model = DeployOn({0});
  Held held(*members_[0]);
  const Answer answer = Ask("POST", Predict(model), kBody);
  EXPECT_EQ(answer.status, 504) << answer.text;
  // The worker, whose own limit is a minute, gave up by itself.
  PollUntil("the worker's answer", [&] { return Metric(0, RouteCount("504")) + Metric(0, RouteCount("499")) > 0; });
}

TEST_F(ClusterPredictTest, TheRateLimitIsChargedOnceWhoeverIsAsked) {
  StartCluster(1);
  const Archive archive = ModelArchive();
  json::object meta = ParseJsonObject(Meta("limited", archive, 1)).value();
  meta["rate_limiter"] = {{"limit", "2"}, {"unit", "DAYS"}};
  const Answer registered = Ok("POST", fmt::format("{}/models/_register_meta", kMl), ToJson(meta));
  const std::string model(registered.body.at("model_id").as_string());
  Ok("POST", fmt::format("{}/models/{}/upload_chunk/0", kMl, model), archive.bytes);
  ASSERT_EQ(Deploy(model, ToJson(json::object{{"node_ids", json::array{members_[0]->id}}})).at("state"), "COMPLETED");
  EXPECT_EQ(Ask("POST", Predict(model), kBody).status, 200);
  EXPECT_EQ(AskMember(0, "POST", Predict(model), kBody).status, 200) << "the first was charged once";
  const Answer here = Ask("POST", Predict(model), kBody), there = AskMember(0, "POST", Predict(model), kBody);
  EXPECT_EQ(here.status, 429);
  EXPECT_EQ(here.text, there.text) << "the worker's answer as it is";
  EXPECT_TRUE(here.headers.Find("Retry-After"));
  EXPECT_EQ(MetricOf(Ask("GET", "/metrics"), "mlnode_forward_failures_total"), 0) << "that is no failure of the worker";
}

TEST_F(ClusterPredictTest, ARemoteModelIsServedByWhoeverHoldsIt) {
  StartProvider();
  StartCluster(1);
  Set("trusted_connector_endpoints_regex", json::array{R"(^http://127\.0\.0\.1:.*$)"});
  Set("connector.private_ip_enabled", true);
  Set("stream_enabled", true);
  const std::string model = RegisterRemote(Chat());
  ASSERT_EQ(Deploy(model, ToJson(json::object{{"node_ids", json::array{members_[0]->id}}})).at("state"), "COMPLETED");
  const std::string body = R"({"parameters":{"messages":[{"role":"user","content":"hi"}]}})";
  const Answer answer = Ask("POST", Predict(model), body);
  EXPECT_EQ(answer.status, 200) << answer.text;
  EXPECT_EQ(answer.text, AskMember(0, "POST", Predict(model), body).text);
  EXPECT_EQ(DeployTasks(), 1U) << "nothing was deployed for it besides";
  const std::string streamed =
      R"({"parameters":{"messages":[{"role":"user","content":"hi"}],"_llm_interface":"openai/v1/chat/completions"}})";
  const Answer stream = Ask("POST", Predict(model) + "/stream", streamed);
  EXPECT_EQ(stream.headers.Find("Content-Type"), "text/event-stream");
  EXPECT_THAT(stream.text, HasSubstr(R"("is_last":true)"));
  EXPECT_EQ(stream.text, AskMember(0, "POST", Predict(model) + "/stream", streamed).text);
}

TEST_F(ClusterPredictTest, ManyDocumentsAreComputedByAllThatHoldTheModel) {
  StartCluster(2);
  const std::string model = DeployOn({0, 1});
  json::array texts;
  for (int i = 0; i < 41; ++i) texts.emplace_back(i % 3 == 0 ? "hello \"world\"" : "a b c hello\n");
  const std::string body = ToJson(json::object{{"return_number", true}, {"text_docs", texts}});
  const Answer whole = Ask("POST", Predict(model), body);
  ASSERT_EQ(whole.status, 200) << whole.text;
  Ok("PUT", "/_cluster/settings", R"({"persistent":{"mlnode.predict.scatter_documents":"10"}})");
  const int before0 = members_[0]->engine.runs(), before1 = members_[1]->engine.runs();
  PollUntil("the setting",
            [&] { return Timing(Ask("POST", Predict(model), body)).find("scatter") != std::string::npos; });
  const Answer scattered = Ask("POST", Predict(model), body);
  EXPECT_EQ(scattered.text, whole.text);
  EXPECT_THAT(Timing(scattered), HasSubstr("2 parts"));
  EXPECT_GT(members_[0]->engine.runs(), before0);
  EXPECT_GT(members_[1]->engine.runs(), before1);
  EXPECT_EQ(Ask("POST", Predict(model) + "?pretty", body).text,
            AskMember(0, "POST", Predict(model) + "?pretty", body).text);
  // A node that holds it takes a part itself; what is not JSON, or short, is not cut.
  const Answer by_holder = AskMember(0, "POST", Predict(model), body);
  EXPECT_EQ(by_holder.text, whole.text);
  EXPECT_THAT(Timing(by_holder), HasSubstr("2 parts"));
  for (const auto& [query, text] : {std::pair("?format=cbor", body), std::pair("", std::string(kBody))}) {
    EXPECT_THAT(Timing(Ask("POST", Predict(model) + query, text)), ::testing::Not(HasSubstr("scatter")));
  }
}

TEST_F(ClusterPredictTest, APartWhoseNodeDiedIsComputedByAnother) {
  settings_.insert({"mlnode.predict.scatter_documents", "1"});
  StartCluster(1);
  const std::string model = DeployOn({0});
  const Answer whole = AskMember(0, "POST", Predict(model), kBody);
  AddPhantom("-refuses", "127.0.0.1:1", model);
  const Answer by_holder = AskMember(0, "POST", Predict(model), kBody);
  EXPECT_EQ(by_holder.text, whole.text) << "the holder computes it itself";
  const Answer by_entry = Ask("POST", Predict(model), kBody);
  EXPECT_EQ(by_entry.text, whole.text) << "the one that lives computes both";
}

TEST_F(ClusterPredictTest, APartThatFailsIsTheAnswer) {
  settings_.insert({"mlnode.predict.scatter_documents", "1"});
  StartCluster(2);
  const std::string model = DeployOn({0, 1});
  members_[1]->engine.SetBehaviour({.on_load = {}, .on_run = [](const TokenBatch&) -> Status {
                                      return MakeError(Code::kInternal, "the graph broke");
                                    }});
  const Answer answer = Ask("POST", Predict(model), kBody);
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.Reason(), HasSubstr("the graph broke"));
}

TEST_F(ClusterPredictTest, AFailedPartDoesNotWaitForThisNodesOwn) {
  settings_.insert({{"mlnode.predict.scatter_documents", "1"}, {"mlnode.predict.deadline_ms", "10000"}});
  StartCluster(2);
  const std::string model = DeployOn({0, 1});
  std::promise<void> fail;
  members_[1]->engine.SetBehaviour(
      {.on_load = {}, .on_run = [failed = fail.get_future().share()](const TokenBatch&) -> Status {
         failed.wait();
         return MakeError(Code::kInternal, "the graph broke");
       }});
  Held held(*members_[0]);
  auto answer = SendTo(members_[0]->port(), model);
  PollUntil("this node's part to be computed", [&] { return held.waiting() > 0; });
  fail.set_value();
  const auto reply = answer.get();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 500) << reply->body;
}

}  // namespace
}  // namespace mlnode::integration
