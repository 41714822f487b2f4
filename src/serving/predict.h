// serving/predict.h: one prediction, from texts to tensors.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/tensor.h"
#include "core/unique_function.h"

namespace mlnode::connectors {
struct RemoteInput;  // connectors/compiled_connector.h
}

namespace mlnode::serving {

enum class ContentType : std::uint8_t { kUnset, kQuery, kPassage };

// Set by whoever no longer wants the answer (client gone). Checked before each step.
using CancelFlag = std::shared_ptr<std::atomic<bool>>;

// kUnavailable: the model went out of service while the prediction waited; another node, or a retry, may serve it.
inline constexpr std::string_view kModelWithdrawn =
    "The model was undeployed from this node before the prediction was computed.";

// How a sparse vector names its tokens (spec/predict-local §8).
enum class SparseFormat : std::uint8_t { kWord, kTokenId };

// Whether someone waits for each answer, or a corpus is being embedded: bulk work gives way (serving/scheduler.h).
enum class Urgency : std::uint8_t { kInteractive, kBulk };

// Which tensors of each document, and what of them, go into the answer (spec/predict-local §3).
struct ResultFilter {
  bool return_number = true;
  bool return_bytes = false;                      // of tensors that have them: NamedTensor::has_bytes
  std::set<std::string, std::less<>> names = {};  // both empty: all tensors
  std::set<std::int64_t> positions = {};

  // For each tensor of each document, so that it must not read long lists: O(log entries).
  bool Keeps(std::string_view name, std::size_t position) const;
};

struct PredictRequest {
  // UTF-8; point into `owner`. TEXT_SIMILARITY: the documents; QUESTION_ANSWERING: the context alone.
  std::vector<std::string_view> texts;
  std::optional<std::string_view> pair = {};  // TEXT_SIMILARITY: query_text; QUESTION_ANSWERING: question
  std::shared_ptr<const void> owner;          // keeps the texts' bytes alive
  bool has_parameters = false;                // a "parameters" object was given (asymmetric models)
  ContentType content_type = ContentType::kUnset;
  SparseFormat sparse_format = SparseFormat::kWord;
  std::optional<Urgency> urgency = {};  // nullopt: by the number of texts
  // What a filter drops need not be computed. A dropped tensor keeps its place in the answer, without content.
  ResultFilter filter;
  Deadline deadline = Deadline::Never();
  CancelFlag cancelled;
  // REMOTE: all that is asked; texts, pair and what follows from them stay empty.
  std::shared_ptr<const connectors::RemoteInput> remote = {};
  bool judging = false;  // asked by a guardrail: asks no further model
};

// Numbers as a provider sent them, with the type it gave them (spec/remote §5.3).
struct ProvidedNumbers {
  std::string data_type;  // "FLOAT32", "INT8", ...; empty: not printed
  std::vector<std::int64_t> shape;
  std::vector<double> data;
};

// One tensor of an answer as spec/predict-local §3 prints it; what is absent is not printed.
struct NamedTensor {
  std::string name = {};  // empty: absent
  std::optional<TensorView> tensor = {};
  std::optional<ProvidedNumbers> provided = {};  // REMOTE: in place of `tensor`
  bool has_bytes = false;                        // the tensor may be printed as byte_buffer too
  std::string data_as_map = {};                  // JSON text of an object; empty: absent
  std::optional<std::string> text = {};          // "result": an answer in words
};

struct PredictTimes {
  Duration queue{}, tokenize{}, engine{};
};

struct PredictResult {
  std::vector<std::vector<NamedTensor>> documents;  // one entry a text, in order; REMOTE: one a provider's answer
  std::vector<int> statuses = {};                   // REMOTE: the provider's, one an entry
  PredictTimes times;
  std::size_t tokens = 0;                          // REMOTE: as the provider reports
  std::optional<std::size_t> documents_read = {};  // where it is not documents.size()
  std::size_t truncated = 0;                       // texts cut to the model's length
};

// Called exactly once: on a lane, cpu or timer thread, or inside Predict when refused at once. Hand heavy work on.
using PredictDone = UniqueFunction<void(Result<PredictResult>)>;

}  // namespace mlnode::serving
