// serving/servable.h: a model that is ready on this node.
// Lifetime: whoever holds the pointer keeps the engine's memory; when the last one lets go it is freed on the loading
// executor.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engines/engine.h"
#include "serving/load_spec.h"
#include "serving/monitoring/latency_window.h"
#include "serving/predict.h"
#include "serving/remote/remote_costs.h"
#include "serving/remote/stream.h"

namespace mlnode::serving {

struct ServableInfo {
  std::string engine;  // "openvino 2026.4.1"
  engines::Precision precision = engines::Precision::kF32;
  std::uint64_t resident_bytes = 0;  // after warm-up; what the budget holds for it
  // Of these, what is held once for all deployments of the same file, for as long as one of them is loaded.
  std::uint64_t weights_bytes = 0;
  bool shares_weights = false;   // it was loaded while another deployment held them
  bool measured = true;          // resident_bytes; false: an upper bound, for predictions ran during the load
  std::uint64_t peak_bytes = 0;  // reserved for the load
  std::int64_t max_tokens = 0;
  std::int64_t load_millis = 0;
  bool batched = true;  // false: its answers change in company, so that texts run one by one (found at warm-up)
  // Of a faster path than f32 with f32, the worst probe text; 1 where none was tried (serving/acceleration.h).
  double agreement = 1;
  std::string precision_reason = {};  // why the precision is what it is; empty: nothing else was tried
};

class Servable {
 public:
  virtual ~Servable() = default;
  virtual const LoadSpec& spec() const = 0;
  virtual const ServableInfo& info() const = 0;
  // Null where nothing is recorded.
  virtual const PredictLatencies* latencies() const { return nullptr; }
  // Never waits; a small request is tokenized on the calling thread (up to 1 ms), a larger one on `cpu`. Errors reach
  // `done`: kInvalidArgument (no text, parameters that do not fit the model, text not UTF-8: index named), kTooLarge
  // (texts, tokens), kResourceExhausted (queue, with retry_after; memory), kDeadlineExceeded, kCancelled, kUnavailable
  // (stopping, model undeployed), kInternal (NaN or infinity in an output: tensor named; engine failure). `self` keeps
  // the model alive until done.
  virtual void Predict(PredictRequest request, std::shared_ptr<Servable> self, PredictDone done) = 0;
  // The answer piece by piece (spec/remote §12). kInvalidArgument where the model cannot: all but REMOTE ones.
  virtual void Stream(StreamRequest request, std::shared_ptr<Servable> self, StreamSink sink);
  // What a provider charges for; null for models that run here.
  virtual const RemoteCosts* costs() const { return nullptr; }
};

}  // namespace mlnode::serving
