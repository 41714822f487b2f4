// serving/pipeline.h: what a function of models (TEXT_EMBEDDING, ...) does between a request and its answer, apart from
// the flow that all of them share (serving/pipeline_servable.h): texts to tokens, outputs to tensors, probes for the
// warm-up and how far two answers may differ. One class a function, one file a class (serving/pipelines/).
// Owns: what it made of the model's files. Borrows: the model's tokenizer. Threads: const functions from any thread at
// once; Inspect during the warm-up only, on one thread.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/tensor.h"
#include "serving/predict.h"
#include "text/tokenizer.h"

namespace mlnode::serving {

// Of one text, what lies behind is not read: the tokenizer holds many times a text's size while it works. It changes
// nothing unless a model of 512 tokens meets 2 KiB a token on average, one of 8,192 tokens 128 bytes.
inline constexpr std::size_t kMaxTextBytes = 1UL << 20U;

// What a function must remember of one text until its answer comes.
struct TextNote {
  virtual ~TextNote() = default;
};

// Texts as a model takes them. Several sequences a text are possible (pieces of a long context).
struct Encoding {
  TokenBatch batch;
  std::vector<std::unique_ptr<TextNote>> notes;  // one a text; empty for functions that need none
  text::EncodeStats stats;                       // truncated: texts of which something was not read
};
// Puts the texts of `from` behind those of `to`.
void Append(Encoding from, Encoding& to);

// One entry a text, in order.
using Documents = std::vector<std::vector<NamedTensor>>;

// Where the engine's answers to one request become its documents. What is kept lies in memory of its own, made when the
// first answer comes: a request that waits holds none, and raw outputs are never kept. Borrows its pipeline.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // Takes the wanted outputs of sequence `i`. For different sequences at the same time. kInternal: another type or
  // shape than at the warm-up, NaN or infinity (output and text are named).
  virtual Status Take(std::size_t i, const std::vector<TensorView>& outputs) = 0;
  // Whether Finish prints texts, which takes microseconds a document: with many it is no work for a lane.
  virtual bool prints() const { return false; }
  // Once, when all sequences are taken. The tensors may share the sink.
  virtual Documents Finish() = 0;
};

// How far two answers to the same texts are apart.
struct Agreement {
  double least = 1;    // the function's measure, of the worst document; 1 = equal
  bool same = true;    // no more than the rounding of another batch explains
  bool within = true;  // the function's tolerance holds: a faster path that differs so much may be taken
};

class Pipeline {
 public:
  virtual ~Pipeline() = default;
  // Whether the model can answer such a request: kInvalidArgument, kTooLarge.
  virtual Status Check(const PredictRequest& request) const = 0;
  // Appends `texts`, which are some of the request's, to `out`. kInvalidArgument names a text by its place in `texts`.
  // On an error `out` is not used any more.
  virtual Status Encode(const PredictRequest& request, std::span<const std::string_view> texts,
                        Encoding& out) const = 0;
  // Indices of the engine's outputs that answer the request; empty when there is no engine.
  virtual std::vector<int> Wanted(const PredictRequest& request) const = 0;
  // `encoding`: all texts of the request; its notes may be moved from. After the warm-up.
  virtual std::shared_ptr<AnswerSink> MakeSink(const PredictRequest& request, Encoding& encoding) const = 0;
  // Requests for the warm-up: of several lengths, up to the longest sequence the model takes.
  virtual std::vector<PredictRequest> Probes() const = 0;
  // The wanted outputs for a sequence of so many tokens, run alone: learns types and shapes. kInvalidArgument: the
  // model answers something that this function cannot use (what and why), or another shape than for earlier probes.
  virtual Status Inspect(std::size_t tokens, const std::vector<TensorView>& outputs) = 0;
  // Of the documents of the same probes.
  virtual Agreement Compare(const Documents& reference, const Documents& other) const = 0;
};

// A request that keeps its texts alive.
PredictRequest MakeProbe(std::vector<std::string> texts, std::optional<std::string> pair = std::nullopt);
// Of a few words', a sentence's and a paragraph's length, and one of more than `max_tokens` tokens.
std::vector<std::string> ProbeTexts(std::size_t max_tokens);

}  // namespace mlnode::serving
