// serving/testing/scheduler_fixture.h: a scheduler on virtual time, models whose answers name what was asked and whose
// time is known, and jobs that note what becomes of them.
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/testing/manual_executor.h"
#include "serving/scheduler.h"

namespace mlnode::serving::testing {

// Answers each wanted output of each sequence with [first id, output]. A run takes `per_call` and, for each token,
// `per_token` of the clock. Threads: one.
class StubModel final : public engines::LoadedModel {
 public:
  explicit StubModel(mlnode::testing::ManualClock& clock) : clock_(clock) {}
  const std::vector<engines::Port>& inputs() const override { return ports_; }
  const std::vector<engines::Port>& outputs() const override { return ports_; }
  std::string engine() const override { return "stub"; }
  engines::Precision precision() const override { return engines::Precision::kF32; }
  Result<engines::BatchResult> Run(const TokenBatch& batch, const std::vector<int>& wanted) override;

  // The lengths of each batch so far, in the order given to the engine.
  std::vector<std::vector<std::size_t>> Lengths() const;
  Duration busy{};  // in all runs
  std::vector<TokenBatch> batches;
  Duration per_call{};
  Duration per_token{};
  std::function<void()> during_run;
  std::optional<Error> error;
  std::set<std::int64_t> poison;  // a batch with a sequence that begins with one of these fails
  std::size_t missing_sequences = 0;

 private:
  mlnode::testing::ManualClock& clock_;
  std::vector<engines::Port> ports_;
};

// What became of one job.
struct TestJob {
  std::optional<Result<BatchOutcome>> answer;
  int answers = 0;
  SteadyTime answered_at;
  std::map<std::size_t, float> consumed;  // by sequence: the first id that the engine saw
  CancelFlag cancelled = std::make_shared<std::atomic<bool>>(false);

  bool Failed(Code code) const { return answer && !*answer && answer->error().code == code; }
  bool Ok() const { return answer && answer->has_value(); }
};
using TestJobPtr = std::shared_ptr<TestJob>;

struct JobSpec {
  std::vector<std::size_t> lengths;
  std::int64_t first_id = 0;  // of the first sequence; the next has the next
  Deadline deadline = Deadline::Never();
  bool one_by_one = false;
  Urgency urgency = Urgency::kInteractive;
  std::vector<int> wanted = {0};
  std::shared_ptr<engines::LoadedModel> model = {};  // null: the fixture's
  CancelFlag withdrawn = {};
  std::string name = {};
};

class SchedulerFixture : public ::testing::Test {
 protected:
  static constexpr float kPoison = -1;  // the consumer fails on a sequence that begins with this

  void Open(Scheduler::Options options = {}) { queue_ = Scheduler::Create(options, lanes_, timers_, clock_, metrics_); }
  TestJobPtr Submit(JobSpec spec);
  TestJobPtr Submit(const std::vector<std::size_t>& lengths, std::int64_t first_id = 0) {
    return Submit(JobSpec{.lengths = lengths, .first_id = first_id});
  }
  std::shared_ptr<StubModel> MakeModel(Duration per_token, Duration per_call = {});
  // Runs the fixture's model alone until its cost is known: `batches` of ten sequences of ten tokens.
  void Learn(const std::shared_ptr<StubModel>& model, int batches = 1);
  // As many batches as lanes come to compute.
  void RunBatches(std::size_t n);
  double Refused(const char* reason) {
    return metrics_.GetCounter("mlnode_refused_total", "", {{"reason", reason}}).Value();
  }
  double Closed(const char* reason) {
    return metrics_.GetCounter("mlnode_batch_closed_total", "", {{"reason", reason}}).Value();
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor lanes_{clock_};
  mlnode::testing::ManualExecutor timers_{clock_};
  Metrics metrics_;
  std::shared_ptr<StubModel> model_ = std::make_shared<StubModel>(clock_);
  std::unique_ptr<Scheduler> queue_;
};

}  // namespace mlnode::serving::testing
