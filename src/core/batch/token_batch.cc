#include "core/batch/token_batch.h"

namespace mlnode {

void AppendSequences(const TokenBatch& from, std::size_t first, std::size_t end, TokenBatch& to) {
  if (first == end) return;
  if (to.sequences() == 0) {
    for (const TokenFeature& feature : from.features) {
      to.features.push_back({.name = feature.name, .values = {}, .padding = feature.padding});
    }
  }
  const std::size_t base = to.ids.size();
  const auto append = [begin = static_cast<std::ptrdiff_t>(from.offsets[first]),
                       stop = static_cast<std::ptrdiff_t>(from.offsets[end])](const std::vector<std::int64_t>& source,
                                                                              std::vector<std::int64_t>& target) {
    target.insert(target.end(), source.begin() + begin, source.begin() + stop);
  };
  append(from.ids, to.ids);
  if (!from.type_ids.empty()) {
    to.type_ids.resize(base, 0);
    append(from.type_ids, to.type_ids);
  } else if (!to.type_ids.empty()) {
    to.type_ids.resize(to.ids.size(), 0);
  }
  for (std::size_t f = 0; f < to.features.size(); ++f) append(from.features[f].values, to.features[f].values);
  for (std::size_t i = first; i < end; ++i) to.offsets.push_back(base + from.offsets[i + 1] - from.offsets[first]);
}

}  // namespace mlnode
