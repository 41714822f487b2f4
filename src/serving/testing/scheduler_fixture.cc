#include "serving/testing/scheduler_fixture.h"

#include <utility>

namespace mlnode::serving::testing {

Result<engines::BatchResult> StubModel::Run(const TokenBatch& batch, const std::vector<int>& wanted) {
  batches.push_back(batch);
  const Duration took = per_call + per_token * static_cast<std::int64_t>(batch.tokens());
  clock_.Advance(took);
  busy += took;
  if (during_run) during_run();
  if (error) return *error;
  engines::BatchResult result;
  for (std::size_t i = 0; i < batch.sequences() - missing_sequences; ++i) {
    const std::int64_t first = batch.Ids(i)[0];
    if (poison.contains(first)) return MakeError(Code::kInternal, "poisonous");
    std::vector<TensorView>& views = result.per_sequence.emplace_back();
    for (const int output : wanted) {
      views.push_back(MakeFloatTensor({static_cast<float>(first), static_cast<float>(output)}, {2}));
    }
  }
  return result;
}

std::vector<std::vector<std::size_t>> StubModel::Lengths() const {
  std::vector<std::vector<std::size_t>> all;
  for (const TokenBatch& batch : batches) {
    std::vector<std::size_t>& lengths = all.emplace_back();
    for (std::size_t i = 0; i < batch.sequences(); ++i) lengths.push_back(batch.Length(i));
  }
  return all;
}

TestJobPtr SchedulerFixture::Submit(JobSpec spec) {
  auto job = std::make_shared<TestJob>();
  BatchJob work;
  work.model = spec.model ? spec.model : model_;
  work.name = spec.name;
  work.wanted = spec.wanted;
  work.one_by_one = spec.one_by_one;
  work.urgency = spec.urgency;
  work.deadline = spec.deadline;
  work.cancelled = job->cancelled;
  work.withdrawn = spec.withdrawn;
  for (const std::size_t length : spec.lengths) {
    work.batch.ids.insert(work.batch.ids.end(), length, spec.first_id++);
    work.batch.offsets.push_back(work.batch.ids.size());
  }
  work.consume = [job, wanted = spec.wanted](std::size_t i, const std::vector<TensorView>& outputs) -> Status {
    EXPECT_EQ(outputs.size(), wanted.size());
    for (std::size_t o = 0; o < wanted.size(); ++o) {
      EXPECT_EQ(outputs[o].Floats()[1], static_cast<float>(wanted[o])) << "another job's output";
    }
    const float first = outputs[0].Floats()[0];
    if (first == kPoison) return MakeError(Code::kInternal, "poison");
    EXPECT_TRUE(job->consumed.emplace(i, first).second) << "consumed twice";
    return {};
  };
  queue_->Submit(std::move(work), [job, this](Result<BatchOutcome> outcome) {
    job->answer = std::move(outcome);
    job->answered_at = clock_.Now();
    ++job->answers;
  });
  return job;
}

std::shared_ptr<StubModel> SchedulerFixture::MakeModel(Duration per_token, Duration per_call) {
  auto model = std::make_shared<StubModel>(clock_);
  model->per_token = per_token;
  model->per_call = per_call;
  return model;
}

void SchedulerFixture::Learn(const std::shared_ptr<StubModel>& model, int batches) {
  for (int i = 0; i < batches; ++i) {
    Submit({.lengths = std::vector<std::size_t>(10, 10), .urgency = Urgency::kBulk, .model = model});
    lanes_.RunUntilIdle();
  }
  model->batches.clear();
  model->busy = {};
}

void SchedulerFixture::RunBatches(std::size_t n) {
  const std::uint64_t goal = queue_->Use().begun + n;
  while (queue_->Use().begun < goal && lanes_.RunOne()) {
  }
}

}  // namespace mlnode::serving::testing
