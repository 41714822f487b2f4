#include "serving/warm_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "serving/pooling.h"

namespace mlnode::serving {
namespace {

// Of a word's, a sentence's, a paragraph's and more than any model's length.
std::vector<std::string> ProbeTexts(std::size_t max_tokens) {
  const std::string sentence = "The quick brown fox jumps over the lazy dog. ";
  std::vector<std::string> probes = {"a", sentence};
  std::string text;
  while (text.size() < 4 * sentence.size()) text += sentence;
  probes.push_back(text);
  // A word is at least a token in every tokenizer that splits at spaces; others see enough characters.
  for (std::size_t words = 0; words <= max_tokens; words += 9) text += sentence;
  probes.push_back(text);
  return probes;
}

Error NotUsable(const EmbeddingOutput& output, std::string_view what) {
  return MakeError(Code::kInvalidArgument, fmt::format("Output '{}' of the model {}.", output.name, what));
}

// Type, rank and size of the answer for one probe.
Status Inspect(const TensorView& answer, std::size_t tokens, EmbeddingOutput& output) {
  if (answer.type != DataType::kFloat32) {
    return NotUsable(output, fmt::format("is {}; only FLOAT32 can be pooled", DataTypeName(answer.type)));
  }
  const std::size_t rank = answer.shape.size();
  if (rank < 1 || rank > 2 || answer.shape.back() < 1) {
    return NotUsable(output, fmt::format("has the shape [{}] for a text; [tokens, dim] or [dim] can be pooled",
                                         fmt::join(answer.shape, ", ")));
  }
  if (rank == 2 && answer.shape[0] != static_cast<std::int64_t>(tokens)) {
    return NotUsable(output, fmt::format("has {} rows for {} tokens", answer.shape[0], tokens));
  }
  const auto dim = static_cast<std::size_t>(answer.shape.back());
  if (output.dim != 0 && (output.dim != dim || output.per_token != (rank == 2))) {
    return NotUsable(output, "changes its shape from text to text");
  }
  output.dim = dim;
  output.per_token = rank == 2;
  return {};
}

Result<TensorView> RunOne(const EmbeddingModel& model, const TokenBatch& batch, int output) {
  ASSIGN_OR_RETURN(engines::BatchResult result, model.engine->Run(batch, {output}));
  if (result.per_sequence.size() != 1 || result.per_sequence[0].size() != 1) {
    return MakeError(Code::kInternal, "The engine did not answer one tensor for one sequence.");
  }
  return std::move(result.per_sequence[0][0]);
}

// Vectors as a prediction gives them, of raw answers.
Result<std::vector<float>> Vectors(const models::ModelConfig& config, const EmbeddingOutput& output,
                                   const TokenBatch& batch, const std::vector<TensorView>& answers) {
  const auto sink = std::make_shared<EmbeddingSink>(config, output, batch);
  for (std::size_t i = 0; i < answers.size(); ++i) RETURN_IF_ERROR(sink->Take(i, answers[i]));
  std::vector<float> values;
  for (const auto& document : EmbeddingSink::Documents(sink)) {
    const auto floats = document.front().tensor->Floats();
    values.insert(values.end(), floats.begin(), floats.end());
  }
  return values;
}

// Rounding differs with the shape of a batch, by about 1e-6 of the largest value in float; a graph that mixes texts, or
// one that scales by the batch's largest value (dynamic quantisation: research measured cosines of 0.973), differs far
// more.
bool Agree(const std::vector<float>& a, const std::vector<float>& b) {
  constexpr float kTolerance = 1e-3F;
  float largest = 0;
  float difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  return difference <= kTolerance * largest;
}

// Whether all probes together give what each gave alone. An engine that fails at it only cannot batch this graph.
bool BatchAgrees(const EmbeddingModel& model, const models::ModelConfig& config, const EmbeddingOutput& output,
                 const TokenBatch& all, const std::vector<float>& alone) {
  const auto together = model.engine->Run(all, {output.index});
  if (!together || together->per_sequence.size() != all.sequences()) return false;
  std::vector<TensorView> answers;
  for (const auto& outputs : together->per_sequence) {
    if (outputs.size() != 1) return false;
    answers.push_back(outputs[0]);
  }
  const auto vectors = Vectors(config, output, all, answers);
  return vectors && vectors->size() == alone.size() && Agree(alone, *vectors);
}

}  // namespace

Result<WarmUpResult> WarmUp(const EmbeddingModel& model, const models::ModelConfig& config,
                            const std::function<Status()>& wanted) {
  const auto& outputs = model.engine->outputs();
  if (outputs.empty()) return MakeError(Code::kInvalidArgument, "The model has no output.");
  WarmUpResult found;
  found.output.index = PooledOutputIndex(config.pooling, outputs.size());
  found.output.name = outputs[static_cast<std::size_t>(found.output.index)].name;
  TokenBatch all;
  std::vector<TensorView> answers;
  for (const std::string& probe : ProbeTexts(model.max_tokens)) {
    RETURN_IF_ERROR(wanted());
    const std::string_view text = probe;
    TokenBatch one;
    ASSIGN_OR_RETURN(const text::EncodeStats stats, model.tokenizer->Encode({&text, 1}, model.max_tokens, one));
    ASSIGN_OR_RETURN(TensorView answer, RunOne(model, one, found.output.index));
    RETURN_IF_ERROR(Inspect(answer, stats.tokens, found.output));
    answers.push_back(std::move(answer));
    RETURN_IF_ERROR(model.tokenizer->Encode({&text, 1}, model.max_tokens, all));
  }
  auto alone = Vectors(config, found.output, all, answers);
  if (!alone) return NotUsable(found.output, "holds NaN or infinity for an ordinary text");
  answers.clear();
  RETURN_IF_ERROR(wanted());
  found.batched = BatchAgrees(model, config, found.output, all, *alone);
  return found;
}

}  // namespace mlnode::serving
