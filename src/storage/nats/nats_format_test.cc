// What format 1 wrote, every later version reads; and this one writes the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/nats/document_message.h"
#include "storage/nats/nats_session.h"
#include "storage/nats/part_manifest.h"
#include "storage/nats/stream_names.h"
#include "storage/testing/golden_document.h"

namespace mlnode::storage::testing {
namespace {

using nats::Message;
using ::testing::HasSubstr;

const StreamNames kNames("mlnode");

// A message as a golden file shows it: subject, headers, an empty line, the body.
class GoldenMessage {
 public:
  explicit GoldenMessage(const std::string& text) {
    nats_Open(-1);
    const std::size_t end = text.find("\n\n");
    std::string_view head = std::string_view(text).substr(0, end);
    body = text.substr(end + 2);
    subject = head.substr(0, head.find('\n'));
    EXPECT_EQ(natsMsg_Create(nats::Out(message), subject.c_str(), nullptr, body.data(), static_cast<int>(body.size())),
              NATS_OK);
    while (head.find('\n') != std::string_view::npos) {
      head.remove_prefix(head.find('\n') + 1);
      const std::string name(head.substr(0, head.find(':')));
      const std::string value(head.substr(name.size() + 2, head.find('\n') - name.size() - 2));
      EXPECT_EQ(natsMsgHeader_Set(message.get(), name.c_str(), value.c_str()), NATS_OK);
    }
  }
  std::string subject, body;
  Message message;
};

void ExpectSame(natsMsg& written, natsMsg& golden) {
  EXPECT_STREQ(natsMsg_GetSubject(&written), natsMsg_GetSubject(&golden));
  EXPECT_EQ(nats::BodyOf(written), nats::BodyOf(golden));
  const char** keys = nullptr;
  int count = 0;
  ASSERT_EQ(natsMsgHeader_Keys(&golden, &keys, &count), NATS_OK);
  for (int i = 0; i < count; ++i)
    EXPECT_EQ(nats::HeaderOf(written, keys[i]), nats::HeaderOf(golden, keys[i])) << keys[i];
  free(static_cast<void*>(keys));
}

TEST(NatsFormatTest, Document) {
  const GoldenMessage golden(GoldenFile("nats_document.1.txt"));
  const auto key = kNames.KeyOf(golden.subject);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->collection, Collection::kPlacements);
  EXPECT_EQ(key->id, "k3Vx-9_QTbOa1Zp0Rm2sYw/größe 1%.");
  const auto swap = nats::DecodeDocument(*key, *golden.message, 99);
  ASSERT_TRUE(swap) << swap.error().message;
  const Record& record = swap->record;
  EXPECT_FALSE(record.removed);
  EXPECT_EQ(record.nonce, 0xFEDC'BA98'7654'3210U);
  EXPECT_EQ(record.document->revision, 99U);
  EXPECT_EQ(record.document->version, 7U);
  EXPECT_EQ(record.document->body.at("model_id"), "größe 1%.");
  EXPECT_EQ(swap->base, 88U);
  const std::string body = ToJson(record.document->body);
  const auto written =
      nats::EncodeDocument(kNames.SubjectOf(*key), &body, {.nonce = record.nonce, .version = 7, .base = 88});
  ASSERT_TRUE(written);
  ExpectSame(**written, *golden.message);
}

TEST(NatsFormatTest, Removal) {
  const GoldenMessage golden(GoldenFile("nats_removal.1.txt"));
  const auto key = kNames.KeyOf(golden.subject);
  ASSERT_TRUE(key);
  const auto swap = nats::DecodeDocument(*key, *golden.message, 5);
  ASSERT_TRUE(swap) << swap.error().message;
  EXPECT_TRUE(swap->record.removed);
  EXPECT_EQ(swap->record.nonce, 42U);
  EXPECT_EQ(swap->record.document->version, 3U);
  EXPECT_EQ(swap->base, 4U);
  const auto written = nats::EncodeDocument(kNames.SubjectOf(*key), nullptr, {.nonce = 42, .version = 3, .base = 4});
  ASSERT_TRUE(written);
  ExpectSame(**written, *golden.message);
}

TEST(NatsFormatTest, DamagedDocumentsAreDataLossNamingThem) {
  const Key key{Collection::kModels, "m"};
  for (const char* text :
       {"s\nMlnode-Base: 0\nMlnode-Version: 1\n\n{}", "s\nMlnode-Base: 0\nMlnode-Nonce: 00\n\n{}",
        "s\nMlnode-Base: 0\nMlnode-Nonce: 00\nMlnode-Version: 0\n\n{}",
        "s\nMlnode-Base: 0\nMlnode-Nonce: xyz\nMlnode-Version: 1\n\n{}",
        "s\nMlnode-Base: -1\nMlnode-Nonce: 00\nMlnode-Version: 1\n\n{}", "s\nMlnode-Nonce: 00\nMlnode-Version: 1\n\n{}",
        "s\nMlnode-Base: 0\nMlnode-Nonce: 00\nMlnode-Version: 1\n\n[]",
        "s\nMlnode-Base: 0\nMlnode-Nonce: 00\nMlnode-Version: 1\n\n"}) {
    const GoldenMessage message(text);
    const auto record = nats::DecodeDocument(key, *message.message, 5);
    ASSERT_FALSE(record) << text;
    EXPECT_EQ(record.error().code, Code::kDataLoss);
    EXPECT_THAT(record.error().message, HasSubstr("models/m"));
  }
}

TEST(NatsFormatTest, Manifest) {
  const std::string golden = GoldenFile("nats_manifest.1.json");
  const auto manifest = DecodeManifest(golden);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->length, 1'048'577U);
  EXPECT_EQ(manifest->pieces(), 3);
  EXPECT_EQ(EncodeManifest(*manifest), golden);
}

TEST(NatsFormatTest, DamagedAndNewerManifestsAreDataLoss) {
  const std::string golden = GoldenFile("nats_manifest.1.json");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = golden;
    return changed.replace(changed.find(from), from.size(), to);
  };
  for (const std::string& text :
       {with("1048577", "0"), with("1048577", "10000001"), with("9f86", "XX86"), with("\"pieces\":3", "\"pieces\":2"),
        with("0123456789abcdef", "a.b"), std::string("[]")}) {
    const auto manifest = DecodeManifest(text);
    ASSERT_FALSE(manifest) << text;
    EXPECT_EQ(manifest.error().code, Code::kDataLoss);
  }
  const auto newer = DecodeManifest(with("\"format\":1", "\"format\":2"));
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().message, HasSubstr("format 2"));
}

}  // namespace
}  // namespace mlnode::storage::testing
