#include "engines/run_check.h"

#include <algorithm>
#include <string>

namespace mlnode::engines {
namespace {

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

Status CheckSequences(const TokenBatch& batch, std::int64_t max_tokens) {
  for (std::size_t i = 0; i < batch.sequences(); ++i) {
    if (batch.offsets[i + 1] <= batch.offsets[i]) return Invalid("sequence " + std::to_string(i) + " has no tokens");
    const std::size_t length = batch.Length(i);
    if (std::cmp_greater(length, max_tokens)) {
      return Invalid("sequence " + std::to_string(i) + " has " + std::to_string(length) + " tokens, the model takes " +
                     std::to_string(max_tokens));
    }
  }
  return {};
}

}  // namespace

Status CheckRun(const TokenBatch& batch, const std::vector<int>& wanted, std::size_t outputs, std::int64_t max_tokens) {
  for (const int output : wanted) {
    if (output < 0 || std::cmp_greater_equal(output, outputs)) {
      return Invalid("output " + std::to_string(output) + " does not exist: the model has " + std::to_string(outputs));
    }
  }
  if (batch.offsets.empty() || batch.offsets.front() != 0 || batch.offsets.back() != batch.ids.size() ||
      (!batch.type_ids.empty() && batch.type_ids.size() != batch.ids.size())) {
    return Invalid("the batch's offsets, ids and type ids do not fit together");
  }
  RETURN_IF_ERROR(CheckSequences(batch, max_tokens));
  for (const TokenFeature& feature : batch.features) {
    if (feature.values.size() != batch.ids.size()) {
      return Invalid("the batch has " + std::to_string(batch.ids.size()) + " tokens and " +
                     std::to_string(feature.values.size()) + " values of " + feature.name);
    }
  }
  const auto negative = std::ranges::find_if(batch.ids, [](std::int64_t id) { return id < 0; });
  if (negative != batch.ids.end()) return Invalid(std::to_string(*negative) + " is not a token id");
  return {};
}

}  // namespace mlnode::engines
