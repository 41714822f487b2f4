#include "storage/testing/fault_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <climits>
#include <mutex>

namespace mlnode::storage::testing {
namespace {

// Calls that still succeed, then calls that fail.
struct Countdown {
  std::atomic<int> skip{INT_MAX};
  std::atomic<int> fail{0};
  void Set(int skipped, int failed) {
    fail = failed;
    skip = skipped;
  }
  bool Fails() {
    if (skip == INT_MAX) return false;
    if (skip > 0) {
      --skip;
      return false;
    }
    if (fail == 0) return false;
    if (fail != INT_MAX) --fail;
    return true;
  }
};

Countdown writes;
Countdown syncs;
std::atomic<bool> opens_fail{false};

// SQLite allocates szOsFile bytes: this, and behind it the real file.
struct File {
  sqlite3_file base;
};
sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1); }
sqlite3_vfs* RealVfs(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

int Close(sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); }
int Read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) { return Real(f)->pMethods->xRead(Real(f), to, n, at); }
int WriteAt(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  if (writes.Fails()) return SQLITE_FULL;
  return Real(f)->pMethods->xWrite(Real(f), from, n, at);
}
int Truncate(sqlite3_file* f, sqlite3_int64 size) { return Real(f)->pMethods->xTruncate(Real(f), size); }
int Sync(sqlite3_file* f, int flags) {
  if (syncs.Fails()) return SQLITE_IOERR_FSYNC;
  return Real(f)->pMethods->xSync(Real(f), flags);
}
int FileSize(sqlite3_file* f, sqlite3_int64* size) { return Real(f)->pMethods->xFileSize(Real(f), size); }
int Lock(sqlite3_file* f, int level) { return Real(f)->pMethods->xLock(Real(f), level); }
int Unlock(sqlite3_file* f, int level) { return Real(f)->pMethods->xUnlock(Real(f), level); }
int CheckLock(sqlite3_file* f, int* out) { return Real(f)->pMethods->xCheckReservedLock(Real(f), out); }
int Control(sqlite3_file* f, int op, void* arg) { return Real(f)->pMethods->xFileControl(Real(f), op, arg); }
int SectorSize(sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); }
int Device(sqlite3_file* f) { return Real(f)->pMethods->xDeviceCharacteristics(Real(f)); }

// Version 1: no shared memory, which the exclusive lock makes unnecessary.
constexpr sqlite3_io_methods kMethods = {1,       Close,   Read,      WriteAt, Truncate,   Sync,   FileSize,
                                         Lock,    Unlock,  CheckLock, Control, SectorSize, Device, nullptr,
                                         nullptr, nullptr, nullptr,   nullptr, nullptr};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* f, int flags, int* out) {
  f->pMethods = nullptr;
  if (opens_fail) return SQLITE_CANTOPEN;
  const int result = RealVfs(vfs)->xOpen(RealVfs(vfs), name, Real(f), flags, out);
  if (result == SQLITE_OK) f->pMethods = &kMethods;
  return result;
}

void Register() {
  static sqlite3_vfs layer;
  sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
  layer = *real;  // what is not about an open file goes straight to the real layer
  layer.pNext = nullptr;
  layer.zName = FaultVfs::kName;
  layer.pAppData = real;
  layer.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
  layer.xOpen = Open;
  sqlite3_vfs_register(&layer, /*makeDflt=*/0);
}

}  // namespace

void FaultVfs::Reset() {
  static std::once_flag registered;
  std::call_once(registered, Register);
  writes.Set(INT_MAX, 0);
  syncs.Set(INT_MAX, 0);
  opens_fail = false;
}

void FaultVfs::FailWrites(int skip, int count) { writes.Set(skip, count); }

void FaultVfs::FailSyncs(int skip, int count) { syncs.Set(skip, count); }

void FaultVfs::FailOpens() { opens_fail = true; }

}  // namespace mlnode::storage::testing
