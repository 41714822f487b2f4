// SPARSE_ENCODING (spec/predict-local §8): the graph answers one weight a token of the vocabulary; what is not zero
// becomes a map. Pooling over the text and pruning are in the graph.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "core/json.h"
#include "serving/pipelines/inputs.h"
#include "serving/pipelines/make_pipeline.h"
#include "serving/pipelines/outputs.h"
#include "serving/pipelines/pooling.h"
#include "serving/pipelines/token_table.h"

namespace mlnode::serving {
namespace {

struct SparseOutput {
  std::string name;
  std::size_t vocabulary = 0;  // 0: not yet known
};

bool IsVector(const TensorView& answer) {
  return answer.type == DataType::kFloat32 && !answer.shape.empty() && answer.shape.back() >= 1 &&
         answer.Values() == static_cast<std::size_t>(answer.shape.back());
}

// On the lane only what is not zero is picked out; the text is made in Finish.
class SparseSink final : public AnswerSink {
 public:
  SparseSink(const std::vector<SparseOutput>& outputs, const TokenTable& table, const PredictRequest& request,
             std::vector<int> wanted, std::size_t texts)
      : outputs_(outputs),
        table_(table),
        by_id_(request.sparse_format == SparseFormat::kTokenId),
        wanted_(std::move(wanted)),
        vectors_(texts) {}

  bool prints() const override { return true; }
  Status Take(std::size_t i, const std::vector<TensorView>& outputs) override {
    std::vector<std::vector<TokenWeight>> vectors(wanted_.size());
    for (std::size_t k = 0; k < wanted_.size(); ++k) {
      const SparseOutput& output = outputs_[static_cast<std::size_t>(wanted_[k])];
      const auto size = static_cast<std::int64_t>(output.vocabulary);
      if (!IsVector(outputs[k]) || outputs[k].shape.back() != size) {
        return Unexpected(output.name, outputs[k], {size}, i);
      }
      if (!AllFinite(outputs[k].Floats())) return NotFinite(output.name, i);
      vectors[k] = NotZero(outputs[k].Floats());
    }
    vectors_[i] = std::move(vectors);
    return {};
  }
  Documents Finish() override {
    Documents documents(vectors_.size());
    for (std::size_t text = 0; text < documents.size(); ++text) {
      for (const SparseOutput& output : outputs_) documents[text].push_back({.name = output.name});
      for (std::size_t k = 0; k < vectors_[text].size(); ++k) {
        std::vector<TokenWeight>& vector = vectors_[text][k];
        documents[text][static_cast<std::size_t>(wanted_[k])].data_as_map =
            by_id_ ? PrintIds(vector) : PrintWords(table_, vector);
        vector = {};
      }
    }
    return documents;
  }

 private:
  static std::vector<TokenWeight> NotZero(std::span<const float> values) {
    std::vector<TokenWeight> found;
    for (std::size_t id = 0; id < values.size(); ++id) {
      if (values[id] != 0) found.push_back({.id = static_cast<std::uint32_t>(id), .weight = values[id]});
    }
    return found;
  }

  const std::vector<SparseOutput>& outputs_;
  const TokenTable& table_;
  const bool by_id_;
  const std::vector<int> wanted_;
  std::vector<std::vector<std::vector<TokenWeight>>> vectors_;  // [text][wanted output]
};

using Weights = std::map<std::string, double>;

Weights ReadWeights(const NamedTensor& tensor) {
  Weights weights;
  const auto parsed = ParseJsonObject(tensor.data_as_map);
  if (!parsed) return weights;
  for (const auto& [token, weight] : parsed->at("response").as_array().at(0).as_object()) {
    weights.emplace(token, weight.to_number<double>());
  }
  return weights;
}

// Weights below are as good as absent (the speed issue's limit).
constexpr double kMatters = 0.01;

// The largest difference of weights that matter, over the weight; 1 when only one of the two has the token.
double Difference(const Weights& reference, const Weights& other) {
  double largest = 0;
  for (const auto& [token, weight] : reference) {
    if (std::abs(weight) <= kMatters) continue;
    const auto found = other.find(token);
    const double difference = found == other.end() ? 1 : std::abs(found->second - weight) / std::abs(weight);
    largest = std::max(largest, difference);
  }
  return largest;
}

double DocumentDifference(const std::vector<NamedTensor>& reference, const std::vector<NamedTensor>& other) {
  if (reference.size() != other.size()) return 1;
  double largest = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const Weights a = ReadWeights(reference[i]);
    const Weights b = ReadWeights(other[i]);
    largest = std::max({largest, Difference(a, b), Difference(b, a)});
  }
  return largest;
}

class SparseEncoding final : public Pipeline {
 public:
  SparseEncoding(const PipelineParts& parts, TokenTable table)
      : inputs_{.tokenizer = parts.tokenizer,
                .max_tokens = parts.max_tokens,
                .takes_types = Takes(*parts.engine, "token_type_ids")},
        table_(std::move(table)) {
    for (const engines::Port& port : parts.engine->outputs()) outputs_.push_back({.name = port.name});
  }

  Status Check(const PredictRequest& /*request*/) const override { return {}; }
  Status Encode(const PredictRequest& /*request*/, std::span<const std::string_view> texts,
                Encoding& out) const override {
    return EncodeTexts(inputs_, texts, nullptr, out);
  }
  std::vector<int> Wanted(const PredictRequest& request) const override {
    std::vector<int> wanted;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (request.filter.Keeps(outputs_[i].name, i)) wanted.push_back(static_cast<int>(i));
    }
    return wanted;
  }
  std::shared_ptr<AnswerSink> MakeSink(const PredictRequest& request, Encoding& encoding) const override {
    return std::make_shared<SparseSink>(outputs_, table_, request, Wanted(request), encoding.batch.sequences());
  }
  // By id: no weight hides behind another of the same text.
  std::vector<PredictRequest> Probes() const override {
    std::vector<PredictRequest> probes;
    probes.push_back(MakeProbe(ProbeTexts(inputs_.max_tokens)));
    probes.back().sparse_format = SparseFormat::kTokenId;
    return probes;
  }
  Status Inspect(std::size_t /*tokens*/, const std::vector<TensorView>& outputs) override {
    for (std::size_t i = 0; i < outputs.size(); ++i) RETURN_IF_ERROR(InspectOne(outputs[i], outputs_[i]));
    return {};
  }
  Agreement Compare(const Documents& reference, const Documents& other) const override;

 private:
  static Status InspectOne(const TensorView& answer, SparseOutput& output) {
    if (!IsVector(answer)) {
      return NotUsable(output.name, fmt::format("is {} {} for a text; a sparse vector is FLOAT32 [vocabulary]",
                                                DataTypeName(answer.type), ShapeText(answer.shape)));
    }
    if (!AllFinite(answer.Floats())) return NotUsable(output.name, "holds NaN or infinity for an ordinary text");
    if (output.vocabulary == 0) output.vocabulary = answer.Values();
    if (output.vocabulary == answer.Values()) return {};
    return NotUsable(output.name, "changes its shape from text to text");
  }

  const TextInputs inputs_;
  const TokenTable table_;
  std::vector<SparseOutput> outputs_;
};

Agreement SparseEncoding::Compare(const Documents& reference, const Documents& other) const {
  constexpr double kSame = 1e-3;    // rounding in another order, of a weight of 0.01
  constexpr double kWithin = 0.01;  // the speed issue's limit
  if (reference.size() != other.size()) return {.least = 0, .same = false, .within = false};
  double largest = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    largest = std::max(largest, DocumentDifference(reference[i], other[i]));
  }
  return {.least = 1 - std::min(largest, 1.0), .same = largest <= kSame, .within = largest <= kWithin};
}

}  // namespace

Result<std::unique_ptr<Pipeline>> MakeSparseEncoding(const PipelineParts& parts) {
  RETURN_IF_ERROR(CheckOutputs(*parts.engine, 1));
  ASSIGN_OR_RETURN(TokenTable table, TokenTable::Make(parts.tokenizer));
  return std::unique_ptr<Pipeline>(std::make_unique<SparseEncoding>(parts, std::move(table)));
}

}  // namespace mlnode::serving
