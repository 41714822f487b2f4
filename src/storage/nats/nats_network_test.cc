// What networks do to a store: cut, silence, one direction lost, delay, narrowness.
#include <atomic>

#include "storage/nats/testing/nats_fixture.h"
#include "storage/nats/testing/tcp_proxy.h"

namespace mlnode::storage::testing {
namespace {

using nats::Millis;
using std::chrono::steady_clock;
using ::testing::Contains;

// How long a call may take that waits for an answer: kCallLimit, and slack for a busy machine.
constexpr Millis kCallAndSlack = NatsStore::kCallLimit + Millis(1'500);

class NatsNetworkTest : public NatsTest {
 protected:
  void SetUp() override { ASSERT_TRUE(near_ && far_); }
  void WaitUntilCut() {
    proxy_.Cut();
    ASSERT_TRUE(Eventually([&] { return !near_->Following(); }));
  }
  void Heal() {
    proxy_.Heal();
    ASSERT_TRUE(Eventually([&] { return near_->Following(); }));
  }

  TcpProxy proxy_{SharedServer().port(0)};
  std::unique_ptr<NatsStore> near_ = Open(proxy_.Url());          // through the proxy
  std::unique_ptr<NatsStore> far_ = Open(SharedServer().Urls());  // not
};

TEST_F(NatsNetworkTest, CutOffItReadsOnAndSaysSo) {
  const Written first = Do(*near_, CreationOf(Model("m"), {{"n", 1}}));
  EXPECT_TRUE(near_->Following());
  WaitUntilCut();
  EXPECT_EQ((*near_->Get(Model("m")))->body.at("n"), 1);
  EXPECT_EQ(RefusalOf(*near_, CreationOf(Model("m2"))), Code::kUnavailable);
  EXPECT_EQ(near_->GetFresh(Model("m")).error().code, Code::kUnavailable);
  EXPECT_EQ(near_->Settle(Model("m"), 1).error().code, Code::kUnavailable);
  EXPECT_EQ(near_->CatchUp(Millis(100)).error().code, Code::kUnavailable);
  EXPECT_EQ(near_->PutPart(UploadId("u"), 0, "x").error().code, Code::kUnavailable);
  EXPECT_EQ(near_->GetPart(UploadId("u"), 0).error().code, Code::kUnavailable);
  Heal();
  Do(*near_, ChangeOf(Model("m"), first.revision, {{"n", 2}}));
  EXPECT_FALSE(far_->GetFresh(Model("m2"))) << "a write that was refused came later";
}

TEST_F(NatsNetworkTest, WhatOthersWroteInAGapIsThereAfterIt) {
  const Written kept = Do(*far_, CreationOf(Model("kept"), {{"n", 1}}));
  const Written gone = Do(*far_, CreationOf(Model("gone")));
  ASSERT_TRUE(Eventually([&] { return Has(*near_, Model("gone")); }));
  WaitUntilCut();
  Do(*far_, ChangeOf(Model("kept"), kept.revision, {{"n", 2}}));
  Do(*far_, RemovalOf(Model("gone"), gone.revision));
  for (int i = 0; i < 50; ++i) CountUp(*far_, Lease("x"), 1);
  EXPECT_TRUE(Has(*near_, Model("gone")));
  Heal();
  EXPECT_TRUE(Eventually([&] { return AllOf(*near_) == AllOf(*far_); }));
  EXPECT_FALSE(Has(*near_, Model("gone")));
}

TEST_F(NatsNetworkTest, ChangesInAGapAreTold) {
  ThreadPool pool({.name = "watch"});
  Guarded<std::vector<std::string>> told;
  const auto subscription = near_->Watch({Collection::kModels}, pool, [&](const Change& change) {
    told.Lock()->push_back(change.kind == Change::Kind::kResync ? "resync" : change.key.id);
  });
  Do(*far_, CreationOf(Model("before")));
  ASSERT_TRUE(Eventually([&] { return !told.Lock()->empty(); }));
  told.Lock()->clear();
  // The last message that was applied stays in the stream, so reading goes on behind it.
  WaitUntilCut();
  Do(*far_, CreationOf(Model("in the gap")));
  Heal();
  ASSERT_TRUE(Eventually([&] { return !told.Lock()->empty(); }));
  EXPECT_THAT(*told.Lock(), ::testing::ElementsAre("in the gap"));
  // Overwritten is the last one that was applied: everything is read again.
  CountUp(*far_, Model("in the gap"), 1);
  ASSERT_TRUE(Eventually([&] { return told.Lock()->size() == 2; }));
  told.Lock()->clear();
  WaitUntilCut();
  for (std::size_t i = 0; i < SwapJudge::kHistory; ++i) CountUp(*far_, Model("in the gap"), 1);
  Heal();
  ASSERT_TRUE(Eventually([&] { return !told.Lock()->empty(); }));
  EXPECT_THAT(*told.Lock(), ::testing::ElementsAre("resync"));
}

// Removals may have been missed whose tombstones are gone.
TEST_F(NatsNetworkTest, AfterALongGapAllIsReadAgain) {
  near_ = Open(proxy_.Url(), {.grace = std::chrono::milliseconds(800)});
  ThreadPool pool({.name = "watch"});
  std::atomic<int> resyncs = 0;
  const auto subscription = near_->Watch({Collection::kModels}, pool, [&](const Change& change) {
    if (change.kind == Change::Kind::kResync) ++resyncs;
  });
  Do(*near_, CreationOf(Model("m")));
  WaitUntilCut();
  Heal();
  EXPECT_EQ(resyncs, 0) << "a short one";
  WaitUntilCut();
  nats_Sleep(500);
  Heal();
  EXPECT_TRUE(Eventually([&] { return resyncs == 1; }));
}

TEST_F(NatsNetworkTest, ALostAcknowledgementIsSettled) {
  const Written base = Do(*near_, CreationOf(Model("m"), {{"n", 1}}));
  proxy_.SwallowToClient();
  const Write write = ChangeOf(Model("m"), base.revision, {{"n", 2}});
  const auto begin = steady_clock::now();
  const WriteOutcome outcome = near_->TryWrite(write);
  EXPECT_LT(steady_clock::now() - begin, kCallAndSlack);
  EXPECT_TRUE(std::holds_alternative<Unknown>(outcome));
  EXPECT_GT(proxy_.SwallowedToClient(), 0U);
  EXPECT_FALSE(near_->Following());
  Heal();
  const auto settled = near_->Settle(Model("m"), write.nonce);
  ASSERT_TRUE(settled && *settled);
  EXPECT_EQ((*settled)->version, 2U);
  EXPECT_TRUE(Eventually([&] { return (*near_->Get(Model("m")))->body.at("n") == 2; }));
  // The same attempt again says what it did, and does nothing.
  const WriteOutcome again = near_->TryWrite(write);
  ASSERT_TRUE(std::holds_alternative<Written>(again) || std::get<Error>(again).code == Code::kConflict);
  EXPECT_EQ((*near_->GetFresh(Model("m")))->revision, (*settled)->revision);
}

TEST_F(NatsNetworkTest, ALostRequestIsSettledAsNotDone) {
  const Written base = Do(*near_, CreationOf(Model("m")));
  proxy_.SwallowToServer();
  const Write write = ChangeOf(Model("m"), base.revision);
  EXPECT_TRUE(std::holds_alternative<Unknown>(near_->TryWrite(write)));
  EXPECT_EQ(RefusalOf(*near_, CreationOf(Model("new"))), Code::kUnavailable) << "a creation looks first";
  Heal();
  const auto settled = near_->Settle(Model("m"), write.nonce);
  ASSERT_TRUE(settled);
  EXPECT_FALSE(*settled);
  EXPECT_TRUE(Commit(*near_, write));
}

TEST_F(NatsNetworkTest, SilenceIsNoticedAndEveryCallEnds) {
  Do(*near_, CreationOf(Model("m")));
  proxy_.SwallowBoth();
  const auto begin = steady_clock::now();
  EXPECT_EQ(near_->GetFresh(Model("m")).error().code, Code::kUnavailable);
  EXPECT_LT(steady_clock::now() - begin, kCallAndSlack);
  EXPECT_TRUE(Eventually([&] { return !near_->Following(); }, Millis(5'000)));
  Do(*far_, CreationOf(Model("m2")));
  Heal();
  EXPECT_TRUE(Eventually([&] { return Has(*near_, Model("m2")); }));
}

// A document of 512 KiB to a peer that takes nothing fills the socket's buffers: writing must end too.
TEST_F(NatsNetworkTest, WritingIntoAFullSocketEnds) {
  proxy_.SwallowToServer();
  const std::string large(500'000, 'x');
  const auto begin = steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(std::holds_alternative<Written>(near_->TryWrite(CreationOf(Model("m"), {{"t", large}}))));
  }
  EXPECT_LT(steady_clock::now() - begin, 3 * kCallAndSlack);
  Heal();
  Do(*near_, CreationOf(Model("m"), {{"t", large}}));
}

TEST_F(NatsNetworkTest, SlowAnswersAreAnswers) {
  proxy_.Delay(Millis(300));
  const Written written = Do(*near_, CreationOf(Model("m"), {{"n", 1}}));
  EXPECT_EQ((*near_->Get(Model("m")))->revision, written.revision);
  EXPECT_TRUE(near_->Following());
  Do(*far_, ChangeOf(Model("m"), written.revision, {{"n", 2}}));
  EXPECT_TRUE(near_->CatchUp(Millis(5'000)));
  EXPECT_EQ((*near_->Get(Model("m")))->body.at("n"), 2);
}

TEST_F(NatsNetworkTest, ANarrowLineLosesNothing) {
  proxy_.Throttle(3'000'000);
  const std::string large(400'000, 'x');
  std::uint64_t revision = 0;
  for (int i = 0; i < 60; ++i) {
    Do(*far_, CreationOf(Model(std::to_string(i)), {{"t", large}}));
    const Key last = Lease("last");
    revision = Do(*far_, revision == 0 ? CreationOf(last) : ChangeOf(last, revision)).revision;
  }
  proxy_.Throttle(0);
  EXPECT_TRUE(Eventually([&] { return AllOf(*near_) == AllOf(*far_); }, Millis(30'000)));
}

// The feed's thread is held up while it tells of a change.
class HeldExecutor final : public Executor {
 public:
  explicit HeldExecutor(ThreadPool& under) : under_(under) {}
  bool Post(Task task) override {
    while (held) nats_Sleep(1);
    return under_.Post(std::move(task));
  }
  Timer PostAfter(Duration delay, Task task) override { return under_.PostAfter(delay, std::move(task)); }
  std::atomic<bool> held = false;

 private:
  ThreadPool& under_;
};

TEST_F(NatsNetworkTest, AWriteThatWasNotHeardInTimeIsSettledLater) {
  ThreadPool pool({.name = "watch"});
  HeldExecutor executor(pool);
  std::atomic<int> told = 0;
  const auto subscription = near_->Watch({Collection::kTasks}, executor, [&](const Change&) { ++told; });
  executor.held = true;
  Do(*far_, CreationOf({Collection::kTasks, "t"}));
  nats_Sleep(100);  // the feed is at it now, or will be at the next message
  const Write write = CreationOf(Model("m"), {{"n", 1}});
  const auto begin = steady_clock::now();
  EXPECT_TRUE(std::holds_alternative<Unknown>(near_->TryWrite(write)));
  EXPECT_FALSE(near_->GetFresh(Model("m")));
  EXPECT_EQ(near_->Settle(Model("m"), write.nonce).error().code, Code::kUnavailable);
  EXPECT_LT(steady_clock::now() - begin, 3 * kCallAndSlack);
  EXPECT_FALSE(near_->Following());
  EXPECT_FALSE(near_->CatchUp(Millis(200)));
  executor.held = false;
  EXPECT_TRUE(near_->CatchUp(Millis(5'000)));
  const auto settled = near_->Settle(Model("m"), write.nonce);
  ASSERT_TRUE(settled && *settled);
  EXPECT_EQ((*near_->Get(Model("m")))->revision, (*settled)->revision);
  EXPECT_TRUE(Eventually([&] { return told == 1 && near_->Following(); }));
}

TEST_F(NatsNetworkTest, AMessageThatComesTwiceCountsOnce) {
  const Written first = Do(*near_, CreationOf(Model("m"), {{"n", 1}}));
  const auto session = SharedServer().Connect(0);
  // near_'s consumer is the one whose subject a second subscription hears too; far_'s is told apart by trying both.
  nats::ConsumerInfo info;
  jsConsumerNamesList* names = nullptr;
  ASSERT_EQ(js_ConsumerNames(&names, session->js(), names_.documents().c_str(), nullptr, nullptr), NATS_OK);
  ASSERT_EQ(names->Count, 2);
  std::vector<nats::SubscriptionHandle> heard(2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(js_GetConsumerInfo(nats::Out(info), session->js(), names_.documents().c_str(), names->List[i], nullptr,
                                 nullptr),
              NATS_OK);
    ASSERT_EQ(natsConnection_SubscribeSync(nats::Out(heard[static_cast<std::size_t>(i)]), session->connection(),
                                           info->Config->DeliverSubject),
              NATS_OK);
  }
  jsConsumerNamesList_Destroy(names);
  ASSERT_TRUE(session->Answers(Millis(1'000)));  // the server knows of the subscriptions
  Do(*near_, ChangeOf(Model("m"), first.revision, {{"n", 2}}));
  for (const auto& subscription : heard) {
    nats::Message message;
    for (int i = 0; i < 5 && (!message || natsMsg_GetDataLength(message.get()) == 0); ++i) {
      ASSERT_EQ(natsSubscription_NextMsg(nats::Out(message), subscription.get(), 5'000), NATS_OK);
    }
    ASSERT_GT(natsMsg_GetDataLength(message.get()), 0) << "nothing but heartbeats";
    nats::Message again;
    const std::string_view body = nats::BodyOf(*message);
    ASSERT_EQ(natsMsg_Create(nats::Out(again), natsSubscription_GetSubject(subscription.get()),
                             natsMsg_GetReply(message.get()), body.data(), static_cast<int>(body.size())),
              NATS_OK);
    ASSERT_EQ(natsConnection_PublishMsg(session->connection(), again.get()), NATS_OK);
  }
  EXPECT_TRUE(session->Answers(Millis(1'000)));
  Do(*far_, CreationOf(Model("after")));
  EXPECT_TRUE(Eventually([&] { return Has(*near_, Model("after")); }));
  EXPECT_EQ(AllOf(*near_), AllOf(*far_));
  EXPECT_TRUE(near_->Following());
}

// Heard, but not what the consumer delivers next: that ends the reading, and another one finds everything.
TEST_F(NatsNetworkTest, AGapInWhatIsDeliveredIsReadAnew) {
  const auto session = SharedServer().Connect(0);
  jsConsumerNamesList* names = nullptr;
  ASSERT_EQ(js_ConsumerNames(&names, session->js(), names_.documents().c_str(), nullptr, nullptr), NATS_OK);
  for (int i = 0; i < names->Count; ++i) {
    nats::ConsumerInfo info;
    ASSERT_EQ(js_GetConsumerInfo(nats::Out(info), session->js(), names_.documents().c_str(), names->List[i], nullptr,
                                 nullptr),
              NATS_OK);
    const std::string reply = "$JS.ACK." + names_.documents() + "." + info->Name + ".1.1000.1000.1700000000000000000.0";
    ASSERT_EQ(
        natsConnection_PublishRequest(session->connection(), info->Config->DeliverSubject, reply.c_str(), "{}", 2),
        NATS_OK);
  }
  jsConsumerNamesList_Destroy(names);
  EXPECT_TRUE(session->Answers(Millis(1'000)));
  Do(*far_, CreationOf(Model("m")));
  EXPECT_TRUE(Eventually([&] { return Has(*near_, Model("m")) && near_->Following(); }));
  EXPECT_EQ(AllOf(*near_), AllOf(*far_));
}

}  // namespace
}  // namespace mlnode::storage::testing
