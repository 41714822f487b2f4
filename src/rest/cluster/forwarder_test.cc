#include "rest/cluster/forwarder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "deploy/testing/documents.h"
#include "deploy/testing/one_node.h"

namespace mlnode::rest {
namespace {

using deploy::testing::OneDisk;
using deploy::testing::OneNode;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Answers when the test says so.
class ScriptedClient final : public net::HttpClient {
 public:
  struct Sent {
    std::uint64_t token;
    net::ClientRequest request;
    Done done;
    // "a" of "http://a:9200/…"
    std::string node() const { return request.url.substr(7, request.url.find(':', 7) - 7); }
    std::string body() const { return std::string(request.borrowed_body); }
  };
  std::uint64_t Send(net::ClientRequest request, Done done) override {
    sent.push_back({.token = ++tokens, .request = std::move(request), .done = std::move(done)});
    nodes.push_back(sent.back().node());
    return tokens;
  }
  void Cancel(std::uint64_t token) override {
    for (auto it = sent.begin(); it != sent.end(); ++it) {
      if (it->token != token) continue;
      Sent cancelled = std::move(*it);
      sent.erase(it);
      ++cancels;
      return cancelled.done(MakeError(Code::kCancelled, "the HTTP request was cancelled"));
    }
  }
  // Ends the oldest.
  void Answer(Result<net::ClientReply> result) {
    ASSERT_FALSE(sent.empty());
    Sent first = std::move(sent.front());
    sent.pop_front();
    first.done(std::move(result));
  }
  void Answer(int status, const std::string& body, std::vector<std::pair<std::string, std::string>> headers = {}) {
    net::ClientReply reply{.status = status, .headers = {}, .body = body};
    for (auto& [name, value] : headers) reply.headers.Add(std::move(name), std::move(value));
    Answer(std::move(reply));
  }

  std::deque<Sent> sent;
  std::vector<std::string> nodes;  // that were asked, in order
  std::uint64_t tokens = 0;
  int cancels = 0;
};

class ForwarderTest : public ::testing::Test {
 protected:
  ForwarderTest() {
    for (OneNode* node : {&here_, &a_, &b_}) node->Start();
    EXPECT_TRUE(here_.deploys.Deploy(model_, deploy::testing::Nodes({"a", "b"})));
    disk_.executor.RunFor(milliseconds(10));
    EXPECT_EQ(router_.Candidates(model_).size(), 2U);
  }
  ForwardTask Task(bool may_retry = true) {
    return {.model = model_,
            .request = {.method = "POST", .target = "/predict?x=1#here", .headers = {}, .body = body_, .owner = owner_},
            .workers = router_.Candidates(model_),
            .deadline = Deadline::After(disk_.clock, seconds(60)),
            .may_retry = may_retry,
            .unwanted = [this] { return gone_; }};
  }
  void Send(ForwardTask task) {
    forwarder_.Send(std::move(task), [this](Result<net::ClientReply> reply) {
      ++answers_;
      answer_ = std::move(reply);
    });
  }
  // What the node that the request goes to says of it.
  Result<NodeId> SenderOf(const net::ClientRequest& request, const net::PeerProcess& receiver) {
    net::PeerVerifier verifier(key_, receiver, disk_.clock);
    return verifier.Check(request.headers.Find(net::kPeerHeader).value_or(""),
                          {.method = "POST", .target = "/predict?x=1", .body = body_, .headers = &request.headers});
  }
  Code Failure() {
    EXPECT_EQ(answers_, 1);
    EXPECT_FALSE(answer_);
    return answer_ ? Code::kInternal : answer_.error().code;
  }
  static Error Refused() { return MakeError(Code::kUnavailable, "the remote server cannot be reached"); }

  OneDisk disk_;
  OneNode here_{disk_, 1, "here"}, a_{disk_, 7, "a"}, b_{disk_, 8, "b"};
  const std::map<std::string, net::PeerProcess> process_{{"a", {.node = NodeId("a"), .incarnation = 7}},
                                                         {"b", {.node = NodeId("b"), .incarnation = 8}}};
  const ModelId model_ = here_.AddModel("m");
  deploy::Router router_{{.store = disk_.store,
                          .membership = here_.membership,
                          .settings = *here_.settings,
                          .random = disk_.random,
                          .clock = disk_.clock}};
  ScriptedClient client_;
  net::PeerKey key_{"a secret of 16 bytes"};
  Readiness readiness_;
  Peers peers_{.client = client_,
               .key = key_,
               .self = NodeId("here"),
               .readiness = readiness_,
               .random = disk_.random,
               .clock = disk_.clock};
  Metrics metrics_;
  Forwarder forwarder_{{.peers = peers_,
                        .router = router_,
                        .membership = here_.membership,
                        .timers = disk_.executor,
                        .metrics = metrics_}};
  const std::string body_ = R"({"text_docs":["a"]})";
  const std::shared_ptr<const int> owner_ = std::make_shared<const int>(0);
  bool gone_ = false;
  int answers_ = 0;
  Result<net::ClientReply> answer_ = MakeError(Code::kInternal, "none");
};

TEST_F(ForwarderTest, SendsTheRequestSignedAndGivesTheAnswer) {
  Send(Task());
  ASSERT_EQ(client_.sent.size(), 1U);
  const net::ClientRequest& request = client_.sent.front().request;
  EXPECT_EQ(request.method, "POST");
  EXPECT_THAT(request.url, ::testing::EndsWith(":9200/predict?x=1")) << "a fragment is not sent";
  EXPECT_EQ(client_.sent.front().body(), body_);
  EXPECT_EQ(request.borrowed_owner, owner_) << "the body is not copied";
  EXPECT_EQ(request.headers.Find(kDeadlineHeader), "59950") << "the answer needs time to come back";
  const net::PeerProcess& receiver = process_.at(client_.nodes[0]);
  const auto sender = SenderOf(request, receiver);
  ASSERT_TRUE(sender) << sender.error().detail;
  EXPECT_EQ(sender->str(), "here");
  EXPECT_FALSE(SenderOf(request, process_.at(client_.nodes[0] == "a" ? "b" : "a"))) << "it is for that one alone";
  EXPECT_FALSE(SenderOf(request, {.node = receiver.node, .incarnation = 9})) << "and not once that began anew";
  client_.Answer(429, "busy", {{"X-Mlnode-Queue", "1500"}});
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status, 429) << "any status is an answer";
  EXPECT_EQ(answer_->body, "busy");
  EXPECT_EQ(client_.nodes.size(), 1U);
}

TEST_F(ForwarderTest, SendsOnlyWhatItSigns) {
  ForwardTask task = Task();
  task.request.headers.Add("Content-Type", "application/json");
  task.request.headers.Add("X-Unknown", "1");
  Send(std::move(task));
  const net::ClientRequest& request = client_.sent.front().request;
  EXPECT_TRUE(SenderOf(request, process_.at(client_.nodes[0])));
  EXPECT_EQ(request.headers.Find("Content-Type"), "application/json");
  EXPECT_EQ(request.headers.Find("Accept"), "*/*") << "libcurl adds it, which the signature must know";
  EXPECT_EQ(request.headers.Find("X-Unknown"), std::nullopt);
}

// Whose connection was refused, who says that it is not there, who stops, who starts or is full (no handler answered),
// and who does not accept the signature.
TEST_F(ForwarderTest, TriesOneOtherNode) {
  const auto not_here = [&] { client_.Answer(503, "", {{"X-Mlnode-Not-Here", "1"}}); };
  const auto leaving = [&] { client_.Answer(503, "", {{"X-Mlnode-Leaving", "1"}}); };
  const auto starting = [&] { client_.Answer(503, "the node is starting", {{"Retry-After", "1"}}); };
  const auto not_signed = [&] { client_.Answer(403, "", {{"X-Mlnode-Peer-Refused", "1"}}); };
  const auto broken = [&] { client_.Answer(MakeError(Code::kUpstream, "the exchange broke")); };
  const auto refused = [&] { client_.Answer(Refused()); };
  for (const std::function<void()>& fail :
       std::vector<std::function<void()>>{not_here, leaving, starting, not_signed, broken, refused}) {
    client_.nodes.clear();
    answers_ = 0;
    Send(Task());
    fail();
    ASSERT_EQ(client_.nodes.size(), 2U);
    EXPECT_NE(client_.nodes[0], client_.nodes[1]);
    EXPECT_EQ(answers_, 0);
    client_.Answer(200, "ok");
    EXPECT_EQ(answers_, 1);
    ASSERT_TRUE(answer_);
    EXPECT_EQ(answer_->body, "ok");
  }
}

TEST_F(ForwarderTest, ATwiceFailedOneIsGivenUp) {
  Send(Task());
  client_.Answer(Refused());
  client_.Answer(Refused());
  EXPECT_EQ(Failure(), Code::kUnavailable);
  EXPECT_TRUE(answer_.error().retry_after);
  EXPECT_EQ(client_.nodes.size(), 2U);
}

// Two workers died at once and a third holds the model: nobody is to notice.
TEST_F(ForwarderTest, WhoWasNotReachedCostsNoBudget) {
  OneNode c{disk_, 1, "c"};
  c.Start();
  ASSERT_TRUE(here_.deploys.Deploy(model_, deploy::testing::Nodes({"a", "b", "c"})));
  disk_.executor.RunFor(milliseconds(10));
  for (int i = 0; i < 100; ++i) {
    client_.nodes.clear();
    answers_ = 0;
    Send(Task());
    client_.Answer(Refused());
    client_.Answer(Refused());
    ASSERT_EQ(client_.nodes.size(), 3U) << i;
    client_.Answer(200, "ok");
    ASSERT_TRUE(answer_) << i;
  }
}

// Two die at one moment, each with the request in its hands; the third answers. What three died of may be what kills
// them: the fourth does not get it.
TEST_F(ForwarderTest, WhatThreeWorkersDiedOfIsGivenUp) {
  OneNode c{disk_, 1, "c"};
  OneNode d{disk_, 1, "d"};
  c.Start();
  d.Start();
  ASSERT_TRUE(here_.deploys.Deploy(model_, deploy::testing::Nodes({"a", "b", "c", "d"})));
  disk_.executor.RunFor(milliseconds(10));
  const auto broken = [this] { client_.Answer(MakeError(Code::kUpstream, "the exchange broke")); };
  Send(Task());
  for (int i = 0; i < 2; ++i) broken();
  client_.Answer(200, "ok");
  ASSERT_TRUE(answer_);
  client_.nodes.clear();
  answers_ = 0;
  Send(Task());
  for (int i = 0; i < 3; ++i) broken();
  EXPECT_EQ(Failure(), Code::kUnavailable);
  EXPECT_EQ(client_.nodes.size(), 3U);
}

// One died with it, one was not reached: that one had no part in it.
TEST_F(ForwarderTest, EachNodeIsAskedOnce) {
  OneNode c{disk_, 1, "c"};
  c.Start();
  ASSERT_TRUE(here_.deploys.Deploy(model_, deploy::testing::Nodes({"a", "b", "c"})));
  disk_.executor.RunFor(milliseconds(10));
  Send(Task());
  client_.Answer(MakeError(Code::kUpstream, "the exchange broke"));
  client_.Answer(Refused());
  client_.Answer(Refused());
  EXPECT_EQ(Failure(), Code::kUnavailable);
  EXPECT_EQ(std::set<std::string>(client_.nodes.begin(), client_.nodes.end()).size(), 3U);
  EXPECT_EQ(client_.nodes.size(), 3U);
}

// Its lease went while the first had it; the second's failure is its own, and it is not asked for less.
TEST_F(ForwarderTest, TheDeathOfOneIsNotThatOfTheNext) {
  Send(Task());
  OneNode& worker = client_.nodes[0] == "a" ? a_ : b_;
  worker.membership.Stop();
  disk_.executor.RunFor(seconds(6));
  ASSERT_EQ(client_.nodes.size(), 2U);
  client_.Answer(MakeError(Code::kTooLarge, "the reply is larger than the limit"));
  EXPECT_EQ(Failure(), Code::kTooLarge) << "an error of this prediction, not a worker that is gone";
}

// A worker that was killed and started again at once answers before it has joined: it is shunned like one that is gone.
TEST_F(ForwarderTest, WhoStartsCostsNoBudgetAndIsShunned) {
  std::map<std::string, int> asked;
  for (int i = 0; i < 100; ++i) {
    Send(Task());
    while (!client_.sent.empty()) {
      ++asked[client_.sent.front().node()];
      if (client_.sent.front().node() == "a") {
        client_.Answer(503, "the node is starting");
      } else {
        client_.Answer(200, "ok", {{"X-Mlnode-Queue", "0"}});
      }
    }
    ASSERT_TRUE(answer_) << i;
    ASSERT_EQ(answer_->status, 200) << i;
  }
  EXPECT_EQ(asked["a"], 1);
  EXPECT_EQ(asked["b"], 100);
}

TEST_F(ForwarderTest, WhereAllStartItIsSaidWhenToComeAgain) {
  Send(Task());
  for (int i = 0; i < 2; ++i) client_.Answer(503, "the node is starting");
  EXPECT_EQ(Failure(), Code::kUnavailable);
  EXPECT_TRUE(answer_.error().retry_after);
}

TEST_F(ForwarderTest, OtherAnswersAreNotTriedAgain) {
  for (const int status : {200, 400, 403, 500, 503, 504}) {
    client_.nodes.clear();
    Send(Task());
    client_.Answer(status, "as it is", {{"X-Mlnode-Queue", "0"}});
    ASSERT_TRUE(answer_);
    EXPECT_EQ(answer_->status, status);
    EXPECT_EQ(client_.nodes.size(), 1U);
  }
}

TEST_F(ForwarderTest, WhatMayCostTwiceIsSentOnce) {
  for (const bool reached : {false, true}) {  // by the request, not by a handler
    answers_ = 0;
    client_.nodes.clear();
    Send(Task(false));
    if (reached) client_.Answer(503, "the node is starting");
    if (!reached) client_.Answer(Refused());
    EXPECT_EQ(Failure(), Code::kUnavailable);
    EXPECT_TRUE(answer_.error().retry_after) << "it was certainly not done";
    EXPECT_EQ(client_.nodes.size(), 1U);
  }
}

// A provider may have done it and charged for it: nobody is told to ask for it again.
TEST_F(ForwarderTest, WhatMayHaveBeenDoneIsNotToBeAskedForAgain) {
  const auto expect_told = [this] {
    EXPECT_EQ(Failure(), Code::kUpstream);
    EXPECT_THAT(answer_.error().message, HasSubstr("It may have been carried out"));
    EXPECT_EQ(answer_.error().retry_after, std::nullopt);
    EXPECT_EQ(client_.nodes.size(), 1U);
  };
  Send(Task(false));
  client_.Answer(MakeError(Code::kUpstream, "the exchange broke"));
  expect_told();
  answers_ = 0;
  client_.nodes.clear();
  Send(Task(false));
  OneNode& worker = client_.nodes[0] == "a" ? a_ : b_;
  worker.membership.Stop();
  disk_.executor.RunFor(seconds(6));
  expect_told();
}

// A burst of failures does not double the load of those who are left, as far as what failed may have been computed.
TEST_F(ForwarderTest, TriesAgainWithinTheBudgetOnly) {
  int given_up = 0;
  for (int i = 0; i < 100; ++i) {
    Send(Task());
    client_.Answer(MakeError(Code::kUpstream, "the exchange broke"));
    if (client_.sent.empty()) ++given_up;
    while (!client_.sent.empty()) client_.Answer(200, "ok");
  }
  EXPECT_GT(given_up, 50);
  EXPECT_LT(given_up, 95);
}

TEST_F(ForwarderTest, NobodyIsTriedAfterTheDeadline) {
  ForwardTask task = Task();
  task.deadline = Deadline::After(disk_.clock, milliseconds(500));
  Send(std::move(task));
  EXPECT_EQ(client_.sent.front().request.total_timeout, milliseconds(500));
  disk_.executor.RunFor(milliseconds(499));  // the client rounds
  client_.Answer(MakeError(Code::kDeadlineExceeded, "the remote server did not answer in time"));
  EXPECT_EQ(Failure(), Code::kDeadlineExceeded);
  EXPECT_EQ(client_.nodes.size(), 1U);
}

// A batch of long texts under a short deadline says nothing of the node that worked on it.
TEST_F(ForwarderTest, ADeadlineOfItsOwnPunishesNobody) {
  ForwardTask task = Task();
  task.deadline = Deadline::After(disk_.clock, milliseconds(60));
  Send(std::move(task));
  EXPECT_EQ(client_.sent.front().request.headers.Find(kDeadlineHeader), "30") << "half, where little is left";
  disk_.executor.RunFor(milliseconds(60));
  client_.Answer(MakeError(Code::kDeadlineExceeded, "the remote server did not answer in time"));
  EXPECT_EQ(Failure(), Code::kDeadlineExceeded);
  std::set<NodeId> first;
  for (int i = 0; i < 4; ++i) first.insert(router_.Candidates(model_).front().node);
  EXPECT_EQ(first.size(), 2U) << "both still have their turn";
}

TEST_F(ForwarderTest, WhoIsNotReachedUntilTheDeadlineIsAvoided) {
  ForwardTask task = Task();
  task.deadline = Deadline::After(disk_.clock, milliseconds(500));
  Send(std::move(task));
  disk_.executor.RunFor(milliseconds(500));
  client_.Answer(Refused());
  EXPECT_EQ(Failure(), Code::kDeadlineExceeded);
  for (int i = 0; i < 4; ++i) EXPECT_NE(router_.Candidates(model_).front().node.str(), client_.nodes[0]);
}

TEST_F(ForwarderTest, TheSecondNodeGetsTheTimeThatIsLeft) {
  Send(Task());
  disk_.executor.RunFor(seconds(20));
  client_.Answer(Refused());
  ASSERT_EQ(client_.sent.size(), 1U);
  EXPECT_EQ(client_.sent.front().request.headers.Find(kDeadlineHeader), "39950");
  EXPECT_EQ(client_.sent.front().request.headers.Count(kDeadlineHeader), 1U);
  EXPECT_TRUE(SenderOf(client_.sent.front().request, process_.at(client_.nodes[1])))
      << "signed anew, with the body's digest of the first try";
}

TEST_F(ForwarderTest, CutsTheTransferOnceTheClientHasGone) {
  Send(Task());
  disk_.executor.RunFor(milliseconds(300));
  EXPECT_EQ(client_.cancels, 0);
  gone_ = true;
  disk_.executor.RunFor(milliseconds(300));
  EXPECT_EQ(client_.cancels, 1);
  EXPECT_EQ(Failure(), Code::kCancelled);
  EXPECT_EQ(client_.nodes.size(), 1U) << "nobody wants it any more";
}

// A node that a firewall or a switched-off machine made silent: its lease says so before the deadline does.
TEST_F(ForwarderTest, DoesNotWaitForADeadNode) {
  Send(Task());
  OneNode& worker = client_.nodes[0] == "a" ? a_ : b_;
  disk_.executor.RunFor(seconds(3));
  EXPECT_EQ(client_.cancels, 0);
  worker.membership.Stop();
  disk_.executor.RunFor(seconds(6));
  EXPECT_EQ(client_.cancels, 1);
  ASSERT_EQ(client_.sent.size(), 1U);
  EXPECT_NE(client_.nodes[0], client_.nodes[1]);
  client_.Answer(200, "ok");
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answers_, 1);
}

TEST_F(ForwarderTest, TellsTheRouterOfQueues) {
  here_.Set("plugins.ml_commons.task_dispatch_policy", "least_load");
  for (int i = 0; i < 2; ++i) {
    Send(Task());
    const bool is_a = client_.sent.front().node() == "a";
    client_.Answer(200, "ok", {{"X-Mlnode-Queue", is_a ? "2000000" : "0"}});
  }
  // Both were asked, or the first asked was the short one: from now on it is b.
  Send(Task());
  const std::string first = client_.nodes.back();
  client_.Answer(200, "ok", {{"X-Mlnode-Queue", first == "a" ? "2000000" : "0"}});
  Send(Task());
  EXPECT_EQ(client_.nodes.back(), "b");
}

TEST_F(ForwarderTest, KeepsNothingOfWhatHasEnded) {
  Send(Task());
  EXPECT_GT(owner_.use_count(), 1);
  client_.Answer(200, "ok");
  EXPECT_EQ(owner_.use_count(), 1);
  disk_.executor.RunFor(seconds(1));
  EXPECT_EQ(client_.cancels, 0);
}

TEST_F(ForwarderTest, AStreamGoesOnAsItComes) {
  std::string taken;
  ForwardTask task = Task(false);
  task.sink = [&taken](std::string_view piece) -> Status {
    taken += piece;
    return {};
  };
  Send(std::move(task));
  ASSERT_TRUE(client_.sent.front().request.body_sink);
  EXPECT_TRUE(client_.sent.front().request.body_sink("data: 1\n\n"));
  EXPECT_EQ(taken, "data: 1\n\n");
  client_.Answer(200, "");
  EXPECT_TRUE(answer_);
}

}  // namespace
}  // namespace mlnode::rest
