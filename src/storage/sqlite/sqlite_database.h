// storage/sqlite/sqlite_database.h: one connection of SQLite and its prepared statements, as values that close
// themselves. Not thread-safe: the owner serialises. Calls block on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mlnode::storage {

// SQLite's result code as an Error: kResourceExhausted (disk full), kDataLoss (damaged, or no database),
// kFailedPrecondition (in use by another process), kUnavailable (I/O), kTooLarge, else kInternal. `step` begins the
// message; vendor text is detail.
Error SqliteError(int result, std::string_view step, std::string_view detail);

class SqliteStatement {
 public:
  // Parameters count from 1, columns from 0. Bound text must live until the next Reset.
  void Bind(int parameter, std::int64_t value);
  void Bind(int parameter, std::string_view text);
  void BindNull(int parameter);
  // True: a row can be read. False: done.
  Result<bool> Step();
  // Runs a statement without rows, then Reset: ready for the next use whether it failed or not.
  Status Run();
  void Reset();
  std::int64_t Int(int column) const;
  std::string_view Text(int column) const;  // until the next Step or Reset
  bool IsNull(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}
  Error LastError() const;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class SqliteDatabase {
 public:
  // Creates the file when absent. `vfs` names SQLite's file layer, empty = the system's.
  static Result<SqliteDatabase> Open(const std::string& path, const std::string& vfs);
  Status Execute(const std::string& sql);
  Result<SqliteStatement> Prepare(std::string_view sql);
  // First column of the first row, 0 when there is none.
  Result<std::int64_t> QueryInt(std::string_view sql);
  Result<std::string> QueryText(std::string_view sql);
  bool InTransaction() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace mlnode::storage
