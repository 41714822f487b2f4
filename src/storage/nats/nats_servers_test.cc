// What servers do to a store: die, come back, lose their quorum, their leader, their space, or what they stored.
#include <algorithm>
#include <atomic>
#include <numeric>

#include "storage/nats/testing/nats_fixture.h"
#include "storage/nats/testing/tcp_proxy.h"

namespace mlnode::storage::testing {
namespace {

using nats::Millis;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr Millis kCallAndSlack = NatsStore::kCallLimit + Millis(1'500);

class NatsServersTest : public NatsTest {
 protected:
  static bool Follows(const Store& store) {
    return Eventually([&] { return store.Following(); }, Millis(30'000));
  }
};

TEST_F(NatsServersTest, TwoStoresSeeEachOthersWrites) {
  const auto a = Open(SharedCluster().Urls());
  const auto b = Open(SharedCluster().Urls());
  ASSERT_TRUE(a && b);
  const Written created = Do(*a, CreationOf(Model("m"), {{"n", 1}}));
  EXPECT_TRUE(b->CatchUp(Millis(5'000)));
  EXPECT_EQ((*b->Get(Model("m")))->revision, created.revision);
  const Written removed = Do(*b, RemovalOf(Model("m"), created.revision));
  EXPECT_EQ(removed.version, 2U);
  // a may not have heard of it yet: the authority decides, and the removal's message is what the creation replaces.
  const Written again = Do(*a, CreationOf(Model("m"), {{"n", 2}}));
  EXPECT_EQ(again.version, 1U);
  EXPECT_TRUE(b->CatchUp(Millis(5'000)));
  EXPECT_EQ(AllOf(*a), AllOf(*b));
}

// nats-server 2.9 puts every third reading on the dead one, and nobody answers then.
TEST_F(NatsServersTest, ReadingsBeginSoonThoughAServerIsDead) {
  NatsServers servers(3);
  const auto store = Open(servers.Urls());
  ASSERT_TRUE(store);
  const int leader = servers.LeaderOf(names_.documents());
  servers.Kill((leader + 1) % 3);
  ASSERT_TRUE(Follows(*store));
  const auto session = servers.Connect(leader);
  ASSERT_TRUE(Eventually([&] {
    return nats::FeedConsumer::Make(session, names_.documents(), 1, nats::CallLimit(Millis(4'000))).has_value();
  })) << "the servers lead again";
  for (int reading = 0; reading < 20; ++reading) {
    EXPECT_TRUE(nats::FeedConsumer::Make(session, names_.documents(), 1, nats::CallLimit(Millis(9'000))));
  }
}

TEST_F(NatsServersTest, AMessageWaitsForItsStreamsLeader) {
  NatsServers servers(3);
  const auto store = Open(servers.Urls());
  ASSERT_TRUE(store);
  const int leader = servers.LeaderOf(names_.chunks());
  const auto session = servers.Connect((leader + 1) % 3);
  const std::string subject = names_.PieceSubject(UploadId("u"), 0, "0", 0);
  nats::Message piece;
  ASSERT_EQ(natsMsg_Create(nats::Out(piece), subject.c_str(), nullptr, "piece", 5), NATS_OK);
  servers.Kill(leader);
  ASSERT_TRUE(Eventually([&] {
    const auto stored = session->Publish(*piece, 0, nats::CallLimit(Millis(1)));
    return !stored && stored.error().code == Code::kUnavailable;
  })) << "an election takes seconds, and nobody leads until then";
  const nats::CallLimit limit(Millis(20'000));
  Result<std::vector<std::string>> subjects = std::vector<std::string>();
  ThreadPool pool({.name = "asks"});
  ASSERT_TRUE(pool.Post([&] { subjects = session->Subjects(names_.chunks(), names_.PartsOf("u"), limit); }));
  const auto stored = session->Publish(*piece, 0, limit);
  pool.Stop();
  EXPECT_TRUE(subjects) << "so does a question";
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_TRUE(session->Remove(names_.chunks(), *stored, nats::CallLimit(Millis(5'000))));
}

// nats-server 2.9 compares expected sequences before it replicates: see NatsSession::Publish.
TEST_F(NatsServersTest, ConcurrentSwapsFromTwoStoresAreNotLost) {
  constexpr int kThreads = 4;
  constexpr int kTimes = 40;
  const auto a = Open(SharedCluster().Url(0));
  const auto b = Open(SharedCluster().Url(1));
  ASSERT_TRUE(a && b);
  ThreadPool pool({.name = "writers", .threads = 2 * kThreads});
  for (int t = 0; t < kThreads; ++t) {
    for (Store* store : {a.get(), b.get()}) {
      ASSERT_TRUE(pool.Post([this, store] { CountUp(*store, Model("m"), kTimes); }));
    }
  }
  pool.Stop();
  const auto found = a->GetFresh(Model("m"));
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->body.at("n"), 2 * kThreads * kTimes);
  EXPECT_EQ((*found)->version, static_cast<std::uint64_t>(2 * kThreads * kTimes));
}

TEST_F(NatsServersTest, NodesThatStartAtOnceMakeOneSetOfStreams) {
  ThreadPool pool({.name = "nodes", .threads = 4});
  Guarded<std::vector<std::unique_ptr<NatsStore>>> stores;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(pool.Post([this, &stores] {
      auto store = Open(SharedCluster().Urls());
      stores.Lock()->push_back(std::move(store));
    }));
  }
  pool.Stop();
  const auto opened = stores.Lock();
  for (const auto& store : *opened) ASSERT_TRUE(store);
  Do(*opened->at(0), CreationOf(Model("m")));
  for (const auto& store : *opened) EXPECT_TRUE(store->CatchUp(Millis(5'000)) && Has(*store, Model("m")));
  nats::StreamInfo info;
  const auto session = SharedCluster().Connect(0);
  ASSERT_EQ(js_GetStreamInfo(nats::Out(info), session->js(), names_.documents().c_str(), nullptr, nullptr), NATS_OK);
  EXPECT_EQ(info->Config->Replicas, 3);
}

TEST_F(NatsServersTest, AServerThatDiesAndComesBackKeepsEverything) {
  NatsServers server(1);
  const auto store = Open(server.Urls());
  ASSERT_TRUE(store);
  for (int i = 0; i < 20; ++i) Do(*store, CreationOf(Model(std::to_string(i))));
  ASSERT_TRUE(store->PutPart(UploadId("u"), 0, std::string(600'000, 'x')));
  const auto before = AllOf(*store);
  server.Kill(0);
  ASSERT_TRUE(Eventually([&] { return !store->Following(); }));
  const auto begin = steady_clock::now();
  EXPECT_EQ(RefusalOf(*store, CreationOf(Model("x"))), Code::kUnavailable);
  EXPECT_LT(steady_clock::now() - begin, kCallAndSlack);
  EXPECT_EQ(AllOf(*store), before);
  server.Start(0);
  ASSERT_TRUE(Follows(*store));
  EXPECT_EQ(AllOf(*store), before);
  Do(*store, CreationOf(Model("x")));
  EXPECT_EQ(store->GetPart(UploadId("u"), 0)->size(), 600'000U);
}

TEST_F(NatsServersTest, WithoutAQuorumItReadsOnAndRecovers) {
  NatsServers servers(3);
  const auto store = Open(servers.Url(0));
  ASSERT_TRUE(store);
  const Written written = Do(*store, CreationOf(Lease("n"), {{"n", 1}}));
  servers.Pause(1);
  servers.Pause(2);
  const auto begin = steady_clock::now();
  const WriteOutcome outcome = store->TryWrite(ChangeOf(Lease("n"), written.revision, {{"n", 1}}));
  EXPECT_LT(steady_clock::now() - begin, kCallAndSlack);
  EXPECT_FALSE(std::holds_alternative<Written>(outcome));
  EXPECT_FALSE(store->Following()) << "the connection is fine, but nobody else is heard";
  EXPECT_EQ((*store->Get(Lease("n")))->body.at("n"), 1);
  servers.Resume(1);
  servers.Resume(2);
  ASSERT_TRUE(Follows(*store));
  CountUp(*store, Lease("n"), 1);
}

// The server answers, heartbeats and reads go on, but nothing is written there any more: another one is to be found.
TEST_F(NatsServersTest, AServerThatIsCutOffFromTheOthersIsLeft) {
  NatsServers servers(3, {.divisible = true});
  const auto store = Open(servers.Urls(), {.first_server = 0});
  const auto other = Open(servers.Url(1) + "," + servers.Url(2));
  ASSERT_TRUE(store && other);
  CountUp(*store, Lease("here"), 1);
  servers.Isolate();
  // Nodes write their leases each second.
  bool was_false = false;
  const auto writes = [&] {
    (void)store->TryWrite(CreationOf(Lease("heartbeat")));
    was_false |= !store->Following();
    CountUp(*other, Lease("there"), 1);
    return was_false && store->Following();
  };
  ASSERT_TRUE(Eventually(writes, Millis(60'000)));
  EXPECT_TRUE(store->CatchUp(Millis(10'000)));
  EXPECT_EQ(AllOf(*store), AllOf(*other)) << "it follows the majority";
  CountUp(*store, Lease("here"), 1);
  servers.Join();
  CountUp(*store, Lease("here"), 1);
  EXPECT_TRUE(other->CatchUp(Millis(10'000)));
  EXPECT_EQ((*other->Get(Lease("here")))->body.at("n"), 3);
}

// It takes up to 10 s until a leader that hears nobody any more resigns; until then it answers what was newest.
TEST_F(NatsServersTest, ALeaderThatIsCutOffIsNotBelieved) {
  NatsServers servers(3, {.divisible = true});
  const auto store = Open(servers.Url(0));
  const auto other = Open(servers.Url(1) + "," + servers.Url(2));
  ASSERT_TRUE(store && other);
  ASSERT_TRUE(Eventually([&] {
    if (servers.LeaderOf(names_.documents()) == 0) return true;
    servers.StepDown(names_.documents());
    return false;
  }));
  Do(*other, CreationOf(Model("m")));
  ASSERT_TRUE(store->CatchUp(Millis(5'000)));
  servers.Isolate();
  EXPECT_TRUE(store->GetFresh(Model("m"))) << "this is the leader, and does not know that it is no more";
  EXPECT_FALSE(store->CatchUp(Millis(1'000)));
  EXPECT_FALSE(store->Settle(Model("m"), 1));
  // The others go on. What the cut off server of 2.9 keeps afterwards of what it never acknowledged stands in README.
  CountUp(*other, Model("m"), 1);
  servers.Join();
}

// Each time the server that leads the documents dies while four threads write. Nothing that was acknowledged is lost.
TEST_F(NatsServersTest, LeadersDieUnderWrites) {
  constexpr int kThreads = 4;
  NatsServers servers(3);
  const auto a = Open(servers.Urls());
  const auto b = Open(servers.Urls());
  ASSERT_TRUE(a && b);
  std::atomic<bool> done = false;
  std::atomic<int> counted[kThreads] = {};
  ThreadPool pool({.name = "writers", .threads = kThreads});
  for (int t = 0; t < kThreads; ++t) {
    ASSERT_TRUE(pool.Post([&, t] {
      Store& store = t % 2 == 0 ? *a : *b;
      while (!done) {
        CountUp(store, Model(std::to_string(t)), 1);
        ++counted[t];
      }
    }));
  }
  const auto total = [&] {
    return std::accumulate(std::begin(counted), std::end(counted), 0, [](int sum, const auto& n) { return sum + n; });
  };
  for (int round = 0; round < 3; ++round) {
    const int before = total();
    ASSERT_TRUE(Eventually([&] { return total() > before + 20; }, Millis(60'000)));
    const int leader = servers.LeaderOf(names_.documents());
    ASSERT_GE(leader, 0);
    servers.Kill(leader);
    const int after = total();
    EXPECT_TRUE(Eventually([&] { return total() > after + 20; }, Millis(60'000))) << "two of three go on";
    servers.Start(leader);
  }
  done = true;
  pool.Stop();
  ASSERT_TRUE(Follows(*a) && Follows(*b));
  EXPECT_TRUE(a->CatchUp(Millis(10'000)));
  EXPECT_TRUE(b->CatchUp(Millis(10'000)));
  EXPECT_EQ(AllOf(*a), AllOf(*b));
  for (int t = 0; t < kThreads; ++t) {
    // A count whose answer was lost is made again, so there may be more than were acknowledged, never fewer.
    EXPECT_GE((*a->GetFresh(Model(std::to_string(t))))->body.at("n").as_int64(), counted[t]);
  }
}

TEST_F(NatsServersTest, AllServersDownAndBack) {
  NatsServers servers(3);
  const auto store = Open(servers.Urls());
  ASSERT_TRUE(store);
  Do(*store, CreationOf(Model("m"), {{"n", 1}}));
  for (int i = 0; i < 3; ++i) servers.Kill(i);
  ASSERT_TRUE(Eventually([&] { return !store->Following(); }));
  const auto begin = steady_clock::now();
  const auto refused = Commit(*store, CreationOf(Model("m2")));
  EXPECT_LT(steady_clock::now() - begin, kCallAndSlack);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_TRUE(refused.error().retry_after);
  EXPECT_TRUE(Has(*store, Model("m")));
  for (int i = 0; i < 3; ++i) servers.Start(i);
  ASSERT_TRUE(Follows(*store));
  Do(*store, CreationOf(Model("m3")));
}

TEST_F(NatsServersTest, AStreamMadeAnewIsReadAnew) {
  NatsServers server(1);
  TcpProxy proxy(server.port(0));
  const auto store = Open(proxy.Url());
  ASSERT_TRUE(store);
  for (int i = 0; i < 5; ++i) Do(*store, CreationOf(Model("old" + std::to_string(i))));
  ThreadPool pool({.name = "watch"});
  std::atomic<int> resyncs = 0;
  const auto subscription = store->Watch({Collection::kModels}, pool, [&](const Change& change) {
    if (change.kind == Change::Kind::kResync) ++resyncs;
  });
  proxy.Cut();
  {
    const auto session = server.Connect(0);
    ASSERT_EQ(js_DeleteStream(session->js(), names_.documents().c_str(), nullptr, nullptr), NATS_OK);
  }
  const auto other = Open(server.Urls());
  ASSERT_TRUE(other);
  for (int i = 0; i < 9; ++i) Do(*other, CreationOf(Model("new" + std::to_string(i))));
  EXPECT_TRUE(Has(*store, Model("old0")));
  proxy.Heal();
  ASSERT_TRUE(Eventually([&] { return AllOf(*store) == AllOf(*other); }));
  EXPECT_TRUE(Eventually([&] { return resyncs > 0; }));
  Do(*store, CreationOf(Model("old0")));
}

// While nobody has made it again, the node serves what it knows: an empty store would take every model away.
TEST_F(NatsServersTest, AStreamThatIsGoneEmptiesNoReplica) {
  NatsServers server(1);
  const auto store = Open(server.Urls());
  ASSERT_TRUE(store);
  Do(*store, CreationOf(Model("m")));
  ASSERT_EQ(js_DeleteStream(server.Connect(0)->js(), names_.documents().c_str(), nullptr, nullptr), NATS_OK);
  ASSERT_TRUE(Eventually([&] { return !store->Following(); }));
  EXPECT_EQ(RefusalOf(*store, CreationOf(Model("m2"))), Code::kUnavailable);
  EXPECT_TRUE(Has(*store, Model("m")));
  const auto other = Open(server.Urls());
  ASSERT_TRUE(other);
  EXPECT_TRUE(Eventually([&] { return store->Following() && !Has(*store, Model("m")); }));
}

// What a power cut does to a server that had not synced: the end of the stream is gone, and its sequences are used
// again. Here an older copy of the server's folder takes its place.
TEST_F(NatsServersTest, ALostEndOfTheStreamIsNoticedThoughItGrewAgain) {
  NatsServers server(1);
  TcpProxy proxy(server.port(0));
  const auto store = Open(proxy.Url());
  ASSERT_TRUE(store);
  Do(*store, CreationOf(Model("kept")));
  server.Kill(0);
  server.SaveCopy(0);
  server.Start(0);
  ASSERT_TRUE(Follows(*store));
  for (int i = 0; i < 3; ++i) Do(*store, CreationOf(Model("lost" + std::to_string(i))));
  proxy.Cut();
  server.Kill(0);
  server.RestoreCopy(0);
  server.Start(0);
  const auto other = Open(server.Urls());
  ASSERT_TRUE(other);
  for (int i = 0; i < 10; ++i) Do(*other, CreationOf(Model("again" + std::to_string(i))));
  proxy.Heal();
  EXPECT_TRUE(Eventually([&] { return store->Following() && AllOf(*store) == AllOf(*other); }));
  EXPECT_FALSE(Has(*store, Model("lost0")));
}

TEST_F(NatsServersTest, AFullStoreRefusesAndLosesNothing) {
  NatsServers server(1, {.max_file_store = "20MB"});
  const auto store = Open(server.Urls());
  ASSERT_TRUE(store);
  const Written kept = Do(*store, CreationOf(Model("kept"), {{"n", 1}}));
  const std::string part(9'000'000, 'x');
  ASSERT_TRUE(store->PutPart(UploadId("fits"), 0, part));
  ASSERT_TRUE(store->PutPart(UploadId("fits"), 1, part));
  const Status refused = store->PutPart(UploadId("more"), 0, part);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("chunk 0 of upload more"));
  // Fill what the refused part's pieces left.
  Code code = Code::kInternal;
  for (int i = 0; i < 100 && code != Code::kResourceExhausted; ++i) {
    const WriteOutcome outcome =
        store->TryWrite(CreationOf(Model("big" + std::to_string(i)), {{"t", std::string(500'000, 'x')}}));
    if (const auto* error = std::get_if<Error>(&outcome)) code = error->code;
  }
  EXPECT_EQ(code, Code::kResourceExhausted);
  EXPECT_EQ(RefusalOf(*store, ChangeOf(Model("kept"), kept.revision, {{"n", 2}})), Code::kResourceExhausted);
  EXPECT_EQ((*store->GetFresh(Model("kept")))->body.at("n"), 1) << "a refused change took the document along";
  EXPECT_EQ(*store->GetPart(UploadId("fits"), 1), part);
  EXPECT_TRUE(store->Following());
  ASSERT_TRUE(store->RemoveUpload(UploadId("fits")));
  EXPECT_TRUE(
      Eventually([&] { return Commit(*store, ChangeOf(Model("kept"), kept.revision, {{"n", 2}})).has_value(); }));
  EXPECT_TRUE(store->PutPart(UploadId("more"), 0, part));
}

TEST_F(NatsServersTest, OldTombstonesGoAndNewerWritesStay) {
  const nats::FeedTimes times{.grace = Millis(500), .purge_period = Millis(100)};
  const auto store = Open(SharedServer().Urls(), times);
  const auto patient = Open(SharedServer().Urls());
  ASSERT_TRUE(store && patient);
  const Written gone = Do(*store, CreationOf(Model("gone")));
  const Written again = Do(*store, CreationOf(Model("again")));
  Do(*store, RemovalOf(Model("gone"), gone.revision));
  Do(*store, RemovalOf(Model("again"), again.revision));
  Do(*store, CreationOf(Model("again"), {{"n", 2}}));
  const auto session = SharedServer().Connect(0);
  const auto subjects = [&] {
    auto found =
        session->Subjects(names_.documents(), names_.documents_filter(), nats::CallLimit(Millis(5'000))).value();
    std::erase(found, names_.BarrierSubject());
    return found;
  };
  EXPECT_EQ(subjects().size(), 2U);
  // Time passes by the server's clock, which messages bring.
  EXPECT_TRUE(Eventually([&] {
    CountUp(*store, Lease("clock"), 1);
    return subjects().size() == 2;
  }));
  EXPECT_THAT(subjects(),
              ::testing::UnorderedElementsAre(names_.SubjectOf(Model("again")), names_.SubjectOf(Lease("clock"))));
  // patient remembers the tombstone as what a creation replaces; it finds that nothing is there.
  EXPECT_EQ(Do(*patient, CreationOf(Model("gone"), {{"n", 3}})).version, 1U);
  EXPECT_TRUE(store->CatchUp(Millis(5'000)));
  EXPECT_EQ((*store->Get(Model("gone")))->body.at("n"), 3);
  EXPECT_EQ((*store->Get(Model("again")))->body.at("n"), 2);
}

// The newest message of the stream may be one that is gone.
TEST_F(NatsServersTest, CatchingUpDoesNotWaitForWhatWasPurged) {
  const auto store = Open(SharedServer().Urls());
  ASSERT_TRUE(store);
  const Written created = Do(*store, CreationOf(Model("m")));
  const auto session = SharedServer().Connect(0);
  TcpProxy proxy(SharedServer().port(0));
  const auto late = Open(proxy.Url());
  ASSERT_TRUE(late);
  proxy.Cut();
  const Written removed = Do(*store, RemovalOf(Model("m"), created.revision));
  ASSERT_TRUE(session->Remove(names_.documents(), removed.revision, nats::CallLimit(Millis(5'000))));
  proxy.Heal();
  ASSERT_TRUE(Follows(*late));
  EXPECT_TRUE(late->CatchUp(Millis(5'000)));
  EXPECT_TRUE(store->CatchUp(Millis(5'000)));
}

TEST_F(NatsServersTest, WhatIsNoDocumentIsLeftOut) {
  const auto store = Open(SharedServer().Urls());
  ASSERT_TRUE(store);
  Do(*store, CreationOf(Model("m")));
  const auto session = SharedServer().Connect(0);
  for (const std::string& subject : {names_.SubjectOf(Model("foreign")), "$KV." + prefix_ + "_documents.unknown.x"}) {
    nats::Message message;
    ASSERT_EQ(natsMsg_Create(nats::Out(message), subject.c_str(), nullptr, "{}", 2), NATS_OK);
    ASSERT_TRUE(session->Publish(*message, 0, nats::CallLimit(Millis(5'000))));
  }
  EXPECT_TRUE(store->CatchUp(Millis(5'000)));
  EXPECT_FALSE(Has(*store, Model("foreign")));
  const auto fresh = store->GetFresh(Model("foreign"));
  ASSERT_FALSE(fresh);
  EXPECT_EQ(fresh.error().code, Code::kDataLoss);
  EXPECT_THAT(fresh.error().message, HasSubstr("models/foreign"));
  EXPECT_FALSE(Commit(*store, CreationOf(Model("foreign"))));
  const auto other = Open(SharedServer().Urls());
  ASSERT_TRUE(other);
  EXPECT_EQ(AllOf(*other), AllOf(*store));
}

TEST_F(NatsServersTest, AStoreEndsPromptly) {
  NatsServers server(1);
  auto connected = Open(server.Urls());
  auto unconnected = Open(server.Urls());
  ASSERT_TRUE(connected && unconnected);
  auto begin = steady_clock::now();
  connected.reset();
  EXPECT_LT(steady_clock::now() - begin, Millis(1'000));
  server.Pause(0);
  begin = steady_clock::now();
  unconnected.reset();
  EXPECT_LT(steady_clock::now() - begin, Millis(2'500));
  server.Resume(0);
}

}  // namespace
}  // namespace mlnode::storage::testing
