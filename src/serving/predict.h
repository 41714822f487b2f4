// serving/predict.h: one prediction, from texts to tensors.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/tensor.h"
#include "core/unique_function.h"

namespace mlnode::serving {

enum class ContentType : std::uint8_t { kUnset, kQuery, kPassage };

// Set by whoever no longer wants the answer (client gone). Checked before each step.
using CancelFlag = std::shared_ptr<std::atomic<bool>>;

// kUnavailable: the model went out of service while the prediction waited; another node, or a retry, may serve it.
inline constexpr std::string_view kModelWithdrawn =
    "The model was undeployed from this node before the prediction was computed.";

struct PredictRequest {
  std::vector<std::string_view> texts;  // UTF-8; point into `owner`
  std::shared_ptr<const void> owner;    // keeps the texts' bytes alive
  bool has_parameters = false;          // a "parameters" object was given (asymmetric models)
  ContentType content_type = ContentType::kUnset;
  Deadline deadline = Deadline::Never();
  CancelFlag cancelled;
};

struct NamedTensor {
  std::string name;
  TensorView tensor;
};

struct PredictTimes {
  Duration queue{}, tokenize{}, engine{};
};

struct PredictResult {
  std::vector<std::vector<NamedTensor>> documents;  // one entry a text, in order
  PredictTimes times;
  std::size_t tokens = 0;
  std::size_t truncated = 0;  // texts cut to the model's length
};

// Called exactly once: on a lane, cpu or timer thread, or inside Predict when refused at once. Hand heavy work on.
using PredictDone = UniqueFunction<void(Result<PredictResult>)>;

}  // namespace mlnode::serving
