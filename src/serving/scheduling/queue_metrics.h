// serving/scheduling/queue_metrics.h: what the scheduler tells at GET /metrics. Threads: any. Cost: atomic additions.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "core/metrics.h"

namespace mlnode::serving {

struct FormedBatch;

// Of one model; the series go with it. Metrics outlives it.
struct ModelSeries {
  ModelSeries(Metrics& metrics, const std::string& model);
  void Observe(double engine_seconds);

  std::shared_ptr<Counter> engine_seconds, batches;
};

struct QueueMetrics {
  QueueMetrics(Metrics& registry, std::size_t max_batch_tokens);
  // A batch begins, and when the engine answered.
  void Begin(const FormedBatch& batch);
  void End(FormedBatch& batch, double engine_seconds);

  Metrics& registry;
  Gauge& tokens;
  Histogram& wait;
  Histogram& engine;
  Histogram& batch_tokens;
  Histogram& batch_sequences;
  Histogram& batch_requests;
  Histogram& batch_fill;
  Counter& retried;
  Counter& too_large;
  Counter& queue_full;
  Counter& queue_wait;

 private:
  const double max_batch_tokens_;
  std::array<Counter*, 8> closed_{};  // by BatchClosed
};

}  // namespace mlnode::serving
