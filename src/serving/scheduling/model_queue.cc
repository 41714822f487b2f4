#include "serving/scheduling/model_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mlnode::serving {
namespace {

constexpr std::size_t kWindow = 4;  // batches' worth of tokens among which like lengths are looked for
constexpr std::size_t kWindowJobs = 256;
constexpr std::size_t kWindowSequences = 1'024;

// Whether sequences of both may stand in one batch.
bool Mix(const QueuedJob& a, const QueuedJob& b) {
  if (a.apart || b.apart || a.work.one_by_one || b.work.one_by_one) return false;
  return a.work.wanted == b.work.wanted && SameFeatures(a.work.batch, b.work.batch);
}

BatchClosed ClosedAlone(const QueuedJob& job, BatchClosed otherwise) {
  if (job.work.one_by_one) return BatchClosed::kOneByOne;
  return job.apart ? BatchClosed::kApart : otherwise;
}

// Takes `sequences` out of the last `depth` of `waiting`, where they lie in that order from the end on.
void Erase(const std::vector<std::uint32_t>& sequences, std::size_t depth, std::vector<std::uint32_t>& waiting) {
  auto next = sequences.begin();
  const auto limit = waiting.rbegin() + static_cast<std::ptrdiff_t>(depth);
  const auto kept = std::remove_if(waiting.rbegin(), limit, [&](std::uint32_t sequence) {
    if (next == sequences.end() || *next != sequence) return false;
    ++next;
    return true;
  });
  waiting.erase(limit.base(), kept.base());
}

}  // namespace

// Candidates in order of age; those of one job lie together, from the end of its `waiting` on.
struct ModelQueue::Window {
  struct Candidate {
    std::size_t job = 0;
    std::uint32_t sequence = 0;
  };
  std::vector<JobPtr> jobs;
  std::vector<Candidate> candidates;
  std::vector<std::uint32_t> lengths;  // of the candidates
  std::vector<std::size_t> depths;     // candidates of each job
  std::size_t tokens = 0;
  bool whole = true;    // nothing that may come along lies beyond the window
  bool others = false;  // work waits that may not come along

  // As much of the job as there is room for.
  void Add(const JobPtr& job, std::size_t room) {
    for (auto at = job->waiting.rbegin(); at != job->waiting.rend(); ++at) {
      const bool full = tokens >= room || candidates.size() >= kWindowSequences;
      const bool alone = job->work.one_by_one && !candidates.empty();
      whole = !full && !alone;
      if (!whole) return;
      if (jobs.empty() || jobs.back() != job) {
        jobs.push_back(job);
        depths.push_back(0);
      }
      ++depths.back();
      candidates.push_back({.job = jobs.size() - 1, .sequence = *at});
      lengths.push_back(static_cast<std::uint32_t>(job->work.batch.Length(*at)));
      tokens += lengths.back();
    }
  }
};

void ModelQueue::Push(const JobPtr& job) {
  Kind& kind = Of(job->work.urgency);
  kind.load += job->load;
  if (job->work.one_by_one) kind.alone += job->load.sequences;
  auto at = kind.jobs.end();
  while (at != kind.jobs.begin() && (*std::prev(at))->number > job->number) --at;
  job->place = kind.jobs.insert(at, job);
  job->waits = true;
}

void ModelQueue::Subtract(QueuedJob& job, BatchLoad load) {
  Kind& kind = Of(job.work.urgency);
  job.load -= load;
  kind.load -= load;
  if (job.work.one_by_one) kind.alone -= load.sequences;
}

void ModelQueue::Remove(QueuedJob& job) {
  if (!job.waits) return;
  Subtract(job, job.load);
  job.waiting.clear();
  job.waits = false;
  Of(job.work.urgency).jobs.erase(job.place);
}

void ModelQueue::PutBack(const JobPtr& job, const std::vector<std::uint32_t>& sequences) {
  std::vector<std::uint32_t> waiting = job->waiting;
  BatchLoad load = job->load;
  Remove(*job);
  waiting.insert(waiting.end(), sequences.rbegin(), sequences.rend());
  for (const std::uint32_t sequence : sequences) load += BatchLoad::Of(job->work.batch.Length(sequence));
  job->waiting = std::move(waiting);
  job->load = load;
  Push(job);
}

double ModelQueue::BacklogMicros(Urgency urgency, std::size_t max_batch_tokens) const {
  const Kind& kind = Of(urgency);
  if (!cost.measured() || kind.load.sequences == 0) return 0;
  const std::size_t calls = kind.alone + (kind.load.tokens + max_batch_tokens - 1) / max_batch_tokens;
  return cost.Micros(kind.load, std::min(calls, kind.load.sequences));
}

ModelQueue::Window ModelQueue::Look(Urgency urgency, std::size_t tokens, SteadyTime now, std::vector<JobPtr>& dropped) {
  Window window;
  std::list<JobPtr>& all = jobs(urgency);
  std::size_t looked = 0;
  for (auto at = all.begin(); at != all.end() && window.whole;) {
    const JobPtr job = *at++;
    if (++looked > kWindowJobs) {
      window.whole = false;
    } else if (job->Pointless(now)) {
      Remove(*job);
      dropped.push_back(job);
    } else if (window.jobs.empty() || Mix(*window.jobs.front(), *job)) {
      window.Add(job, kWindow * tokens);
    } else {
      window.others = true;
    }
  }
  return window;
}

void ModelQueue::Take(const Window& window, const BatchChoice& choice, FormedBatch& batch) {
  std::size_t last = window.jobs.size();
  std::vector<BatchLoad> taken;
  std::vector<std::size_t> depths;
  for (const std::uint32_t index : choice.chosen) {
    const Window::Candidate& candidate = window.candidates[index];
    if (candidate.job != last) {
      batch.parts.push_back({.job = window.jobs[candidate.job], .sequences = {}});
      taken.emplace_back();
      depths.push_back(window.depths[candidate.job]);
      last = candidate.job;
    }
    batch.parts.back().sequences.push_back(candidate.sequence);
    taken.back() += BatchLoad::Of(window.lengths[index]);
  }
  for (std::size_t i = 0; i < batch.parts.size(); ++i) {
    const auto& [job, sequences] = batch.parts[i];
    Subtract(*job, taken[i]);
    Erase(sequences, depths[i], job->waiting);
    if (job->waiting.empty()) Remove(*job);
  }
  batch.load = choice.load;
}

void ModelQueue::Form(const BatchLimits& limits, SteadyTime now, FormedBatch& batch, std::vector<JobPtr>& dropped) {
  const Window window = Look(batch.urgency, limits.tokens, now, dropped);
  if (window.jobs.empty()) return;
  const BatchChoice choice = ChooseSequences(window.lengths, limits);
  const QueuedJob& first = *window.jobs.front();
  switch (choice.stop) {
    case BatchChoice::Stop::kTokens:
      batch.closed = ClosedAlone(first, BatchClosed::kBudget);
      break;
    case BatchChoice::Stop::kTime:
      batch.closed = ClosedAlone(first, BatchClosed::kTime);
      break;
    case BatchChoice::Stop::kNothingLeft:
      batch.closed = ClosedAlone(first, !window.whole   ? BatchClosed::kBudget
                                        : window.others ? BatchClosed::kOtherWanted
                                                        : BatchClosed::kQueueEmpty);
      break;
  }
  Take(window, choice, batch);
}

}  // namespace mlnode::serving
