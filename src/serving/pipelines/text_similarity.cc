// TEXT_SIMILARITY (spec/predict-local §10): a cross-encoder reads the query with each document; its raw score is the
// answer.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "serving/pipelines/inputs.h"
#include "serving/pipelines/make_pipeline.h"
#include "serving/pipelines/outputs.h"

namespace mlnode::serving {
namespace {

constexpr const char* kTensorName = "similarity";

class SimilaritySink final : public AnswerSink {
 public:
  SimilaritySink(const std::vector<std::string>& outputs, std::size_t texts) : outputs_(outputs), documents_(texts) {}

  Status Take(std::size_t i, const std::vector<TensorView>& outputs) override {
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (!IsFinite(outputs[k])) return NotFinite(outputs_[k], i);
      TensorView score = CopyTensor(outputs[k]);
      if (score.shape.empty()) score.shape = {1};
      documents_[i].push_back({.name = kTensorName, .tensor = std::move(score), .has_bytes = true});
    }
    return {};
  }
  Documents Finish() override { return std::move(documents_); }

 private:
  const std::vector<std::string>& outputs_;
  Documents documents_;
};

template <class T>
void AppendScores(const TensorView& from, std::vector<double>& to) {
  const auto* values = static_cast<const T*>(from.data);
  for (std::size_t i = 0; i < from.Values(); ++i) to.push_back(static_cast<double>(values[i]));
}

void AppendHalves(const TensorView& from, std::vector<double>& to) {
  const auto* values = static_cast<const std::uint16_t*>(from.data);
  for (std::size_t i = 0; i < from.Values(); ++i) to.push_back(static_cast<double>(HalfToFloat(values[i])));
}

void AppendOfAnyType(const TensorView& from, std::vector<double>& to) {
  switch (from.type) {
    case DataType::kFloat32:
      return AppendScores<float>(from, to);
    case DataType::kFloat16:
      return AppendHalves(from, to);
    case DataType::kFloat64:
      return AppendScores<double>(from, to);
    case DataType::kInt64:
      return AppendScores<std::int64_t>(from, to);
    case DataType::kInt32:
      return AppendScores<std::int32_t>(from, to);
    case DataType::kInt8:
      return AppendScores<std::int8_t>(from, to);
    case DataType::kUint8:
    case DataType::kBool:
      return AppendScores<std::uint8_t>(from, to);
  }
}

// All scores of the documents, in order.
std::vector<double> Scores(const Documents& documents) {
  std::vector<double> scores;
  for (const auto& document : documents) {
    for (const NamedTensor& named : document) AppendOfAnyType(*named.tensor, scores);
  }
  return scores;
}

class TextSimilarity final : public Pipeline {
 public:
  explicit TextSimilarity(const PipelineParts& parts)
      : inputs_{.tokenizer = parts.tokenizer,
                .max_tokens = parts.max_tokens,
                .takes_types = Takes(*parts.engine, "token_type_ids")},
        wanted_(AllOutputs(*parts.engine)) {
    for (const engines::Port& port : parts.engine->outputs()) outputs_.push_back(port.name);
  }

  Status Check(const PredictRequest& request) const override {
    if (request.pair) return {};
    return MakeError(Code::kInvalidArgument, "No query text was provided");
  }
  Status Encode(const PredictRequest& request, std::span<const std::string_view> texts, Encoding& out) const override {
    return EncodePairs(inputs_, request.pair.value_or(""), texts, out);
  }
  std::vector<int> Wanted(const PredictRequest& /*request*/) const override { return wanted_; }
  std::shared_ptr<AnswerSink> MakeSink(const PredictRequest& /*request*/, Encoding& encoding) const override {
    return std::make_shared<SimilaritySink>(outputs_, encoding.batch.sequences());
  }
  std::vector<PredictRequest> Probes() const override {
    std::vector<PredictRequest> probes;
    probes.push_back(MakeProbe(ProbeTexts(inputs_.max_tokens), "Which animal jumps over the lazy dog?"));
    return probes;
  }
  Status Inspect(std::size_t /*tokens*/, const std::vector<TensorView>& outputs) override {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].Values() == 0) return NotUsable(outputs_[i], "holds no score for a pair of texts");
      if (!IsFinite(outputs[i])) return NotUsable(outputs_[i], "holds NaN or infinity for an ordinary pair of texts");
    }
    return {};
  }
  Agreement Compare(const Documents& reference, const Documents& other) const override;

 private:
  const TextInputs inputs_;
  const std::vector<int> wanted_;
  std::vector<std::string> outputs_;  // names
};

// By the largest difference of scores over the largest score: documents whose scores differ by more keep their order.
Agreement TextSimilarity::Compare(const Documents& reference, const Documents& other) const {
  constexpr double kSame = 1e-3;    // rounding in another order
  constexpr double kWithin = 0.02;  // what bf16 makes of a cross-encoder: swaps near ties at most
  const std::vector<double> a = Scores(reference);
  const std::vector<double> b = Scores(other);
  if (a.size() != b.size()) return {.least = 0, .same = false, .within = false};
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  const double relative = difference == 0 ? 0 : std::min(1.0, difference / std::max(largest, difference));
  return {.least = 1 - relative, .same = relative <= kSame, .within = relative <= kWithin};
}

}  // namespace

Result<std::unique_ptr<Pipeline>> MakeTextSimilarity(const PipelineParts& parts) {
  RETURN_IF_ERROR(CheckOutputs(*parts.engine, 1));
  return std::unique_ptr<Pipeline>(std::make_unique<TextSimilarity>(parts));
}

}  // namespace mlnode::serving
