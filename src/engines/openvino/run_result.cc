#include "engines/openvino/run_result.h"

#include <algorithm>
#include <cstring>

namespace mlnode::engines::openvino {

void RunResult::CopyRows(const ov::Tensor& tensor, const MlnodeBatch& batch, const Rectangle& rectangle,
                         Target target) {
  const ov::Shape& shape = tensor.get_shape();
  const std::size_t row_bytes = tensor.get_byte_size() / shape[0];
  const auto tokens = [&](std::size_t sequence) { return batch.offsets[sequence + 1] - batch.offsets[sequence]; };
  const auto kept = [&](std::size_t sequence) {
    return target.per_token ? row_bytes / shape[1] * tokens(sequence) : row_bytes;
  };
  std::size_t bytes = 0;
  for (const std::size_t sequence : rectangle.sequences) bytes += kept(sequence);
  buffers_.push_back(std::make_unique_for_overwrite<std::byte[]>(bytes));
  std::byte* out = buffers_.back().get();
  const auto* row = static_cast<const std::byte*>(tensor.data());
  for (const std::size_t sequence : rectangle.sequences) {
    std::memcpy(out, row, kept(sequence));
    Entry& entry = entries_[sequence * types_.size() + target.output];
    entry = {.shape = {shape.begin() + 1, shape.end()}, .data = out};
    if (target.per_token) entry.shape[0] = static_cast<std::int64_t>(tokens(sequence));
    out += kept(sequence);
    row += row_bytes;
  }
}

void RunResult::Describe(std::size_t sequence, std::size_t output, MlnodeTensor& tensor) const {
  const Entry& entry = entries_[sequence * types_.size() + output];
  tensor.type = static_cast<std::int32_t>(types_[output]);
  tensor.rank = static_cast<std::int32_t>(entry.shape.size());
  std::ranges::copy(entry.shape, tensor.dims);
  tensor.data = entry.data;
}

}  // namespace mlnode::engines::openvino
