// storage/transfer.h: copies what a store holds durably into another: a node's folder into a cluster, a cluster into a
// folder (backup) and back (restore).
//
// Saga: meta/transfer of the target says "claimed" → whether anything is in the way is looked at → "running" → parts,
// and whether all that the documents stand on are among them → documents → what the source has no more is removed → all
// is read back and compared → meta/transfer says "complete". A crash or an error leaves it at one of the first two:
// nodes refuse such a store (CheckTransferred), and the same transfer, run again, goes on from what is there. Who is
// refused after the claim puts back what meta/transfer said before. Leases and placements, which speak of processes,
// and meta, which speaks of the store, are not copied. Revisions and versions begin anew in the target. Threads: none
// of its own; blocks on both stores. Memory: all documents, and two parts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/id.h"
#include "storage/store.h"

namespace mlnode::storage {

struct TransferProgress {
  std::uint64_t parts = 0, parts_total = 0;
  std::uint64_t documents = 0, documents_total = 0;
  std::uint64_t bytes = 0;  // of parts, compared or copied
};

// What a document is worth nothing without.
struct NeededParts {
  UploadId upload;
  std::vector<std::uint32_t> numbers = {};  // empty: none
};

struct TransferOptions {
  // Who the source is (its cluster's uuid): a target that holds another one's data is refused.
  std::string source_id;
  // Also when the target was written to since this source was copied there: that is undone.
  bool overwrite = false;
  // Does nobody else use the target. Asked before anything is written, and again after the claim, for whoever began in
  // between; whoever begins later looks at the claim after it made itself seen (CheckTransferred). An error refuses.
  std::function<Status()> alone = [] { return Status(); };
  // Asked about each document of the source: whoever writes parts knows which documents stand on them.
  std::function<NeededParts(const Document&)> needs = [](const Document&) { return NeededParts(); };
  // Called after each part and each hundred documents.
  std::function<void(const TransferProgress&)> progress = [](const TransferProgress&) {};
};

struct TransferReport {
  std::uint64_t documents_copied = 0, documents_same = 0, documents_removed = 0;
  std::uint64_t parts_copied = 0, parts_same = 0, uploads_removed = 0;
};

// Nobody else may write to `to` meanwhile; of `from` the documents of one moment are copied, after all that was written
// before the call. Others may go on writing there: kUnavailable when a document went or changed whose parts went with
// it; run again, it copies what is there by then. kDataLoss: a document of the source has lost parts that it stands on
// (named), a part of the source is damaged, or the target did not keep what was written. kFailedPrecondition: `to`
// holds documents that this source did not put there, or those that it put there were changed or removed since (see
// `overwrite`), or a running transfer of another source; what `alone` says. Errors of the stores.
Result<TransferReport> Transfer(const Store& from, Store& to, RandomSource& random, const TransferOptions& options);

// kFailedPrecondition while a transfer into this store has begun and not ended. From the authority: blocks.
Status CheckTransferred(const Store& store);

}  // namespace mlnode::storage
