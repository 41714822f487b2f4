#include "serving/scheduling/queue_metrics.h"

#include "serving/scheduling/model_queue.h"

namespace mlnode::serving {
namespace {

Counter& Refused(Metrics& metrics, const char* reason) {
  return metrics.GetCounter("mlnode_refused_total", "Predictions refused instead of queued.", {{"reason", reason}});
}

}  // namespace

ModelSeries::ModelSeries(Metrics& metrics, const std::string& model)
    : engine_seconds(metrics.OwnCounter("mlnode_model_engine_seconds_total",
                                        "Time that lanes spent in the engine for a model.", {{"model", model}})),
      batches(metrics.OwnCounter("mlnode_model_batches_total", "Engine calls for a model.", {{"model", model}})) {}

void ModelSeries::Observe(double seconds) {
  engine_seconds->Add(seconds);
  batches->Add();
}

QueueMetrics::QueueMetrics(Metrics& metrics, std::size_t max_batch_tokens)
    : registry(metrics),
      tokens(metrics.GetGauge("mlnode_queue_tokens", "Tokens that wait for an inference lane.")),
      wait(metrics.GetHistogram("mlnode_queue_wait_seconds", "Time a request waited for an inference lane.",
                                Metrics::LatencyBuckets())),
      engine(metrics.GetHistogram("mlnode_engine_seconds", "Time of one engine call.", Metrics::LatencyBuckets())),
      batch_tokens(metrics.GetHistogram("mlnode_batch_tokens", "Tokens of one engine call.",
                                        {8, 16, 32, 64, 128, 256, 512, 1'024, 2'048, 4'096, 8'192})),
      batch_sequences(metrics.GetHistogram("mlnode_batch_sequences", "Sequences of one engine call.",
                                           {1, 2, 4, 8, 16, 32, 64, 128, 256})),
      batch_requests(metrics.GetHistogram("mlnode_batch_requests", "Requests that share one engine call.",
                                          {1, 2, 4, 8, 16, 32, 64})),
      batch_fill(metrics.GetHistogram("mlnode_batch_fill_ratio", "Tokens of one engine call by the most it may have.",
                                      {0.03, 0.06, 0.12, 0.25, 0.5, 0.75, 0.9, 1})),
      retried(metrics.GetCounter("mlnode_batch_retried_total",
                                 "Batches of several requests that failed, so that each was computed apart.")),
      too_large(Refused(metrics, "too_large")),
      queue_full(Refused(metrics, "queue_full")),
      queue_wait(Refused(metrics, "queue_wait")),
      max_batch_tokens_(static_cast<double>(max_batch_tokens)) {
  for (std::size_t i = 0; i < closed_.size(); ++i) {
    closed_[i] = &metrics.GetCounter("mlnode_batch_closed_total", "Engine calls by why they hold no more.",
                                     {{"reason", std::string(kBatchClosedNames[i])}});
  }
}

void QueueMetrics::Begin(const FormedBatch& batch) {
  batch_tokens.Observe(static_cast<double>(batch.load.tokens));
  batch_sequences.Observe(static_cast<double>(batch.load.sequences));
  batch_requests.Observe(static_cast<double>(batch.parts.size()));
  batch_fill.Observe(static_cast<double>(batch.load.tokens) / max_batch_tokens_);
  closed_[static_cast<std::size_t>(batch.closed)]->Add();
}

void QueueMetrics::End(FormedBatch& batch, double engine_seconds) {
  engine.Observe(engine_seconds);
  ModelQueue& queue = *batch.queue;
  if (queue.name.empty()) return;
  std::call_once(queue.series_made, [&] { queue.series = std::make_unique<ModelSeries>(registry, queue.name); });
  queue.series->Observe(engine_seconds);
}

}  // namespace mlnode::serving
