#include "serving/pipeline.h"

#include <iterator>
#include <utility>

namespace mlnode::serving {
namespace {

struct ProbeOwner {
  std::vector<std::string> texts;
  std::optional<std::string> pair;
};

template <class T>
void AppendAll(const std::vector<T>& from, std::vector<T>& to) {
  to.insert(to.end(), from.begin(), from.end());
}

void AppendTypeIds(const TokenBatch& from, TokenBatch& to) {
  if (from.type_ids.empty() && to.type_ids.empty()) return;
  to.type_ids.resize(to.ids.size(), 0);
  AppendAll(from.type_ids, to.type_ids);
  to.type_ids.resize(to.ids.size() + from.ids.size(), 0);
}

// Both batches are of one pipeline, so that either both have a feature or one is empty.
void AppendFeatures(const TokenBatch& from, TokenBatch& to) {
  if (to.features.empty()) {
    for (const TokenFeature& feature : from.features) to.features.push_back({feature.name, {}, feature.padding});
  }
  for (std::size_t i = 0; i < from.features.size(); ++i) AppendAll(from.features[i].values, to.features[i].values);
}

}  // namespace

void Append(Encoding from, Encoding& to) {
  AppendTypeIds(from.batch, to.batch);
  AppendFeatures(from.batch, to.batch);
  const std::size_t base = to.batch.ids.size();
  AppendAll(from.batch.ids, to.batch.ids);
  for (std::size_t i = 1; i < from.batch.offsets.size(); ++i) to.batch.offsets.push_back(base + from.batch.offsets[i]);
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
