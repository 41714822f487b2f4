// Parts in NATS: what a crash, a rival or damage leaves, and the space that goes with them.
#include <atomic>

#include "storage/nats/message_list.h"
#include "storage/nats/nats_parts.h"
#include "storage/nats/testing/nats_fixture.h"
#include "storage/nats/testing/tcp_proxy.h"

namespace mlnode::storage::testing {
namespace {

using nats::Millis;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const UploadId kUpload("u");

class NatsPartsTest : public NatsTest {
 protected:
  void SetUp() override { ASSERT_TRUE(store_); }
  std::vector<std::string> Subjects(const std::string& filter) {
    return session_->Subjects(names_.chunks(), filter, nats::CallLimit(Millis(5'000))).value();
  }
  std::vector<std::string> Pieces() { return Subjects(names_.PiecesOf("*")); }
  void Put(const std::string& subject, std::string_view bytes) {
    nats::Message message;
    ASSERT_EQ(
        natsMsg_Create(nats::Out(message), subject.c_str(), nullptr, bytes.data(), static_cast<int>(bytes.size())),
        NATS_OK);
    ASSERT_TRUE(session_->Publish(*message, 0, nats::CallLimit(Millis(5'000))));
  }

  std::unique_ptr<NatsStore> store_ = Open(SharedServer().Urls());
  std::shared_ptr<nats::NatsSession> session_ = SharedServer().Connect(0);
};

TEST_F(NatsPartsTest, PiecesAreOfTheSizeThatWasChosen) {
  ASSERT_TRUE(store_->PutPart(kUpload, 0, std::string(2 * kPieceBytes + 1, 'x')));
  EXPECT_THAT(Pieces(), SizeIs(3));
  ASSERT_TRUE(store_->PutPart(kUpload, 1, std::string(kPieceBytes, 'x')));
  EXPECT_THAT(Pieces(), SizeIs(4));
}

TEST_F(NatsPartsTest, ThePiecesOfAReplacedPartGo) {
  ASSERT_TRUE(store_->PutPart(kUpload, 0, std::string(3 * kPieceBytes, 'x')));
  ASSERT_TRUE(store_->PutPart(kUpload, 1, "other"));
  ASSERT_TRUE(store_->PutPart(kUpload, 0, "second"));
  EXPECT_THAT(Pieces(), SizeIs(2));
  EXPECT_EQ(*store_->GetPart(kUpload, 0), "second");
}

TEST_F(NatsPartsTest, RivalsForOnePartLeaveOneWhole) {
  const auto other = Open(SharedServer().Urls());
  ASSERT_TRUE(other);
  const std::string a(kPieceBytes + 1, 'a');
  const std::string b(kPieceBytes + 2, 'b');
  ASSERT_TRUE(store_->PutPart(kUpload, 7, "first"));
  ThreadPool pool({.name = "rivals", .threads = 4});
  std::atomic<int> put = 0;
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(pool.Post(
        [&, i] { put += (i % 2 == 0 ? *store_ : *other).PutPart(kUpload, 7, i % 3 == 0 ? a : b).has_value(); }));
  }
  pool.Stop();
  EXPECT_EQ(put, 12);
  const auto part = store_->GetPart(kUpload, 7);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_TRUE(*part == a || *part == b);
  EXPECT_THAT(Pieces(), SizeIs(2)) << "pieces of attempts that were replaced are left";
}

// A part's first manifest expects nothing, so the last of several stays, and the pieces of the others are like those
// that a crash leaves.
TEST_F(NatsPartsTest, RivalsForANewPartLeaveOneWhole) {
  ThreadPool pool({.name = "rivals", .threads = 4});
  std::atomic<int> put = 0;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(
        pool.Post([&, i] { put += store_->PutPart(kUpload, 7, std::string(1'000, char('a' + i))).has_value(); }));
  }
  pool.Stop();
  EXPECT_EQ(put, 4);
  const auto part = store_->GetPart(kUpload, 7);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_EQ(part->size(), 1'000U);
  ASSERT_TRUE(store_->RemoveUpload(kUpload));
  EXPECT_THAT(Pieces(), SizeIs(0));
}

TEST_F(NatsPartsTest, APartThatIsReplacedWhileItIsReadIsOneOrTheOther) {
  const std::string a(4 * kPieceBytes, 'a');
  const std::string b(4 * kPieceBytes, 'b');
  ASSERT_TRUE(store_->PutPart(kUpload, 0, a));
  ThreadPool pool({.name = "writer"});
  std::atomic<bool> done = false;
  ASSERT_TRUE(pool.Post([&] {
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(store_->PutPart(kUpload, 0, i % 2 == 0 ? b : a));
    done = true;
  }));
  int damaged = 0;
  while (!done) {
    const auto part = store_->GetPart(kUpload, 0);
    if (part) {
      EXPECT_TRUE(*part == a || *part == b);
    } else {
      ++damaged;
    }
  }
  pool.Stop();
  EXPECT_EQ(damaged, 0);
}

TEST_F(NatsPartsTest, APartWithoutAPieceOrWithAnotherIsDataLoss) {
  const std::string bytes(2 * kPieceBytes, 'x');
  ASSERT_TRUE(store_->PutPart(kUpload, 0, bytes));
  const std::string piece = names_.PieceSubject(kUpload, 0, "*", 1);
  const auto listed = nats::ListMessages(*session_, names_.chunks(), piece);
  ASSERT_TRUE(listed);
  ASSERT_THAT(*listed, SizeIs(1));
  std::string changed(kPieceBytes, 'x');
  changed[99] = 'y';
  Put(listed->at(0).subject, changed);
  auto part = store_->GetPart(kUpload, 0);
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code, Code::kDataLoss);
  EXPECT_THAT(part.error().message, HasSubstr("chunk 0 of upload u is damaged"));
  ASSERT_TRUE(nats::RemoveMessages(*session_, names_.chunks(), listed->at(0).subject));
  part = store_->GetPart(kUpload, 0);
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code, Code::kDataLoss);
  ASSERT_TRUE(store_->PutPart(kUpload, 0, bytes));
  EXPECT_EQ(*store_->GetPart(kUpload, 0), bytes);
}

TEST_F(NatsPartsTest, ADamagedManifestIsDataLossUntilUploadedAgain) {
  for (const char* text : {"", "{}", R"({"format":2})", "no json"}) {
    Put(names_.PartSubject(kUpload, 3), text);
    const auto part = store_->GetPart(kUpload, 3);
    ASSERT_FALSE(part);
    EXPECT_EQ(part.error().code, Code::kDataLoss) << text;
    EXPECT_THAT(part.error().message, HasSubstr("chunk 3 of upload u"));
  }
  EXPECT_TRUE(store_->PutPart(kUpload, 3, "again"));
  EXPECT_EQ(*store_->GetPart(kUpload, 3), "again");
}

TEST_F(NatsPartsTest, WhatACrashLeftIsListedAndGoes) {
  EXPECT_THAT(*store_->ListUploads(), IsEmpty());
  Put(names_.PieceSubject(UploadId("crashed"), 0, "0123456789abcdef", 0), "a piece");
  Put(names_.PieceSubject(UploadId("crashed"), 0, "0123456789abcdef", 1), "a piece");
  EXPECT_THAT(*store_->ListParts(UploadId("crashed")), IsEmpty());
  const auto uploads = store_->ListUploads();
  ASSERT_TRUE(uploads);
  ASSERT_THAT(*uploads, SizeIs(1));
  EXPECT_EQ(uploads->at(0).id, UploadId("crashed"));
  const EpochMillis now = clock_.WallMillis();
  EXPECT_LT(std::abs(uploads->at(0).last_write - now), 60'000);
  EXPECT_TRUE(store_->RemoveUpload(UploadId("crashed")));
  EXPECT_THAT(*store_->ListUploads(), IsEmpty());
  EXPECT_THAT(Pieces(), IsEmpty());
}

TEST_F(NatsPartsTest, LastWriteIsThatOfTheNewestPiece) {
  ASSERT_TRUE(store_->PutPart(kUpload, 0, "x"));
  const EpochMillis first = store_->ListUploads()->at(0).last_write;
  nats_Sleep(20);
  Put(names_.PieceSubject(kUpload, 1, "0123456789abcdef", 0), "of a part that is not whole yet");
  EXPECT_GE(store_->ListUploads()->at(0).last_write, first + 20);
}

TEST_F(NatsPartsTest, RemovalGivesTheSpaceBack) {
  NatsServers server(1, {.max_file_store = "20MB"});
  const auto store = Open(server.Urls());
  ASSERT_TRUE(store);
  const std::string part(7'000'000, 'x');
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(store->PutPart(kUpload, 0, part)) << round;
    ASSERT_TRUE(store->PutPart(kUpload, 0, part)) << "a part that is replaced: " << round;
    ASSERT_TRUE(store->RemoveUpload(kUpload));
  }
}

// A limit of the chunks' stream alone leaves room for documents, also in a cluster, where a full server is worse.
TEST_F(NatsPartsTest, AFullStreamOfChunksLeavesDocumentsAlone) {
  const auto store = Open(SharedCluster().Urls());
  ASSERT_TRUE(store);
  {
    const auto session = SharedCluster().Connect(0);
    nats::StreamInfo info;
    ASSERT_EQ(js_GetStreamInfo(nats::Out(info), session->js(), names_.chunks().c_str(), nullptr, nullptr), NATS_OK);
    info->Config->MaxBytes = 10'000'000;
    ASSERT_EQ(js_UpdateStream(nullptr, session->js(), info->Config, nullptr, nullptr), NATS_OK);
  }
  const std::string part(6'000'000, 'x');
  ASSERT_TRUE(store->PutPart(kUpload, 0, part));
  const Status refused = store->PutPart(kUpload, 1, part);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted) << refused.error().detail;
  EXPECT_EQ(*store->GetPart(kUpload, 0), part);
  Do(*store, CreationOf(Model("m")));
  ASSERT_TRUE(store->RemoveUpload(kUpload));
  EXPECT_TRUE(store->PutPart(kUpload, 1, part));
  EXPECT_TRUE(Open(SharedCluster().Urls())) << "the limit is no other layout";
}

TEST_F(NatsPartsTest, ACutInAnUploadLeavesThePartAsItWas) {
  TcpProxy proxy(SharedServer().port(0));
  const auto store = Open(proxy.Url());
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->PutPart(kUpload, 0, "before"));
  ThreadPool pool({.name = "writer"});
  std::atomic<int> outcome = 0;
  ASSERT_TRUE(pool.Post([&] { outcome = store->PutPart(kUpload, 0, std::string(9'000'000, 'x')) ? 1 : 2; }));
  ASSERT_TRUE(Eventually([&] { return Pieces().size() > 3; }));
  proxy.Cut();
  pool.Stop();
  EXPECT_EQ(outcome, 2);
  EXPECT_EQ(*store_->GetPart(kUpload, 0), "before");
  ASSERT_TRUE(store_->PutPart(kUpload, 0, "after"));
  EXPECT_TRUE(store_->RemoveUpload(kUpload));
  EXPECT_THAT(Pieces(), IsEmpty());
}

}  // namespace
}  // namespace mlnode::storage::testing
