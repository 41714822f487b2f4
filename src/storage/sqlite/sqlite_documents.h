// storage/sqlite/sqlite_documents.h: the documents' file: format, loading, one write a transaction
// (docs/formats/storage.md). Not thread-safe: the store serialises. Every call blocks; Put waits for the disk.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/result.h"
#include "storage/replica.h"
#include "storage/sqlite/sqlite_database.h"

namespace mlnode::storage {

struct SqliteFile {
  std::string path;
  std::string vfs;  // SQLite's file layer; empty = the system's
  FileSync sync = FileSync::kDurable;
};

class SqliteDocuments {
 public:
  static constexpr std::int64_t kFormatVersion = 1;

  ~SqliteDocuments();

  // Creates, or opens and verifies; what a crash left in the log is moved into the file and synced, so that whatever is
  // read from here on survives. kFailedPrecondition: newer format, another program's file, or another process has it
  // open; kDataLoss: damaged, saying what to do; kResourceExhausted, kUnavailable.
  static Result<std::unique_ptr<SqliteDocuments>> Open(const SqliteFile& file);

  // Every key's newest write, removals included. kDataLoss naming the document that cannot be read.
  Result<std::vector<Record>> Load();
  // Revisions up to this one may have been given out before; no later one was.
  std::uint64_t reserved() const { return reserved_; }

  struct Row {
    Key key;
    Written written;
    std::uint64_t nonce = 0;
    const std::string* body = nullptr;  // nullptr: removed
  };
  struct Failure {
    Error error;
    bool at_commit = false;  // it may have been written; this object must not be used any more
  };
  // One transaction: the row, if any, and the reservation up to `reserve`, if beyond reserved(). nullopt: durable.
  std::optional<Failure> Put(const Row* row, std::uint64_t reserve);

 private:
  struct Statements;
  SqliteDocuments(SqliteDatabase database, std::int64_t reserved);
  Status PutRow(const Row& row);
  Status PutReservation(std::uint64_t reserve);

  SqliteDatabase database_;
  std::uint64_t reserved_;
  std::unique_ptr<Statements> statements_;  // finalized before the database closes
};

}  // namespace mlnode::storage
