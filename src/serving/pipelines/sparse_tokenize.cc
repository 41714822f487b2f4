// SPARSE_TOKENIZE (spec/predict-local §9): the distinct tokens of a text with the weights of idf.json. No graph.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "core/files.h"
#include "core/json.h"
#include "serving/pipelines/inputs.h"
#include "serving/pipelines/make_pipeline.h"
#include "serving/pipelines/outputs.h"
#include "serving/pipelines/token_table.h"

namespace mlnode::serving {
namespace {

constexpr std::uint64_t kIdfLimit = 256ULL << 20U;
constexpr float kDefaultWeight = 1.0F;

struct PrintedTokens final : TextNote {
  std::string map;  // JSON text
};

// The answers are there before any engine could run.
class TokenizeSink final : public AnswerSink {
 public:
  explicit TokenizeSink(std::vector<std::unique_ptr<TextNote>> notes) : notes_(std::move(notes)) {}
  Status Take(std::size_t /*i*/, const std::vector<TensorView>& /*outputs*/) override { return {}; }
  Documents Finish() override {
    Documents documents(notes_.size());
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      documents[i].push_back({.data_as_map = std::move(static_cast<PrintedTokens&>(*notes_[i]).map)});
    }
    return documents;
  }

 private:
  std::vector<std::unique_ptr<TextNote>> notes_;
};

class SparseTokenize final : public Pipeline {
 public:
  SparseTokenize(const PipelineParts& parts, TokenTable table, std::vector<float> weights)
      : inputs_{.tokenizer = parts.tokenizer, .max_tokens = parts.max_tokens},
        table_(std::move(table)),
        weights_(std::move(weights)) {}

  Status Check(const PredictRequest& /*request*/) const override { return {}; }
  Status Encode(const PredictRequest& request, std::span<const std::string_view> texts, Encoding& out) const override;
  std::vector<int> Wanted(const PredictRequest& /*request*/) const override { return {}; }
  std::shared_ptr<AnswerSink> MakeSink(const PredictRequest& /*request*/, Encoding& encoding) const override {
    return std::make_shared<TokenizeSink>(std::move(encoding.notes));
  }
  std::vector<PredictRequest> Probes() const override {
    std::vector<PredictRequest> probes;
    probes.push_back(MakeProbe(ProbeTexts(inputs_.max_tokens)));
    return probes;
  }
  Status Inspect(std::size_t /*tokens*/, const std::vector<TensorView>& /*outputs*/) override { return {}; }
  Agreement Compare(const Documents& reference, const Documents& other) const override {
    return CompareTexts(reference, other);
  }

 private:
  // Those with a text, in the order of their first appearance.
  std::vector<TokenWeight> Distinct(std::span<const std::int64_t> ids, std::vector<bool>& seen) const;
  // The same text under another id is the same token, with the same weight.
  static std::vector<TokenWeight> ByAscendingId(std::vector<TokenWeight> tokens);

  const TextInputs inputs_;
  const TokenTable table_;
  const std::vector<float> weights_;  // by id
};

std::vector<TokenWeight> SparseTokenize::Distinct(std::span<const std::int64_t> ids, std::vector<bool>& seen) const {
  std::vector<TokenWeight> tokens;
  for (const std::int64_t id : ids) {
    const auto index = static_cast<std::uint32_t>(id);
    if (table_.Text(index).empty() || seen[index]) continue;
    seen[index] = true;
    tokens.push_back({.id = index, .weight = weights_[index]});
  }
  for (const TokenWeight& token : tokens) seen[token.id] = false;
  return tokens;
}

std::vector<TokenWeight> SparseTokenize::ByAscendingId(std::vector<TokenWeight> tokens) {
  std::ranges::sort(tokens, {}, &TokenWeight::id);
  return tokens;
}

Status SparseTokenize::Encode(const PredictRequest& request, std::span<const std::string_view> texts,
                              Encoding& out) const {
  Encoding tokens;
  RETURN_IF_ERROR(EncodeTexts(inputs_, texts, nullptr, tokens));
  std::vector<bool> seen(table_.size());
  for (std::size_t i = 0; i < tokens.batch.sequences(); ++i) {
    std::vector<TokenWeight> distinct = Distinct(tokens.batch.Ids(i), seen);
    auto note = std::make_unique<PrintedTokens>();
    note->map = request.sparse_format == SparseFormat::kTokenId
                    ? PrintIds(distinct)
                    : PrintWords(table_, ByAscendingId(std::move(distinct)));
    out.notes.push_back(std::move(note));
  }
  out.stats.tokens += tokens.stats.tokens;
  out.stats.truncated += tokens.stats.truncated;
  return {};
}

// By token text; empty when there is no file.
Result<std::unordered_map<std::string, float>> ReadIdf(const Artifact& artifact) {
  std::unordered_map<std::string, float> idf;
  const auto content = ReadFile((artifact.folder / "idf.json").string(), kIdfLimit);
  if (!content && content.error().code == Code::kNotFound) return idf;
  if (!content) return content.error();
  const auto parsed = ParseJsonObject(*content);
  if (!parsed) return Annotate(parsed.error(), "idf.json");
  for (const auto& [token, weight] : *parsed) {
    const float value = weight.is_number() ? static_cast<float>(weight.to_number<double>()) : NAN;
    if (!std::isfinite(value)) {
      return MakeError(Code::kInvalidArgument,
                       fmt::format("idf.json: the weight of [{}] is no number of float32", std::string_view(token)));
    }
    idf.emplace(token, value);
  }
  return idf;
}

}  // namespace

Result<std::unique_ptr<Pipeline>> MakeSparseTokenize(const PipelineParts& parts) {
  ASSIGN_OR_RETURN(TokenTable table, TokenTable::Make(parts.tokenizer));
  ASSIGN_OR_RETURN(const auto idf, ReadIdf(parts.artifact));
  std::vector<float> weights(table.size(), kDefaultWeight);
  for (std::size_t id = 0; id < weights.size(); ++id) {
    const auto found = idf.find(std::string(table.Text(static_cast<std::uint32_t>(id))));
    if (found != idf.end()) weights[id] = found->second;
  }
  return std::unique_ptr<Pipeline>(std::make_unique<SparseTokenize>(parts, std::move(table), std::move(weights)));
}

}  // namespace mlnode::serving
