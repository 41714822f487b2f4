#include "serving/pipelines/embedding_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "serving/pipelines/outputs.h"
#include "serving/pipelines/pooling.h"

namespace mlnode::serving {
namespace {

using models::Pooling;

constexpr const char* kTensorName = "sentence_embedding";

}  // namespace

EmbeddingSink::EmbeddingSink(const models::ModelConfig& config, const EmbeddingOutput& output, const TokenBatch& batch)
    : pooling_(config.pooling),
      normalize_(config.normalize_result),
      output_(output),
      keeps_tokens_(config.pooling == Pooling::kNone && output.per_token),
      offsets_(batch.offsets) {}

std::span<float> EmbeddingSink::Place(std::size_t text) {
  const std::size_t begin = keeps_tokens_ ? offsets_[text] : text;
  const std::size_t end = keeps_tokens_ ? offsets_[text + 1] : text + 1;
  return std::span(values_).subspan(begin * output_.dim, (end - begin) * output_.dim);
}

Status EmbeddingSink::Take(std::size_t text, const std::vector<TensorView>& outputs) {
  const TensorView& answer = outputs.front();
  std::vector<std::int64_t> expected{static_cast<std::int64_t>(output_.dim)};
  if (output_.per_token)
    expected.insert(expected.begin(), static_cast<std::int64_t>(offsets_[text + 1] - offsets_[text]));
  if (answer.type != DataType::kFloat32 || answer.shape != expected) {
    return Unexpected(output_.name, answer, expected, text);
  }
  const std::size_t values = (keeps_tokens_ ? offsets_.back() : offsets_.size() - 1) * output_.dim;
  RETURN_IF_ERROR(AnswerBytes().Add(values * sizeof(float)));
  std::call_once(allocated_, [this, values] { values_.resize(values); });
  const std::span<float> place = Place(text);
  if (keeps_tokens_ || pooling_ == Pooling::kNone) {
    std::copy_n(answer.Floats().begin(), place.size(), place.begin());
  } else {
    Pool(pooling_, {answer.Floats(), output_.dim}, place);
  }
  if (!AllFinite(place)) {
    return NotFinite(output_.name, text);
  }
  if (normalize_) {
    for (std::size_t at = 0; at < place.size(); at += output_.dim) NormalizeL2(place.subspan(at, output_.dim));
  }
  return {};
}

Documents EmbeddingSink::Finish() {
  const auto dim = static_cast<std::int64_t>(output_.dim);
  const bool leading_axis = output_.leading_axis || pooling_ == Pooling::kMax || pooling_ == Pooling::kNone;
  Documents documents(offsets_.size() - 1);
  const std::shared_ptr<EmbeddingSink> self = shared_from_this();
  for (std::size_t text = 0; text < documents.size(); ++text) {
    const std::span<float> place = Place(text);
    TensorView view{.type = DataType::kFloat32, .shape = {dim}, .data = place.data(), .owner = self};
    if (leading_axis) view.shape = {static_cast<std::int64_t>(place.size()) / dim, dim};
    documents[text].push_back({.name = kTensorName, .tensor = std::move(view)});
  }
  return documents;
}

}  // namespace mlnode::serving
