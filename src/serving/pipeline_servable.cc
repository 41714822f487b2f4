#include "serving/pipeline_servable.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "serving/exception_barrier.h"
#include "serving/pipelines/text_encoding.h"

namespace mlnode::serving {
namespace {

// Documents that are printed on the lane that computed the last of them: some 100 microseconds.
constexpr std::size_t kPrintHereDocuments = 16;

// One prediction on its way. Kept alive by whoever runs its next step.
struct Prediction {
  std::shared_ptr<Servable> self;
  PredictRequest request;
  PredictDone done;
  SteadyTime began;
  std::size_t documents = 0;
  PredictResult result;
  std::shared_ptr<AnswerSink> sink;

  // Only the first counts: a step that throws may have handed the prediction on before.
  void Answer(Result<PredictResult> answer) {
    if (!answered.exchange(true)) done(std::move(answer));
  }
  std::atomic<bool> answered{false};
};
using PredictionPtr = std::shared_ptr<Prediction>;

class PipelineServable final : public Servable {
 public:
  PipelineServable(std::shared_ptr<ServedModel> model, LoadSpec spec, PredictEnvironment environment)
      : model_(std::move(model)), spec_(std::move(spec)), environment_(environment) {}

  const LoadSpec& spec() const override { return spec_; }
  const ServableInfo& info() const override { return model_->info; }
  void Predict(PredictRequest request, std::shared_ptr<Servable> self, PredictDone done) override;

 private:
  Status Check(const PredictRequest& request) const;
  Status StillWanted(const PredictRequest& request) const;
  void Tokenize(const PredictionPtr& prediction) const;
  // The texts are tokens: hands them on to the lanes, or answers when nothing is to be computed.
  void Encoded(const PredictionPtr& prediction, Result<Encoding> encoding) const;
  Status Submit(const PredictionPtr& prediction, Encoding encoding) const;
  BatchJob MakeJob(const PredictionPtr& prediction, TokenBatch batch) const;
  void Computed(const PredictionPtr& prediction, const Result<BatchOutcome>& outcome) const;
  static void Finish(const PredictionPtr& prediction);

  const std::shared_ptr<ServedModel> model_;
  const LoadSpec spec_;
  const PredictEnvironment environment_;
};

Status PipelineServable::StillWanted(const PredictRequest& request) const {
  if (model_->withdrawn->load()) return MakeError(Code::kUnavailable, std::string(kModelWithdrawn));
  if (request.cancelled && request.cancelled->load()) {
    return MakeError(Code::kCancelled, "The prediction was cancelled.");
  }
  if (request.deadline.Expired(environment_.clock)) {
    return MakeError(Code::kDeadlineExceeded, "The prediction's time ran out before it was computed.");
  }
  return {};
}

Status PipelineServable::Check(const PredictRequest& request) const {
  if (request.texts.empty()) return MakeError(Code::kInvalidArgument, "Empty text docs");
  if (request.texts.size() > kMaxTexts) {
    return MakeError(Code::kTooLarge, fmt::format("The request has {} texts; the limit is {}. Send fewer texts.",
                                                  request.texts.size(), kMaxTexts));
  }
  RETURN_IF_ERROR(model_->pipeline->Check(request));
  if (!model_->engine) return {};
  return environment_.queue.CheckWait(*model_->engine, *request.urgency, request.deadline);
}

void PipelineServable::Predict(PredictRequest request, std::shared_ptr<Servable> self, PredictDone done) {
  request.urgency = UrgencyOf(request.urgency, request.texts.size());
  if (Status fits = Check(request); !fits) return done(std::move(fits).error());
  model_->last_used.store(environment_.clock.Now(), std::memory_order_relaxed);
  auto prediction = std::make_shared<Prediction>();
  prediction->self = std::move(self);
  prediction->request = std::move(request);
  prediction->done = std::move(done);
  prediction->began = environment_.clock.Now();
  Tokenize(prediction);
}

void PipelineServable::Tokenize(const PredictionPtr& prediction) const {
  TextEncoding work{.pipeline = *model_->pipeline,
                    .request = prediction->request,
                    .wanted = [this, &request = prediction->request] { return StillWanted(request); },
                    .fits = [this](std::size_t tokens) { return environment_.queue.CheckFits(tokens); }};
  if (!IsLarge(prediction->request)) {
    return Encoded(prediction, StopExceptions("The prediction", [&] { return EncodeHere(work); }));
  }
  EncodeInParallel(std::move(work), environment_.cpu, environment_.tokenizers,
                   [this, prediction](Result<Encoding> encoding) { Encoded(prediction, std::move(encoding)); });
}

void PipelineServable::Encoded(const PredictionPtr& prediction, Result<Encoding> encoding) const {
  if (!encoding) return prediction->Answer(std::move(encoding).error());
  prediction->result.times.tokenize = environment_.clock.Now() - prediction->began;
  Status submitted = StopExceptions("The prediction", [&] { return Submit(prediction, *std::move(encoding)); });
  if (!submitted) prediction->Answer(std::move(submitted).error());
}

BatchJob PipelineServable::MakeJob(const PredictionPtr& prediction, TokenBatch batch) const {
  const PredictRequest& request = prediction->request;
  return {.model = {model_, model_->engine.get()},
          .name = spec_.model.str(),
          .batch = std::move(batch),
          .wanted = model_->pipeline->Wanted(request),
          .consume = [sink = prediction->sink](
                         std::size_t i, const std::vector<TensorView>& outputs) { return sink->Take(i, outputs); },
          .urgency = *request.urgency,
          .one_by_one = !model_->info.batched,
          .deadline = request.deadline,
          .cancelled = request.cancelled,
          .withdrawn = model_->withdrawn};
}

Status PipelineServable::Submit(const PredictionPtr& prediction, Encoding encoding) const {
  prediction->result.tokens = encoding.stats.tokens;
  prediction->result.truncated = encoding.stats.truncated;
  prediction->sink = model_->pipeline->MakeSink(prediction->request, encoding);
  prediction->documents = prediction->request.texts.size();
  prediction->request.texts = {};
  prediction->request.owner.reset();  // the texts are not read any more
  BatchJob job = MakeJob(prediction, std::move(encoding.batch));
  if (job.wanted.empty() || job.batch.sequences() == 0) {
    Computed(prediction, BatchOutcome());
    return {};
  }
  environment_.queue.Submit(std::move(job),
                            [this, prediction](const Result<BatchOutcome>& outcome) { Computed(prediction, outcome); });
  return {};
}

void PipelineServable::Computed(const PredictionPtr& prediction, const Result<BatchOutcome>& outcome) const {
  model_->last_used.store(environment_.clock.Now(), std::memory_order_relaxed);
  if (!outcome) return prediction->Answer(outcome.error());
  prediction->result.times.queue = outcome->queue;
  prediction->result.times.engine = outcome->engine;
  const bool elsewhere = prediction->sink->prints() && prediction->documents > kPrintHereDocuments;
  if (elsewhere && environment_.cpu.Post([prediction] { Finish(prediction); })) return;
  Finish(prediction);
}

void PipelineServable::Finish(const PredictionPtr& prediction) {
  prediction->Answer(StopExceptions("The prediction", [&]() -> Result<PredictResult> {
    prediction->result.documents = prediction->sink->Finish();
    return std::move(prediction->result);
  }));
}

}  // namespace

std::shared_ptr<Servable> MakePipelineServable(std::shared_ptr<ServedModel> model, LoadSpec spec,
                                               PredictEnvironment environment) {
  return std::make_shared<PipelineServable>(std::move(model), std::move(spec), environment);
}

}  // namespace mlnode::serving
