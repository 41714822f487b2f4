#include "serving/batch_cutting.h"

#include <algorithm>
#include <numeric>

namespace mlnode::serving {

std::vector<std::vector<std::size_t>> CutBatch(const TokenBatch& batch, const CutRules& rules) {
  std::vector<std::size_t> order(batch.sequences());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return batch.Length(a) != batch.Length(b) ? batch.Length(a) > batch.Length(b) : a < b;
  });
  const std::size_t share = (batch.tokens() + rules.lanes - 1) / rules.lanes;
  const std::size_t limit = std::min(std::max(share, kMinSpreadTokens), rules.max_batch_tokens);
  std::vector<std::vector<std::size_t>> cut;
  std::size_t tokens = 0;
  for (const std::size_t sequence : order) {
    const std::size_t length = batch.Length(sequence);
    if (cut.empty() || rules.one_by_one || tokens + length > limit) {
      cut.emplace_back();
      tokens = 0;
    }
    cut.back().push_back(sequence);
    tokens += length;
  }
  return cut;
}

TokenBatch GatherSequences(const TokenBatch& batch, const std::vector<std::size_t>& sequences) {
  TokenBatch out;
  for (const TokenFeature& feature : batch.features) out.features.push_back({feature.name, {}, feature.padding});
  for (const std::size_t sequence : sequences) {
    const auto begin = static_cast<std::ptrdiff_t>(batch.offsets[sequence]);
    const auto end = static_cast<std::ptrdiff_t>(batch.offsets[sequence + 1]);
    out.ids.insert(out.ids.end(), batch.ids.begin() + begin, batch.ids.begin() + end);
    if (!batch.type_ids.empty()) {
      out.type_ids.insert(out.type_ids.end(), batch.type_ids.begin() + begin, batch.type_ids.begin() + end);
    }
    for (std::size_t i = 0; i < batch.features.size(); ++i) {
      const std::vector<std::int64_t>& from = batch.features[i].values;
      out.features[i].values.insert(out.features[i].values.end(), from.begin() + begin, from.begin() + end);
    }
    out.offsets.push_back(out.ids.size());
  }
  return out;
}

}  // namespace mlnode::serving
