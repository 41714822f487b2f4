#include "serving/scheduling/batch_run.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "serving/exception_barrier.h"
#include "serving/scheduling/batch_former.h"

namespace mlnode::serving {
namespace {

// The sequences of all parts, in that order.
TokenBatch Gather(const FormedBatch& batch) {
  TokenBatch gathered;
  gathered.ids.reserve(batch.load.tokens);
  gathered.offsets.reserve(batch.load.sequences + 1);
  for (const BatchPart& part : batch.parts) AppendSequences(part.job->work.batch, part.sequences, gathered);
  return gathered;
}

Status CheckAnswer(const engines::BatchResult& result, std::size_t sequences, std::size_t outputs) {
  if (result.per_sequence.size() != sequences) {
    return MakeError(Code::kInternal,
                     fmt::format("The engine answered {} of {} sequences.", result.per_sequence.size(), sequences));
  }
  for (const auto& views : result.per_sequence) {
    if (views.size() == outputs) continue;
    return MakeError(Code::kInternal, fmt::format("The engine answered {} of {} outputs.", views.size(), outputs));
  }
  return {};
}

Result<engines::BatchResult> Compute(const FormedBatch& batch, const Clock& clock, Duration& took) {
  const BatchJob& first = batch.parts.front().job->work;
  const bool whole = batch.parts.size() == 1 && first.batch.sequences() == 1;
  const TokenBatch gathered = whole ? TokenBatch{} : Gather(batch);
  const SteadyTime begin = clock.Now();
  auto result = first.model->Run(whole ? first.batch : gathered, first.wanted);
  took = clock.Now() - begin;
  if (result) RETURN_IF_ERROR(CheckAnswer(*result, batch.load.sequences, first.wanted.size()));
  return result;
}

// `answers` are those of the part's sequences; they are freed.
Status Consume(const BatchPart& part, std::span<std::vector<TensorView>> answers) {
  const QueuedJob& job = *part.job;
  for (std::size_t i = 0; i < part.sequences.size(); ++i) {
    if (job.answered.load(std::memory_order_relaxed)) return {};
    RETURN_IF_ERROR(job.work.consume(part.sequences[i], answers[i]));
    answers[i] = {};
  }
  return {};
}

}  // namespace

BatchRun RunBatch(const FormedBatch& batch, const Clock& clock) {
  BatchRun run;
  auto result = StopExceptions("The prediction", [&] { return Compute(batch, clock, run.took); });
  if (!result) {
    run.engine = std::move(result).error();
    return run;
  }
  std::span<std::vector<TensorView>> answers(result->per_sequence);
  for (const BatchPart& part : batch.parts) {
    const auto own = answers.first(part.sequences.size());
    answers = answers.subspan(part.sequences.size());
    run.consumed.push_back(StopExceptions("The prediction", [&] { return Consume(part, own); }));
  }
  return run;
}

}  // namespace mlnode::serving
