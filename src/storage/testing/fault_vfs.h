// storage/testing/fault_vfs.h: SQLite's file layer with failures on demand: what a full disk or a failed fsync does to
// it. One per process, registered under kName; the real layer is under it. Threads: any.
#pragma once

#include <climits>

namespace mlnode::storage::testing {

class FaultVfs {
 public:
  static constexpr const char* kName = "mlnode-fault";
  // Registers the layer once and clears all faults.
  static void Reset();
  static constexpr int kForever = INT_MAX;
  // After `skip` calls that succeed, the next `count` writes (syncs) fail as a full disk (an I/O error) does.
  static void FailWrites(int skip, int count = kForever);
  static void FailSyncs(int skip, int count);
  // Every later open of a file fails until Reset.
  static void FailOpens();
};

}  // namespace mlnode::storage::testing
