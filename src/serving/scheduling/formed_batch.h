// serving/scheduling/formed_batch.h: one engine call: sequences of one model, of one job or several. Owned by the lane
// that computes it.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "serving/scheduling/queued_job.h"

namespace mlnode::serving {

// Why a batch holds no more: what one asks when batches are small.
enum class BatchClosed : std::uint8_t {
  kQueueEmpty,   // everything that waited for the model is in
  kBudget,       // Options::max_batch_tokens
  kTime,         // Options::max_batch_time, and another model is in use
  kBulkCut,      // bulk work, and interactive work was seen: Options::bulk_batch_time
  kSpread,       // the rest is for other idle lanes
  kOneByOne,     // the model's answers change in company
  kApart,        // a batch that the job shared failed
  kOtherWanted,  // what else waits wants other outputs or has other inputs
};
inline constexpr std::array<std::string_view, 8> kBatchClosedNames = {
    "queue_empty", "budget", "time", "bulk_cut", "spread", "one_by_one", "apart", "other_wanted"};

struct BatchPart {
  JobPtr job;
  std::vector<std::uint32_t> sequences;  // of the job's batch
};

struct FormedBatch {
  std::shared_ptr<ModelQueue> queue;
  std::vector<BatchPart> parts;  // at least one, of different jobs, none empty
  BatchLoad load;
  Urgency urgency = Urgency::kInteractive;
  BatchClosed closed = BatchClosed::kQueueEmpty;
  double micros = 0;  // estimated
  SteadyTime begun;
  std::uint64_t number = 0;  // of the batches ever begun
};

}  // namespace mlnode::serving
