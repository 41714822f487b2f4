// serving/load_spec.h: all that a node must know to load one model.
#pragma once

#include <functional>
#include <string>

#include "models/model.h"
#include "models/model_config.h"

namespace mlnode::serving {

struct LoadSpec {
  ModelId model;
  std::string name;
  models::FunctionName function;
  engines::ModelFormat format = engines::ModelFormat::kOnnx;  // REMOTE has none, and nothing of what follows
  models::ModelConfig config;
  UploadId upload;
  std::uint32_t total_chunks = 0;
  std::string content_hash;  // lower-case hex, compared with the chunks' SHA-256
  // At f32, whatever was found to be faster here: other nodes that serve it cannot run as this one could.
  bool reference_precision = false;
};
// kFailedPrecondition when the model is not REGISTERED or lacks what serving needs (message names it).
Result<LoadSpec> MakeLoadSpec(const models::Model& model);

enum class Phase : std::uint8_t { kQueued, kFetching, kUnpacking, kReserving, kLoading, kWarming, kReady };
std::string_view PhaseName(Phase phase);  // "fetching", ...

// Told as work goes on; an error returned stops the work with that error (cancel). Called on the loading executor.
using Progress = std::function<Status(Phase phase, std::uint64_t done_bytes, std::uint64_t total_bytes)>;

}  // namespace mlnode::serving
