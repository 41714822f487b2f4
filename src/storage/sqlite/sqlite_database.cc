#include "storage/sqlite/sqlite_database.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace mlnode::storage {
namespace {

struct Meaning {
  Code code;
  std::string_view text;
};

Meaning MeaningOf(int result) {
  switch (result & 0xFF) {
    case SQLITE_FULL:
      return {Code::kResourceExhausted, "the disk is full"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::kDataLoss, "the file is damaged"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::kFailedPrecondition, "another process uses the file"};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {Code::kUnavailable, "the file cannot be read or written"};
    case SQLITE_TOOBIG:
      return {Code::kTooLarge, "the value is too big for the database"};
    default:
      return {Code::kInternal, "the database failed"};
  }
}

}  // namespace

Error SqliteError(int result, std::string_view step, std::string_view detail) {
  const Meaning meaning = MeaningOf(result);
  Error error = MakeError(meaning.code, fmt::format("{}: {}", step, meaning.text));
  error.detail = fmt::format("sqlite {}: {}", result, detail);
  return error;
}

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

// A failed bind shows as a failed step: SQLite keeps the parameter NULL only for out of memory or a wrong number, and
// every column bound here is NOT NULL or tested.
void SqliteStatement::Bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
}

void SqliteStatement::Bind(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void SqliteStatement::BindNull(int parameter) { sqlite3_bind_null(statement_.get(), parameter); }

Error SqliteStatement::LastError() const {
  sqlite3* database = sqlite3_db_handle(statement_.get());
  return SqliteError(sqlite3_extended_errcode(database), "database statement", sqlite3_errmsg(database));
}

Result<bool> SqliteStatement::Step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return LastError();
}

Status SqliteStatement::Run() {
  const Result<bool> stepped = Step();
  Reset();
  if (!stepped) return stepped.error();
  return {};
}

void SqliteStatement::Reset() {
  sqlite3_reset(statement_.get());  // repeats the error of the last step, which was reported
  sqlite3_clear_bindings(statement_.get());
}

std::int64_t SqliteStatement::Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view SqliteStatement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool SqliteStatement::IsNull(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

void SqliteDatabase::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Result<SqliteDatabase> SqliteDatabase::Open(const std::string& path, const std::string& vfs) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags, vfs.empty() ? nullptr : vfs.c_str());
  SqliteDatabase database(raw);
  if (result != SQLITE_OK) {
    const std::string_view detail = raw == nullptr ? "out of memory" : sqlite3_errmsg(raw);
    return SqliteError(result, "the database cannot be opened", detail);
  }
  return database;
}

Status SqliteDatabase::Execute(const std::string& sql) {
  const int result = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result == SQLITE_OK) return {};
  return SqliteError(result, "database statement", sqlite3_errmsg(database_.get()));
}

Result<SqliteStatement> SqliteDatabase::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return SqliteError(result, "database statement", sqlite3_errmsg(database_.get()));
  return SqliteStatement(statement);
}

Result<std::int64_t> SqliteDatabase::QueryInt(std::string_view sql) {
  ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Int(0) : 0;
}

Result<std::string> SqliteDatabase::QueryText(std::string_view sql) {
  ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? std::string(statement.Text(0)) : std::string();
}

bool SqliteDatabase::InTransaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

}  // namespace mlnode::storage
