#include "serving/monitoring/recorded_servable.h"

#include <utility>

namespace mlnode::serving {
namespace {

std::shared_ptr<Counter> ModelCounter(Metrics& metrics, const char* name, const char* help, const ModelId& model) {
  return metrics.OwnCounter(name, help, {{"model", model.str()}});
}

class RecordedServable final : public Servable {
 public:
  RecordedServable(std::shared_ptr<Servable> inner, const Recording& recording)
      : inner_(std::move(inner)),
        actions_(recording.actions.Of(inner_->spec().model, inner_->spec().function)),
        documents_(ModelCounter(recording.metrics, "mlnode_model_documents_total", "Documents of answered predictions.",
                                inner_->spec().model)),
        tokens_(ModelCounter(recording.metrics, "mlnode_model_tokens_total", "Tokens of answered predictions.",
                             inner_->spec().model)),
        truncated_(ModelCounter(recording.metrics, "mlnode_model_truncated_total",
                                "Documents cut to the model's length.", inner_->spec().model)),
        clock_(recording.clock),
        limit_(recording.limit) {}

  const LoadSpec& spec() const override { return inner_->spec(); }
  const ServableInfo& info() const override { return inner_->info(); }
  const PredictLatencies* latencies() const override { return &latencies_; }
  const RemoteCosts* costs() const override { return inner_->costs(); }

  void Stream(StreamRequest request, std::shared_ptr<Servable> self, StreamSink sink) override {
    actions_->Request(models::Action::kPredict);
    const SteadyTime begin = clock_.Now();
    sink.done = [this, self, begin, done = std::move(sink.done)](Status status) mutable {
      latencies_.request.Add(clock_.Now() - begin, limit_->load(std::memory_order_relaxed));
      if (!status) actions_->Failure(models::Action::kPredict, status.error());
      done(std::move(status));
    };
    inner_->Stream(std::move(request), std::move(self), std::move(sink));
  }

  void Predict(PredictRequest request, std::shared_ptr<Servable> self, PredictDone done) override {
    actions_->Request(models::Action::kPredict);
    const SteadyTime begin = clock_.Now();
    // `self` is this object as well as its inner one: held until the answer was recorded.
    auto recorded = [this, self, begin, done = std::move(done)](Result<PredictResult> result) mutable {
      Record(begin, result);
      done(std::move(result));
    };
    inner_->Predict(std::move(request), std::move(self), std::move(recorded));
  }

 private:
  void Record(SteadyTime begin, const Result<PredictResult>& result) {
    const std::int64_t limit = limit_->load(std::memory_order_relaxed);
    latencies_.request.Add(clock_.Now() - begin, limit);
    if (result) {
      latencies_.inference.Add(result->times.tokenize + result->times.engine, limit);
      Count(*result);
    } else {
      actions_->Failure(models::Action::kPredict, result.error());
    }
  }

  void Count(const PredictResult& result) {
    PredictCounts& counts = latencies_.counts;
    const std::size_t documents = result.documents_read.value_or(result.documents.size());
    counts.documents.fetch_add(documents, std::memory_order_relaxed);
    counts.tokens.fetch_add(result.tokens, std::memory_order_relaxed);
    counts.truncated.fetch_add(result.truncated, std::memory_order_relaxed);
    documents_->Add(static_cast<double>(documents));
    tokens_->Add(static_cast<double>(result.tokens));
    truncated_->Add(static_cast<double>(result.truncated));
  }

  const std::shared_ptr<Servable> inner_;
  const std::shared_ptr<models::ModelActions> actions_;
  const std::shared_ptr<Counter> documents_;
  const std::shared_ptr<Counter> tokens_;
  const std::shared_ptr<Counter> truncated_;
  const Clock& clock_;
  const WindowLimit limit_;
  PredictLatencies latencies_;
};

}  // namespace

std::shared_ptr<Servable> MakeRecordedServable(std::shared_ptr<Servable> inner, const Recording& recording) {
  return std::make_shared<RecordedServable>(std::move(inner), recording);
}

}  // namespace mlnode::serving
