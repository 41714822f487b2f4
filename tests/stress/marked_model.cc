#include "stress/marked_model.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace mlnode::stress {
namespace {

TensorView Answer(std::int64_t mark, std::size_t length, int output) {
  auto values = std::make_shared<const std::vector<std::int64_t>>(
      std::vector<std::int64_t>{mark, static_cast<std::int64_t>(length), output});
  return {.type = DataType::kInt64, .shape = {3}, .data = values->data(), .owner = values};
}

// Something to do that no compiler leaves out.
void Compute(std::size_t tokens) {
  volatile std::uint64_t value = tokens;
  for (std::size_t i = 0; i < tokens * 500; ++i) value = value * 31 + i;
}

}  // namespace

std::vector<std::int64_t> MarkedTokens(std::int64_t mark, std::size_t length) {
  std::vector<std::int64_t> tokens(length);
  for (std::size_t i = 0; i < length; ++i) tokens[i] = i == 0 ? mark : mark * 31 + static_cast<std::int64_t>(i);
  return tokens;
}

MarkedModel::~MarkedModel() {
  if (running_ == 0) return;
  std::fprintf(stderr, "a model went while it ran\n");
  std::abort();
}

Result<engines::BatchResult> MarkedModel::Run(const TokenBatch& batch, const std::vector<int>& wanted) {
  ++running_;
  Compute(batch.tokens());
  Status status;
  engines::BatchResult result;
  for (std::size_t i = 0; i < batch.sequences(); ++i) {
    const auto ids = batch.Ids(i);
    const std::vector<std::int64_t> expected = MarkedTokens(ids[0], ids.size());
    if (!std::equal(ids.begin(), ids.end(), expected.begin())) {
      status = MakeError(Code::kInternal, std::string(kMixedUp));
    } else if (ids[0] < 0) {
      status = MakeError(Code::kInternal, "poison");
    }
    std::vector<TensorView>& views = result.per_sequence.emplace_back();
    for (const int output : wanted) views.push_back(Answer(ids[0], ids.size(), output));
  }
  --running_;
  if (!status) return std::move(status).error();
  return result;
}

}  // namespace mlnode::stress
