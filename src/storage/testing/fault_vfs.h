// storage/testing/fault_vfs.h: SQLite's file layer with failures on demand: what a full disk or a failed fsync does to
// it. One per process, registered under kName; the real layer is under it. Threads: any.
#pragma once

namespace mlnode::storage::testing {

class FaultVfs {
 public:
  static constexpr const char* kName = "mlnode-fault";
  // Registers the layer once and clears all faults.
  static void Reset();
  // After `skip` more calls that succeed, every write (sync) fails until Reset. kAfter: a sync is done, then reported
  // failed.
  static void FailWrites(int skip);
  static void FailSyncs(int skip, int count);
  // Every later open of a file fails until Reset.
  static void FailOpens();
};

}  // namespace mlnode::storage::testing
