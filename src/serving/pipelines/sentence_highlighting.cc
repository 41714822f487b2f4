// QUESTION_ANSWERING of model_type sentence_highlighting (spec/predict-local §11.2): which sentences of the context
// answer the question. The graph is told the sentence of each token and answers lists of sentences.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/json.h"
#include "serving/pipelines/highlighting_settings.h"
#include "serving/pipelines/inputs.h"
#include "serving/pipelines/make_pipeline.h"
#include "serving/pipelines/outputs.h"
#include "serving/pipelines/sentences.h"

namespace mlnode::serving {
namespace {

constexpr std::int64_t kNoSentence = -100;  // of the question, special tokens, padding
constexpr const char* kTensorName = "highlights";

// The context's sentences, with a copy of the text: the request's is gone when the answer comes.
struct ContextNote final : TextNote {
  std::string context;
  std::vector<Sentence> sentences;
};

// The tokenizer's word numbers count into the list of words between white space, as with the peer: what lies beyond has
// no sentence.
std::int64_t SentenceOf(const std::vector<std::size_t>& of_words, const text::TokenOrigin& token) {
  if (token.text != text::TokenOrigin::Text::kSecond || token.word < 0) return kNoSentence;
  const auto word = static_cast<std::size_t>(token.word);
  return word < of_words.size() ? static_cast<std::int64_t>(of_words[word]) : kNoSentence;
}

template <class T>
void AppendIndices(const TensorView& from, std::vector<std::int64_t>& to) {
  const auto* values = static_cast<const T*>(from.data);
  for (std::size_t i = 0; i < from.Values(); ++i) to.push_back(static_cast<std::int64_t>(values[i]));
}

// False: a type that holds no indices.
bool ReadIndices(const TensorView& from, std::vector<std::int64_t>& to) {
  switch (from.type) {
    case DataType::kInt64:
      AppendIndices<std::int64_t>(from, to);
      return true;
    case DataType::kInt32:
      AppendIndices<std::int32_t>(from, to);
      return true;
    case DataType::kInt8:
      AppendIndices<std::int8_t>(from, to);
      return true;
    case DataType::kUint8:
      AppendIndices<std::uint8_t>(from, to);
      return true;
    default:
      return false;
  }
}

std::string Print(const ContextNote& note, const std::set<std::size_t>& chosen) {
  std::string out = R"({"highlights":[)";
  for (const std::size_t position : chosen) {
    const Sentence& sentence = note.sentences[position];
    if (out.back() == '}') out.push_back(',');
    out += R"({"text":)";
    AppendJsonString(out, std::string_view(note.context).substr(sentence.begin, sentence.end - sentence.begin));
    fmt::format_to(std::back_inserter(out), R"(,"position":{},"start":{},"end":{}}})", position, sentence.utf16_begin,
                   sentence.utf16_end);
  }
  return out += "]}";
}

class HighlightSink final : public AnswerSink {
 public:
  HighlightSink(const std::vector<std::string>& outputs, std::unique_ptr<TextNote> note, std::size_t pieces)
      : outputs_(outputs), note_(std::move(note)), indices_(pieces) {}

  Status Take(std::size_t i, const std::vector<TensorView>& outputs) override {
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (ReadIndices(outputs[k], indices_[i])) continue;
      return MakeError(Code::kInternal, fmt::format("Output '{}' of the model is {}; it held integers at the warm-up.",
                                                    outputs_[k], DataTypeName(outputs[k].type)));
    }
    return {};
  }
  Documents Finish() override {
    const auto& note = static_cast<const ContextNote&>(*note_);
    std::set<std::size_t> chosen;
    for (const auto& piece : indices_) {
      for (const std::int64_t index : piece) {
        if (index >= 0 && std::cmp_less(index, note.sentences.size())) chosen.insert(static_cast<std::size_t>(index));
      }
    }
    Documents documents(1);
    documents[0].push_back({.name = kTensorName, .data_as_map = Print(note, chosen)});
    return documents;
  }

 private:
  const std::vector<std::string>& outputs_;
  const std::unique_ptr<TextNote> note_;
  std::vector<std::vector<std::int64_t>> indices_;  // of each piece
};

Status CheckSize(std::string_view name, std::string_view text) {
  if (text.size() <= kMaxTextBytes) return {};
  return MakeError(Code::kTooLarge, fmt::format("The {} has {} bytes; the limit is {}. Send a part of it.", name,
                                                text.size(), kMaxTextBytes));
}

class SentenceHighlighting final : public Pipeline {
 public:
  explicit SentenceHighlighting(const PipelineParts& parts)
      : tokenizer_(parts.tokenizer),
        settings_(ReadHighlightingSettings(parts.spec.config)),
        takes_types_(Takes(*parts.engine, "token_type_ids")),
        wanted_(AllOutputs(*parts.engine)) {
    for (const engines::Port& port : parts.engine->outputs()) outputs_.push_back(port.name);
    settings_.limits.max_tokens = parts.max_tokens;
    if (!settings_.with_overflowing) settings_.limits.max_pieces = 1;
  }

  Status Check(const PredictRequest& request) const override {
    RETURN_IF_ERROR(CheckQuestion(request));
    RETURN_IF_ERROR(CheckSize("question", *request.pair));
    return CheckSize("context", request.texts.front());
  }
  Status Encode(const PredictRequest& request, std::span<const std::string_view> texts, Encoding& out) const override;
  std::vector<int> Wanted(const PredictRequest& /*request*/) const override { return wanted_; }
  std::shared_ptr<AnswerSink> MakeSink(const PredictRequest& /*request*/, Encoding& encoding) const override {
    return std::make_shared<HighlightSink>(outputs_, std::move(encoding.notes.front()), encoding.batch.sequences());
  }
  std::vector<PredictRequest> Probes() const override { return QuestionProbes(settings_.limits.max_tokens); }
  Status Inspect(std::size_t /*tokens*/, const std::vector<TensorView>& outputs) override {
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      std::vector<std::int64_t> indices;
      if (ReadIndices(outputs[k], indices)) continue;
      return NotUsable(outputs_[k], fmt::format("is {}; a sentence highlighter answers indices of sentences",
                                                DataTypeName(outputs[k].type)));
    }
    return {};
  }
  Agreement Compare(const Documents& reference, const Documents& other) const override {
    return CompareTexts(reference, other);
  }

 private:
  const text::Tokenizer& tokenizer_;
  HighlightingSettings settings_;
  const bool takes_types_;
  const std::vector<int> wanted_;
  std::vector<std::string> outputs_;  // names
};

Status SentenceHighlighting::Encode(const PredictRequest& request, std::span<const std::string_view> texts,
                                    Encoding& out) const {
  auto note = std::make_unique<ContextNote>();
  note->context = texts.front();
  ASSIGN_OR_RETURN(text::PairChunks chunks,
                   tokenizer_.EncodeChunks(request.pair.value_or(""), note->context, settings_.limits));
  note->sentences = SplitSentences(note->context);
  if (chunks.cut) out.stats.truncated = 1;
  if (!takes_types_) chunks.batch.type_ids.clear();
  TokenFeature& ids = chunks.batch.features.emplace_back();
  ids.name = kSentenceIds;
  ids.padding = kNoSentence;
  const std::vector<std::size_t> of_words = SentencesOfWords(note->context, note->sentences);
  for (const text::TokenOrigin& token : chunks.origins) ids.values.push_back(SentenceOf(of_words, token));
  out.stats.tokens = chunks.batch.tokens();
  if (!note->sentences.empty()) out.batch = std::move(chunks.batch);
  out.notes.push_back(std::move(note));
  return {};
}

}  // namespace

Result<std::unique_ptr<Pipeline>> MakeSentenceHighlighting(const PipelineParts& parts) {
  RETURN_IF_ERROR(CheckOutputs(*parts.engine, 1));
  const text::ChunkLimits limits = ReadHighlightingSettings(parts.spec.config).limits;
  if (limits.stride >= parts.max_tokens) {
    return MakeError(Code::kInvalidArgument,
                     fmt::format("all_config: token_overlap_stride {} leaves nothing of token_max_length {}",
                                 limits.stride, parts.max_tokens));
  }
  return std::unique_ptr<Pipeline>(std::make_unique<SentenceHighlighting>(parts));
}

}  // namespace mlnode::serving
