// deploy/loads/begun_record.h: begun/<node> as the node's process keeps it (plan.h): which loads are written down
// before they begin, so that the next process knows what ended this one. One document and one writer, however many
// models a node loads: no two nodes write the same key. Threads: one at a time; Read and Write use the store, which may
// block.
#pragma once

#include "deploy/plan.h"

namespace mlnode::deploy {

class BegunRecord {
 public:
  BegunRecord(storage::Store& store, RandomSource& random, const NodeId& node)
      : store_(store), random_(random), key_(BegunKey(node)) {}

  // What is stored; changes that were not written are dropped. A damaged document counts as none and is replaced.
  const BegunLoads& Read();
  void Begin(const ModelId& model, const BegunLoad& load) { next_[model] = load; }
  void Forget(const ModelId& model) { next_.erase(model); }
  bool Changed() const { return next_ != stored_; }
  // kConflict: somebody else wrote it since Read.
  Status Write();

 private:
  storage::Store& store_;
  RandomSource& random_;
  const storage::Key key_;
  BegunLoads stored_, next_;
  std::uint64_t revision_ = 0;  // 0: there is none
};

}  // namespace mlnode::deploy
