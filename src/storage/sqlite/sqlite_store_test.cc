#include "storage/sqlite/sqlite_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "core/testing/temp_dir.h"
#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

using mlnode::testing::TempDir;
using ::testing::HasSubstr;

std::unique_ptr<SqliteStore> MustOpen(const std::string& folder, FileSync sync) {
  auto store = SqliteStore::Open({.folder = folder, .sync = sync, .vfs = {}});
  if (!store) ADD_FAILURE() << store.error().message << " (" << store.error().detail << ")";
  return store ? std::move(store).value() : nullptr;
}

class SqliteHarness final : public StoreHarness {
 public:
  Store& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    store_ = MustOpen(dir_.path(), FileSync::kNone);
  }
  void TearPart(const UploadId& upload, std::uint32_t number) override {
    const std::string path = dir_.File("chunks/" + upload.str() + "/" + std::to_string(number));
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  }

 private:
  TempDir dir_;
  std::unique_ptr<SqliteStore> store_ = MustOpen(dir_.path(), FileSync::kNone);
};

const StoreKind kSqlite{"sqlite", [] { return std::make_unique<SqliteHarness>(); }};
INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, ::testing::Values(kSqlite), StoreKindName);
INSTANTIATE_TEST_SUITE_P(Sqlite, WatchContract, ::testing::Values(kSqlite), StoreKindName);

class SqliteStoreTest : public ::testing::Test {
 protected:
  Error OpenError() {
    auto store = SqliteStore::Open({.folder = dir_.path(), .sync = FileSync::kNone, .vfs = {}});
    if (store) {
      ADD_FAILURE() << "opened";
      return {};
    }
    return std::move(store).error();
  }
  // Runs SQL on the closed database's file, as an operator or another program could.
  void Sql(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::int64_t Count(const std::string& sql) {
    auto database = SqliteDatabase::Open(file_, {});
    EXPECT_TRUE(database);
    const auto count = database->QueryInt(sql);
    EXPECT_TRUE(count);
    return *count;
  }
  static Write Creation(Key key, std::uint64_t nonce = 1) {
    return {.key = std::move(key), .expect = Expect::Absent(), .body = json::object{{"n", 1}}, .nonce = nonce};
  }

  TempDir dir_;
  const std::string file_ = dir_.File("mlnode.db");
};

TEST_F(SqliteStoreTest, FilesArePrivateAndDurableModeWorks) {
  {
    const auto store = MustOpen(dir_.path(), FileSync::kDurable);
    ASSERT_TRUE(Commit(*store, Creation(ModelKey("m1"))));
    ASSERT_TRUE(store->PutPart(UploadId("u"), 1, "bytes"));
  }
  for (const char* name : {"mlnode.db", "chunks/u/1"}) {
    struct stat info{};
    ASSERT_EQ(stat(dir_.File(name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
  EXPECT_TRUE(MustOpen(dir_.path(), FileSync::kDurable)->Get(ModelKey("m1")));
}

TEST_F(SqliteStoreTest, ANewerFormatIsRefused) {
  MustOpen(dir_.path(), FileSync::kNone);
  Sql("PRAGMA user_version = 2");
  const Error error = OpenError();
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("format 2"));
  EXPECT_THAT(error.message, HasSubstr("formats up to 1"));
}

TEST_F(SqliteStoreTest, AnotherProgramsFileIsRefused) {
  Sql("CREATE TABLE theirs (x)");
  EXPECT_EQ(OpenError().code, Code::kFailedPrecondition);
}

TEST_F(SqliteStoreTest, ASecondOpenIsRefused) {
  const auto store = MustOpen(dir_.path(), FileSync::kNone);
  EXPECT_EQ(OpenError().code, Code::kFailedPrecondition);
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsDataLossWithAdvice) {
  (void)dir_.Write("mlnode.db", std::string(8192, 'x'));
  const Error error = OpenError();
  EXPECT_EQ(error.code, Code::kDataLoss);
  EXPECT_THAT(error.message, HasSubstr("from a backup"));
}

TEST_F(SqliteStoreTest, AnOverwrittenPageIsDataLoss) {
  {
    const auto store = MustOpen(dir_.path(), FileSync::kNone);
    for (std::uint64_t i = 1; i <= 200; ++i) ASSERT_TRUE(Commit(*store, Creation(ModelKey(std::to_string(i)), i)));
  }
  std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(4096, '\x5A');
  file.close();
  EXPECT_EQ(OpenError().code, Code::kDataLoss);
}

TEST_F(SqliteStoreTest, AnUnreadableDocumentIsDataLossNamingIt) {
  ASSERT_TRUE(Commit(*MustOpen(dir_.path(), FileSync::kNone), Creation(ModelKey("m1"))));
  Sql("UPDATE document SET body = '{' WHERE id = 'm1'");
  const Error error = OpenError();
  EXPECT_EQ(error.code, Code::kDataLoss);
  EXPECT_THAT(error.detail, HasSubstr("models/m1"));
}

TEST_F(SqliteStoreTest, EphemeralDocumentsNeverReachTheDisk) {
  {
    const auto store = MustOpen(dir_.path(), FileSync::kNone);
    ASSERT_TRUE(Commit(*store, Creation({Collection::kLeases, "n1"})));
    ASSERT_TRUE(Commit(*store, Creation(ModelKey("m1"), 2)));
  }
  EXPECT_EQ(Count("SELECT count(*) FROM document"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM document WHERE collection = 'leases'"), 0);
}

TEST_F(SqliteStoreTest, OldRemovalsAreForgotten) {
  {
    const auto store = MustOpen(dir_.path(), FileSync::kNone);
    for (std::uint64_t i = 1; i <= Replica::kRemovalsKept + 10; ++i) {
      const auto created = Commit(*store, Creation(ModelKey(std::to_string(i)), i));
      ASSERT_TRUE(created);
      ASSERT_TRUE(Commit(*store, {.key = ModelKey(std::to_string(i)),
                                  .expect = Expect::Revision(created->revision),
                                  .body = std::nullopt,
                                  .nonce = 100'000 + i}));
    }
  }
  EXPECT_EQ(Count("SELECT count(*) FROM document"), static_cast<std::int64_t>(Replica::kRemovalsKept));
}

TEST_F(SqliteStoreTest, RevisionsOutgrowABlock) {
  std::uint64_t last = 0;
  {
    const auto store = MustOpen(dir_.path(), FileSync::kNone);
    const Key lease{Collection::kLeases, "n1"};
    last = Commit(*store, Creation(lease))->revision;
    for (std::uint64_t i = 0; i < SqliteStore::kRevisionBlock + 10; ++i) {
      const auto written =
          Commit(*store, {.key = lease, .expect = Expect::Revision(last), .body = json::object(), .nonce = i + 2});
      ASSERT_TRUE(written);
      ASSERT_EQ(written->revision, last + 1);
      last = written->revision;
    }
  }
  const auto store = MustOpen(dir_.path(), FileSync::kNone);
  EXPECT_GT(Commit(*store, Creation(ModelKey("m1")))->revision, last);
}

TEST_F(SqliteStoreTest, LeftoversOfACrashAreNoParts) {
  {
    const auto store = MustOpen(dir_.path(), FileSync::kNone);
    ASSERT_TRUE(store->PutPart(UploadId("u"), 1, "bytes"));
  }
  (void)dir_.Write("chunks/u/2.tmp-abc", "half");
  (void)dir_.Write("chunks/u/007", "not canonical");
  (void)dir_.Write("chunks/stray", "a file among folders");
  const auto store = MustOpen(dir_.path(), FileSync::kNone);
  EXPECT_THAT(*store->ListParts(UploadId("u")), ::testing::ElementsAre(1));
  EXPECT_EQ(store->ListUploads()->size(), 1U);
  EXPECT_TRUE(store->RemoveUpload(UploadId("u")));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("chunks/u")));
}

TEST_F(SqliteStoreTest, AChangedByteInAPartIsDataLoss) {
  const auto store = MustOpen(dir_.path(), FileSync::kNone);
  ASSERT_TRUE(store->PutPart(UploadId("u"), 1, std::string(1000, 'x')));
  std::fstream file(dir_.File("chunks/u/1"), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(500);
  file << 'y';
  file.close();
  EXPECT_EQ(CodeOf(store->GetPart(UploadId("u"), 1)), Code::kDataLoss);
}

}  // namespace
}  // namespace mlnode::storage::testing
