#include "storage/sqlite/sqlite_documents.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "storage/write_check.h"

namespace mlnode::storage {
namespace {

constexpr std::int64_t kApplicationId = 0x6D6C6E64;  // "mlnd"

constexpr const char* kSchema =
    "CREATE TABLE document ("
    " collection TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, version INTEGER NOT NULL,"
    " nonce INTEGER NOT NULL, body TEXT, PRIMARY KEY (collection, id)) STRICT;"
    "CREATE INDEX removal ON document (revision) WHERE body IS NULL;"
    "CREATE TABLE reservation (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL) STRICT;"
    "INSERT INTO reservation VALUES (1, 0);";

constexpr std::string_view kAdvice =
    "stop the node, keep a copy of the data folder, then put back mlnode.db from a backup (removing mlnode.db-wal), or "
    "move "
    "both away to start empty";

Error Damaged(std::string what) {
  Error error = MakeError(Code::kDataLoss, fmt::format("the database mlnode.db is damaged: {}", kAdvice));
  error.detail = std::move(what);
  return error;
}

// Damage found by any step reads the same.
Error Explain(Error error) { return error.code == Code::kDataLoss ? Damaged(error.detail) : std::move(error); }

// SQLite would create it readable for others where the folder allows.
Status CreatePrivately(const std::string& path) {
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    Error error = MakeError(Code::kUnavailable, "the database file cannot be created or opened for writing");
    error.detail = path;
    return error;
  }
  close(fd);
  return {};
}

Status Configure(SqliteDatabase& database, FileSync sync) {
  // Exclusive first: the log's index then stays in this process's memory, and a second process is refused.
  RETURN_IF_ERROR(database.Execute("PRAGMA locking_mode = EXCLUSIVE"));
  ASSIGN_OR_RETURN(const std::string mode, database.QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return MakeError(Code::kUnavailable, "the file system of the data folder does not support the database's log");
  }
  RETURN_IF_ERROR(
      database.Execute(sync == FileSync::kDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF"));
  return database.Execute("PRAGMA journal_size_limit = 16777216");
}

Status CreateOrVerify(SqliteDatabase& database) {
  ASSIGN_OR_RETURN(const std::int64_t version, database.QueryInt("PRAGMA user_version"));
  ASSIGN_OR_RETURN(const std::int64_t application, database.QueryInt("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const std::int64_t tables, database.QueryInt("SELECT count(*) FROM sqlite_schema"));
  if (version == 0 && application == 0 && tables == 0) {
    return database.Execute(
        fmt::format("BEGIN IMMEDIATE; {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT", kSchema,
                    kApplicationId, SqliteDocuments::kFormatVersion));
  }
  if (application != kApplicationId) {
    return MakeError(Code::kFailedPrecondition, "mlnode.db in the data folder belongs to another program");
  }
  if (version > SqliteDocuments::kFormatVersion) {
    return MakeError(
        Code::kFailedPrecondition,
        fmt::format("mlnode.db has format {}, this program knows formats up to {}: start the newer mlnode that "
                    "wrote it, or restore a backup",
                    version, SqliteDocuments::kFormatVersion));
  }
  if (version < SqliteDocuments::kFormatVersion) return Damaged(fmt::format("format version {}", version));
  ASSIGN_OR_RETURN(const std::string check, database.QueryText("PRAGMA quick_check(1)"));
  if (check != "ok") return Damaged(check);
  return {};
}

Result<Collection> CollectionNamed(std::string_view name) {
  for (int i = 0; i < kCollectionCount; ++i) {
    const auto collection = static_cast<Collection>(i);
    if (TraitsOf(collection).name == name) return collection;
  }
  return Damaged(fmt::format("unknown collection {}", name));
}

Result<Record> ReadRow(const SqliteStatement& row) {
  ASSIGN_OR_RETURN(const Collection collection, CollectionNamed(row.Text(0)));
  Document document{.key = {collection, std::string(row.Text(1))}, .body = {}};
  document.revision = static_cast<std::uint64_t>(row.Int(2));
  document.version = static_cast<std::uint64_t>(row.Int(3));
  Record record;
  record.nonce = static_cast<std::uint64_t>(row.Int(4));
  record.removed = row.IsNull(5);
  if (!record.removed) {
    Result<json::object> body = ParseJsonObject(row.Text(5));
    if (!body) return Damaged(fmt::format("{}: {}", KeyText(document.key), body.error().message));
    document.body = std::move(body).value();
  }
  record.document = std::make_shared<const Document>(std::move(document));
  return record;
}

}  // namespace

struct SqliteDocuments::Statements {
  SqliteStatement begin, commit, rollback, put, trim, reserve;
};

SqliteDocuments::SqliteDocuments(SqliteDatabase database, std::int64_t reserved)
    : database_(std::move(database)), reserved_(static_cast<std::uint64_t>(reserved)) {}

SqliteDocuments::~SqliteDocuments() = default;

Result<std::unique_ptr<SqliteDocuments>> SqliteDocuments::Open(const SqliteFile& file) {
  RETURN_IF_ERROR(CreatePrivately(file.path));
  ASSIGN_OR_RETURN(SqliteDatabase database, SqliteDatabase::Open(file.path, file.vfs));
  if (Status status = Configure(database, file.sync); !status) return Explain(std::move(status).error());
  if (Status status = CreateOrVerify(database); !status) return Explain(std::move(status).error());
  // Also after a failed sync: the system may show bytes that the disk never got, so they are written and synced once
  // more.
  if (auto moved = database.QueryInt("PRAGMA wal_checkpoint(TRUNCATE)"); !moved) {
    return Explain(std::move(moved).error());
  }
  auto reserved = database.QueryInt("SELECT revision FROM reservation");
  if (!reserved) return Explain(std::move(reserved).error());

  std::unique_ptr<SqliteDocuments> documents(new SqliteDocuments(std::move(database), *reserved));
  SqliteDatabase& opened = documents->database_;
  ASSIGN_OR_RETURN(SqliteStatement begin, opened.Prepare("BEGIN IMMEDIATE"));
  ASSIGN_OR_RETURN(SqliteStatement commit, opened.Prepare("COMMIT"));
  ASSIGN_OR_RETURN(SqliteStatement rollback, opened.Prepare("ROLLBACK"));
  ASSIGN_OR_RETURN(SqliteStatement put,
                   opened.Prepare("INSERT OR REPLACE INTO document VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  ASSIGN_OR_RETURN(SqliteStatement trim,
                   opened.Prepare(fmt::format(
                       "DELETE FROM document WHERE body IS NULL AND revision <= (SELECT revision FROM document "
                       "WHERE body IS NULL ORDER BY revision DESC LIMIT 1 OFFSET {})",
                       Replica::kRemovalsKept)));
  ASSIGN_OR_RETURN(SqliteStatement reserve, opened.Prepare("UPDATE reservation SET revision = ?1"));
  documents->statements_ = std::make_unique<Statements>(Statements{
      std::move(begin), std::move(commit), std::move(rollback), std::move(put), std::move(trim), std::move(reserve)});
  return documents;
}

Result<std::vector<Record>> SqliteDocuments::Load() {
  std::vector<Record> records;
  ASSIGN_OR_RETURN(SqliteStatement rows,
                   database_.Prepare("SELECT collection, id, revision, version, nonce, body FROM document"));
  while (true) {
    Result<bool> row = rows.Step();
    if (!row) return Explain(std::move(row).error());
    if (!*row) return records;
    ASSIGN_OR_RETURN(Record record, ReadRow(rows));
    records.push_back(std::move(record));
  }
}

Status SqliteDocuments::PutRow(const Row& row) {
  SqliteStatement& put = statements_->put;
  put.Bind(1, TraitsOf(row.key.collection).name);
  put.Bind(2, row.key.id);
  put.Bind(3, static_cast<std::int64_t>(row.written.revision));
  put.Bind(4, static_cast<std::int64_t>(row.written.version));
  put.Bind(5, static_cast<std::int64_t>(row.nonce));
  if (row.body != nullptr) {
    put.Bind(6, *row.body);
  } else {
    put.BindNull(6);
  }
  RETURN_IF_ERROR(put.Run());
  if (row.body == nullptr) return statements_->trim.Run();
  return {};
}

Status SqliteDocuments::PutReservation(std::uint64_t reserve) {
  statements_->reserve.Bind(1, static_cast<std::int64_t>(reserve));
  return statements_->reserve.Run();
}

std::optional<SqliteDocuments::Failure> SqliteDocuments::Put(const Row* row, std::uint64_t reserve) {
  if (Status begun = statements_->begin.Run(); !begun) return Failure{std::move(begun).error()};
  Status status;
  if (row != nullptr) status = PutRow(*row);
  if (status && reserve > reserved_) status = PutReservation(reserve);
  if (!status) {
    if (database_.InTransaction()) {
      // A rollback that fails leaves the transaction open: only closing the connection ends it.
      if (Status undone = statements_->rollback.Run(); !undone) return Failure{std::move(status).error(), true};
    }
    return Failure{std::move(status).error()};
  }
  if (Status committed = statements_->commit.Run(); !committed) return Failure{std::move(committed).error(), true};
  reserved_ = std::max(reserved_, reserve);
  return std::nullopt;
}

}  // namespace mlnode::storage
