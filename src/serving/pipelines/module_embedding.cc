// TEXT_EMBEDDING by a TorchScript module of sentence-transformers (spec/predict-local §7, pipeline A): pooling and
// normalisation are inside; every tensor that it returns is answered under its own name.
#include <fmt/format.h>

#include <utility>

#include "serving/pipelines/inputs.h"
#include "serving/pipelines/make_pipeline.h"
#include "serving/pipelines/outputs.h"

namespace mlnode::serving {
namespace {

using Names = std::shared_ptr<const std::vector<std::string>>;

class ModuleSink final : public AnswerSink {
 public:
  // `wanted`: the outputs that are asked for, of all there are.
  ModuleSink(Names names, std::vector<int> wanted, std::size_t texts)
      : names_(std::move(names)), wanted_(std::move(wanted)), documents_(texts) {}

  Status Take(std::size_t i, const std::vector<TensorView>& outputs) override {
    std::vector<NamedTensor> document;
    document.reserve(names_->size());
    for (const std::string& name : *names_) document.push_back({.name = name});
    for (std::size_t k = 0; k < wanted_.size(); ++k) {
      NamedTensor& named = document[static_cast<std::size_t>(wanted_[k])];
      if (!IsFinite(outputs[k])) return NotFinite(named.name, i);
      RETURN_IF_ERROR(bytes_.Add(outputs[k].Values() * DataTypeBytes(outputs[k].type)));
      named.tensor = CopyTensor(outputs[k]);
      named.has_bytes = true;
    }
    documents_[i] = std::move(document);
    return {};
  }
  Documents Finish() override { return std::move(documents_); }

 private:
  const Names names_;
  const std::vector<int> wanted_;
  AnswerBytes bytes_;
  Documents documents_;
};

class ModuleEmbedding final : public Pipeline {
 public:
  ModuleEmbedding(const PipelineParts& parts, Names names)
      : config_(parts.spec.config),
        inputs_{.tokenizer = parts.tokenizer,
                .max_tokens = parts.max_tokens,
                .takes_types = Takes(*parts.engine, "token_type_ids")},
        names_(std::move(names)) {}

  Status Check(const PredictRequest& request) const override { return CheckAsymmetric(config_, request); }
  Status Encode(const PredictRequest& request, std::span<const std::string_view> texts, Encoding& out) const override {
    return EncodeTexts(inputs_, texts, PrefixOf(config_, request), out);
  }
  // What the filter drops is not even computed: the vectors of all tokens are hundreds of times a sentence's.
  std::vector<int> Wanted(const PredictRequest& request) const override {
    std::vector<int> wanted;
    for (std::size_t i = 0; i < names_->size(); ++i) {
      if (request.filter.Keeps((*names_)[i], i)) wanted.push_back(static_cast<int>(i));
    }
    return wanted;
  }
  std::shared_ptr<AnswerSink> MakeSink(const PredictRequest& request, Encoding& encoding) const override {
    return std::make_shared<ModuleSink>(names_, Wanted(request), encoding.batch.sequences());
  }
  std::vector<PredictRequest> Probes() const override {
    std::vector<PredictRequest> probes;
    probes.push_back(MakeProbe(ProbeTexts(inputs_.max_tokens)));
    return probes;
  }
  Status Inspect(std::size_t /*tokens*/, const std::vector<TensorView>& outputs) override {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!IsFinite(outputs[i])) return NotUsable((*names_)[i], "holds NaN or infinity for an ordinary text");
    }
    return {};
  }
  Agreement Compare(const Documents& reference, const Documents& other) const override {
    return CompareVectors(reference, other);
  }

 private:
  const models::ModelConfig config_;
  const TextInputs inputs_;
  const Names names_;
};

}  // namespace

Result<std::unique_ptr<Pipeline>> MakeModuleEmbedding(const PipelineParts& parts) {
  RETURN_IF_ERROR(CheckOutputs(*parts.engine, 1));
  auto names = std::make_shared<std::vector<std::string>>();
  for (const engines::Port& port : parts.engine->outputs()) names->push_back(port.name);
  return std::unique_ptr<Pipeline>(std::make_unique<ModuleEmbedding>(parts, std::move(names)));
}

}  // namespace mlnode::serving
