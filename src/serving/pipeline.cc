#include "serving/pipeline.h"

#include <iterator>
#include <utility>

#include "core/batch/token_batch.h"

namespace mlnode::serving {
namespace {

struct ProbeOwner {
  std::vector<std::string> texts;
  std::optional<std::string> pair;
};

}  // namespace

void Append(Encoding from, Encoding& to) {
  AppendSequences(from.batch, 0, from.batch.sequences(), to.batch);
  to.notes.insert(to.notes.end(), std::make_move_iterator(from.notes.begin()),
                  std::make_move_iterator(from.notes.end()));
  to.stats.tokens += from.stats.tokens;
  to.stats.truncated += from.stats.truncated;
}

PredictRequest MakeProbe(std::vector<std::string> texts, std::optional<std::string> pair) {
  const auto owner = std::make_shared<const ProbeOwner>(ProbeOwner{std::move(texts), std::move(pair)});
  PredictRequest request;
  request.texts.assign(owner->texts.begin(), owner->texts.end());
  if (owner->pair) request.pair = *owner->pair;
  request.owner = owner;
  return request;
}

std::vector<std::string> ProbeTexts(std::size_t max_tokens) {
  const std::string sentence = "The quick brown fox jumps over the lazy dog. ";
  std::vector<std::string> probes = {"warm up sentence", sentence};
  std::string text;
  while (text.size() < 4 * sentence.size()) text += sentence;
  probes.push_back(text);
  // A word is at least a token in every tokenizer that splits at spaces; others see enough characters.
  for (std::size_t words = 0; words <= max_tokens; words += 9) text += sentence;
  probes.push_back(text);
  return probes;
}

}  // namespace mlnode::serving
