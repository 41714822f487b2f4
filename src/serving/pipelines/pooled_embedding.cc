// TEXT_EMBEDDING on a graph that answers tokens or one vector (spec/predict-local §7, pipelines B and C): prefix,
// tokenize, run, pool, normalise.
#include <fmt/format.h>

#include <utility>

#include "core/log.h"
#include "serving/pipelines/embedding_sink.h"
#include "serving/pipelines/inputs.h"
#include "serving/pipelines/make_pipeline.h"
#include "serving/pipelines/outputs.h"

namespace mlnode::serving {
namespace {

using models::Pooling;

// §7.2. ONNX: NONE takes the second output where there is one, the others the first. TorchScript: by name first.
int PooledOutput(const LoadSpec& spec, const engines::LoadedModel& engine) {
  const bool none = spec.config.pooling == Pooling::kNone;
  const int by_place = none && engine.outputs().size() >= 2 ? 1 : 0;
  if (spec.format == engines::ModelFormat::kOnnx) return by_place;
  const std::vector<std::string_view> names = none
                                                  ? std::vector<std::string_view>{"sentence_embedding", "pooler_output"}
                                                  : std::vector<std::string_view>{"last_hidden_state"};
  for (const std::string_view name : names) {
    if (const int index = OutputIndex(engine, name); index >= 0) return index;
  }
  return by_place;
}

class PooledEmbedding final : public Pipeline {
 public:
  PooledEmbedding(const PipelineParts& parts, EmbeddingOutput output)
      : model_(parts.spec.model),
        config_(parts.spec.config),
        inputs_{.tokenizer = parts.tokenizer,
                .max_tokens = parts.max_tokens,
                .takes_types = Takes(*parts.engine, "token_type_ids")},
        output_(std::move(output)) {}

  Status Check(const PredictRequest& request) const override { return CheckAsymmetric(config_, request); }
  Status Encode(const PredictRequest& request, std::span<const std::string_view> texts, Encoding& out) const override {
    return EncodeTexts(inputs_, texts, PrefixOf(config_, request), out);
  }
  std::vector<int> Wanted(const PredictRequest& /*request*/) const override { return {output_.index}; }
  std::shared_ptr<AnswerSink> MakeSink(const PredictRequest& /*request*/, Encoding& encoding) const override {
    return std::make_shared<EmbeddingSink>(config_, output_, encoding.batch);
  }
  std::vector<PredictRequest> Probes() const override {
    std::vector<PredictRequest> probes;
    probes.push_back(MakeProbe(ProbeTexts(inputs_.max_tokens)));
    return probes;
  }
  Status Inspect(std::size_t tokens, const std::vector<TensorView>& outputs) override;
  Agreement Compare(const Documents& reference, const Documents& other) const override {
    return CompareVectors(reference, other);
  }

 private:
  void Learn(std::size_t dim, bool per_token);

  const ModelId model_;
  const models::ModelConfig config_;
  const TextInputs inputs_;
  EmbeddingOutput output_;
};

Status PooledEmbedding::Inspect(std::size_t tokens, const std::vector<TensorView>& outputs) {
  const TensorView& answer = outputs.front();
  if (answer.type != DataType::kFloat32) {
    return NotUsable(output_.name, fmt::format("is {}; only FLOAT32 can be pooled", DataTypeName(answer.type)));
  }
  const std::size_t rank = answer.shape.size();
  if (rank < 1 || rank > 2 || answer.shape.back() < 1) {
    return NotUsable(output_.name, fmt::format("has the shape {} for a text; [tokens, dim] or [dim] can be pooled",
                                               ShapeText(answer.shape)));
  }
  if (rank == 2 && answer.shape[0] != static_cast<std::int64_t>(tokens)) {
    return NotUsable(output_.name, fmt::format("has {} rows for {} tokens", answer.shape[0], tokens));
  }
  if (!IsFinite(answer)) return NotUsable(output_.name, "holds NaN or infinity for an ordinary text");
  const auto dim = static_cast<std::size_t>(answer.shape.back());
  if (output_.dim == 0) Learn(dim, rank == 2);
  if (output_.dim == dim && output_.per_token == (rank == 2)) return {};
  return NotUsable(output_.name, "changes its shape from text to text");
}

void PooledEmbedding::Learn(std::size_t dim, bool per_token) {
  output_.dim = dim;
  output_.per_token = per_token;
  const auto declared = config_.embedding_dimension;
  if (!declared || *declared == static_cast<std::int64_t>(dim)) return;
  LOG_WARN("serving", "model {} declares embedding_dimension {} and answers {}", model_.str(), *declared, dim);
}

}  // namespace

Result<std::unique_ptr<Pipeline>> MakePooledEmbedding(const PipelineParts& parts) {
  RETURN_IF_ERROR(CheckOutputs(*parts.engine, 1));
  EmbeddingOutput output;
  output.index = PooledOutput(parts.spec, *parts.engine);
  output.name = parts.engine->outputs()[static_cast<std::size_t>(output.index)].name;
  output.leading_axis = parts.spec.format == engines::ModelFormat::kTorchScript;
  return std::unique_ptr<Pipeline>(std::make_unique<PooledEmbedding>(parts, std::move(output)));
}

}  // namespace mlnode::serving
