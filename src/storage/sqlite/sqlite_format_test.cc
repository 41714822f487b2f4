// What format 1 wrote, every later version reads; and this one writes the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/testing/temp_dir.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/testing/golden_document.h"

namespace mlnode::storage::testing {
namespace {

using mlnode::testing::TempDir;
using ::testing::HasSubstr;

struct Entry {
  Key key;
  const char* file;
};
// In the order they were written.
const std::vector<Entry>& Entries() {
  static const std::vector<Entry> entries = {
      {{Collection::kReservations, "group_name/516a1b77a3a9bf14170fe6d1a33b440509a2a0adedf08c8b02d03488c1c67acc"},
       "group_name.1.json"},
      {{Collection::kModelGroups, "dLoZCaIBChNpZEQVmq9q"}, "model_group.1.json"},
      {{Collection::kModels, "dboZCaIBChNpZEQVm69C"}, "model.1.json"},
      {{Collection::kTasks, "iboZCaIBChNpZEQV1q8_"}, "task.1.register.json"},
      {{Collection::kTasks, "jboZCaIBChNpZEQV2K9A"}, "task.1.deploy.json"},
      {{Collection::kPlans, "dboZCaIBChNpZEQVm69C"}, "plan.1.json"},
      {{Collection::kSettings, "cluster"}, "settings.1.json"},
  };
  return entries;
}
const Key kRemoved{Collection::kTasks, "removed"};
constexpr std::uint64_t kRemovalNonce = 0xFEDC'BA98'7654'3210;
constexpr const char* kPart = "the bytes of a part";

std::unique_ptr<SqliteStore> MustOpen(const TempDir& dir) {
  auto store = SqliteStore::Open({.folder = dir.path(), .sync = FileSync::kNone, .vfs = {}});
  if (!store) ADD_FAILURE() << store.error().message << " (" << store.error().detail << ")";
  return store ? std::move(store).value() : nullptr;
}

void WriteEverything(Store& store) {
  std::uint64_t nonce = 0;
  for (const Entry& entry : Entries()) {
    const Document document = GoldenDocument(entry.key, entry.file);
    ASSERT_TRUE(Commit(store, {.key = entry.key, .expect = Expect::Absent(), .body = document.body, .nonce = ++nonce}));
  }
  const auto made =
      Commit(store, {.key = kRemoved, .expect = Expect::Absent(), .body = json::object{{"n", 1}}, .nonce = ++nonce});
  ASSERT_TRUE(made);
  ASSERT_TRUE(Commit(
      store,
      {.key = kRemoved, .expect = Expect::Revision(made->revision), .body = std::nullopt, .nonce = kRemovalNonce}));
}

constexpr const char* kSchemaQuery = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
constexpr const char* kRowsQuery =
    "SELECT group_concat(quote(collection) || quote(id) || revision || ' ' || version || ' ' || nonce || quote(body), "
    "char(10)) FROM (SELECT * FROM document ORDER BY revision)";

// All that a database file says, as text.
std::string Contents(const TempDir& dir) {
  auto opened = SqliteDatabase::Open(dir.File("mlnode.db"), {});
  if (!opened) return opened.error().message;
  std::string all;
  for (const char* query : {kSchemaQuery, kRowsQuery, "PRAGMA application_id", "PRAGMA user_version",
                            "PRAGMA journal_mode", "SELECT revision FROM reservation"}) {
    const auto text = opened->QueryText(query);
    all += (text ? *text : text.error().message) + "\n";
  }
  return all;
}

TEST(SqliteFormatTest, TheDatabaseOfFormat1IsRead) {
  const TempDir dir;
  dir.Write("mlnode.db", GoldenFile("mlnode.1.db"));
  const auto store = MustOpen(dir);
  ASSERT_TRUE(store);
  std::uint64_t revision = 0;
  for (const Entry& entry : Entries()) {
    const auto found = store->Get(entry.key);
    ASSERT_TRUE(found) << entry.file;
    EXPECT_EQ(ToJson((*found)->body), ToJson(GoldenDocument(entry.key, entry.file).body));
    EXPECT_EQ((*found)->revision, ++revision);
    EXPECT_EQ((*found)->version, 1U);
  }
  EXPECT_EQ(store->Get(kRemoved).error().code, Code::kNotFound);
  const auto removal = store->Settle(kRemoved, kRemovalNonce);
  ASSERT_TRUE(removal && *removal);
  EXPECT_EQ((*removal)->version, 2U);
}

TEST(SqliteFormatTest, TheDatabaseIsWrittenAsFormat1Was) {
  const TempDir golden, ours;
  golden.Write("mlnode.db", GoldenFile("mlnode.1.db"));
  {
    const auto store = MustOpen(ours);
    ASSERT_TRUE(store);
    WriteEverything(*store);
  }
  EXPECT_EQ(Contents(ours), Contents(golden));
}

TEST(PartFormatTest, APartOfFormat1IsReadAndWritten) {
  const TempDir dir;
  const auto store = MustOpen(dir);
  ASSERT_TRUE(store->PutPart(UploadId("ours"), 3, kPart));
  EXPECT_EQ(ReadFile(dir.File("chunks/ours/3"), 1000).value(), GoldenFile("part.1"));
  dir.Write("chunks/golden/0", GoldenFile("part.1"));
  EXPECT_EQ(store->GetPart(UploadId("golden"), 0).value(), kPart);
}

TEST(PartFormatTest, ANewerFormatIsRefusedWithWhatToDo) {
  const TempDir dir;
  const auto store = MustOpen(dir);
  dir.Write("chunks/u/0", std::string(kPart) + "\nmlnode-part 2 anything at all\n");
  const auto read = store->GetPart(UploadId("u"), 0);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kDataLoss);
  EXPECT_THAT(read.error().message, HasSubstr("chunk 0 of upload u has format 2"));
  EXPECT_THAT(read.error().message, HasSubstr("formats up to 1"));
}

}  // namespace
}  // namespace mlnode::storage::testing
