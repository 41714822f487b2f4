// QUESTION_ANSWERING (spec/predict-local §11.1): the tokens of question and context between the best start and the best
// end.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "serving/pipelines/inputs.h"
#include "serving/pipelines/make_pipeline.h"
#include "serving/pipelines/outputs.h"
#include "serving/pipelines/pooling.h"

namespace mlnode::serving {
namespace {

// Outputs of the graph: by name where it names them so, else the first two.
struct SpanOutputs {
  std::vector<int> indices{0, 1};  // start, end
  std::array<std::string, 2> names;
};

SpanOutputs FindOutputs(const engines::LoadedModel& engine) {
  SpanOutputs outputs;
  const int start = OutputIndex(engine, "start_logits");
  const int end = OutputIndex(engine, "end_logits");
  if (start >= 0 && end >= 0) outputs.indices = {start, end};
  for (std::size_t i = 0; i < 2; ++i) {
    outputs.names[i] = engine.outputs()[static_cast<std::size_t>(outputs.indices[i])].name;
  }
  return outputs;
}

bool IsLogits(const TensorView& answer, std::size_t tokens) {
  return answer.type == DataType::kFloat32 && answer.Values() == tokens;
}

std::size_t ArgMax(const TensorView& logits) {
  const auto values = logits.Floats();
  return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

// The vocabulary's texts joined by blanks, WordPiece's " ##" taken out, trimmed.
Result<std::string> BuildSentence(const text::Tokenizer& tokenizer, std::span<const std::int64_t> ids) {
  std::string sentence;
  for (const std::int64_t id : ids) {
    ASSIGN_OR_RETURN(const std::string token, tokenizer.Token(id));
    if (!sentence.empty()) sentence += ' ';
    sentence += token;
  }
  constexpr std::string_view kContinued = " ##";
  for (std::size_t at = sentence.find(kContinued); at != std::string::npos; at = sentence.find(kContinued, at)) {
    sentence.erase(at, kContinued.size());
  }
  const std::size_t first = sentence.find_first_not_of(' ');
  if (first == std::string::npos) return std::string();
  return sentence.substr(first, sentence.find_last_not_of(' ') + 1 - first);
}

class SpanSink final : public AnswerSink {
 public:
  SpanSink(const text::Tokenizer& tokenizer, const SpanOutputs& outputs, std::vector<std::int64_t> ids)
      : tokenizer_(tokenizer), outputs_(outputs), ids_(std::move(ids)) {}

  // One sequence: a request has one question.
  Status Take(std::size_t i, const std::vector<TensorView>& outputs) override {
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const auto tokens = static_cast<std::int64_t>(ids_.size());
      if (!IsLogits(outputs[k], ids_.size())) return Unexpected(outputs_.names[k], outputs[k], {tokens}, i);
      if (!AllFinite(outputs[k].Floats())) return NotFinite(outputs_.names[k], i);
    }
    const auto [begin, end] = std::minmax({ArgMax(outputs[0]), ArgMax(outputs[1])});
    ASSIGN_OR_RETURN(answer_, BuildSentence(tokenizer_, std::span(ids_).subspan(begin, end + 1 - begin)));
    return {};
  }
  Documents Finish() override {
    Documents documents(1);
    documents[0].push_back({.text = std::move(answer_)});
    return documents;
  }

 private:
  const text::Tokenizer& tokenizer_;
  const SpanOutputs& outputs_;
  const std::vector<std::int64_t> ids_;
  std::string answer_;
};

class QuestionAnswering final : public Pipeline {
 public:
  explicit QuestionAnswering(const PipelineParts& parts)
      : inputs_{.tokenizer = parts.tokenizer,
                .max_tokens = parts.max_tokens,
                .takes_types = Takes(*parts.engine, "token_type_ids")},
        outputs_(FindOutputs(*parts.engine)) {}

  Status Check(const PredictRequest& request) const override { return CheckQuestion(request); }
  Status Encode(const PredictRequest& request, std::span<const std::string_view> texts, Encoding& out) const override {
    return EncodePairs(inputs_, request.pair.value_or(""), texts, out);
  }
  std::vector<int> Wanted(const PredictRequest& /*request*/) const override { return outputs_.indices; }
  std::shared_ptr<AnswerSink> MakeSink(const PredictRequest& /*request*/, Encoding& encoding) const override {
    return std::make_shared<SpanSink>(inputs_.tokenizer, outputs_, encoding.batch.ids);
  }
  std::vector<PredictRequest> Probes() const override { return QuestionProbes(inputs_.max_tokens); }
  Status Inspect(std::size_t tokens, const std::vector<TensorView>& outputs) override {
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (!IsLogits(outputs[k], tokens)) {
        return NotUsable(outputs_.names[k],
                         fmt::format("is {} {} for {} tokens; question answering needs a FLOAT32 for each token",
                                     DataTypeName(outputs[k].type), ShapeText(outputs[k].shape), tokens));
      }
      if (!AllFinite(outputs[k].Floats())) {
        return NotUsable(outputs_.names[k], "holds NaN or infinity for an ordinary question");
      }
    }
    return {};
  }
  Agreement Compare(const Documents& reference, const Documents& other) const override {
    return CompareTexts(reference, other);
  }

 private:
  const TextInputs inputs_;
  const SpanOutputs outputs_;
};

}  // namespace

Result<std::unique_ptr<Pipeline>> MakeQuestionAnswering(const PipelineParts& parts) {
  RETURN_IF_ERROR(CheckOutputs(*parts.engine, 2));
  return std::unique_ptr<Pipeline>(std::make_unique<QuestionAnswering>(parts));
}

}  // namespace mlnode::serving
