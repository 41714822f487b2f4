#include "serving/testing/scripted_engine.h"

#include <algorithm>

#include "engines/run_check.h"

namespace mlnode::serving::testing {
namespace {

class ScriptedModel final : public engines::LoadedModel {
 public:
  ScriptedModel(std::shared_ptr<const ScriptedGraph> graph, const engines::LoadOptions& options)
      : graph_(std::move(graph)), options_(options) {
    for (const std::string& name : graph_->inputs)
      inputs_.push_back({.name = name, .type = DataType::kInt64, .dims = {}});
    for (const std::string& name : graph_->outputs) {
      outputs_.push_back({.name = name, .type = DataType::kFloat32, .dims = {}});
    }
  }
  const std::vector<engines::Port>& inputs() const override { return inputs_; }
  const std::vector<engines::Port>& outputs() const override { return outputs_; }
  std::string engine() const override { return "scripted 1"; }
  engines::Precision precision() const override { return engines::Precision::kF32; }

  Result<engines::BatchResult> Run(const TokenBatch& batch, const std::vector<int>& wanted) override {
    RETURN_IF_ERROR(engines::CheckRun(batch, wanted, outputs_.size(), options_.max_tokens));
    if (!batch.type_ids.empty()) RETURN_IF_ERROR(CheckInput("token_type_ids"));
    for (const TokenFeature& feature : batch.features) RETURN_IF_ERROR(CheckInput(feature.name));
    if (graph_->on_batch) RETURN_IF_ERROR(graph_->on_batch(batch));
    engines::BatchResult result;
    for (std::size_t i = 0; i < batch.sequences(); ++i) {
      const std::vector<TensorView> all = graph_->run(SequenceOf(batch, i));
      std::vector<TensorView>& views = result.per_sequence.emplace_back();
      for (const int output : wanted) views.push_back(all[static_cast<std::size_t>(output)]);
    }
    return result;
  }

 private:
  Status CheckInput(const std::string& name) const {
    if (std::ranges::find(graph_->inputs, name) != graph_->inputs.end()) return {};
    return MakeError(Code::kInvalidArgument, "the model has no input " + name);
  }
  static GraphSequence SequenceOf(const TokenBatch& batch, std::size_t i) {
    const auto part = [&](const std::vector<std::int64_t>& values) {
      return values.empty() ? std::span<const std::int64_t>()
                            : std::span(values).subspan(batch.offsets[i], batch.Length(i));
    };
    return {.ids = batch.Ids(i),
            .type_ids = part(batch.type_ids),
            .feature = batch.features.empty() ? std::span<const std::int64_t>() : part(batch.features[0].values)};
  }

  const std::shared_ptr<const ScriptedGraph> graph_;
  const engines::LoadOptions options_;
  std::vector<engines::Port> inputs_, outputs_;
};

}  // namespace

Result<std::unique_ptr<engines::LoadedModel>> ScriptedEngine::Load(const engines::LoadOptions& options) {
  options_ = options;
  return std::unique_ptr<engines::LoadedModel>(std::make_unique<ScriptedModel>(graph_, options));
}

TensorView Int64Tensor(std::vector<std::int64_t> values, std::vector<std::int64_t> shape) {
  const auto owner = std::make_shared<const std::vector<std::int64_t>>(std::move(values));
  return {.type = DataType::kInt64, .shape = std::move(shape), .data = owner->data(), .owner = owner};
}

}  // namespace mlnode::serving::testing
