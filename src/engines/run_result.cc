#include "engines/run_result.h"

#include <algorithm>
#include <cstring>

namespace mlnode::engines {
namespace {

std::size_t Bytes(const OutputTensor& tensor) {
  std::size_t bytes = DataTypeBytes(tensor.type);
  for (const std::int64_t d : tensor.shape) bytes *= static_cast<std::size_t>(d);
  return bytes;
}

}  // namespace

std::byte* RunResult::Allocate(std::size_t bytes) {
  buffers_.push_back(std::make_unique_for_overwrite<std::byte[]>(bytes));
  return buffers_.back().get();
}

void RunResult::CopyRows(const OutputTensor& tensor, const MlnodeBatch& batch, const Rectangle& rectangle,
                         Target target) {
  const std::size_t row_bytes = Bytes(tensor) / rectangle.sequences.size();
  const auto tokens = [&](std::size_t sequence) { return batch.offsets[sequence + 1] - batch.offsets[sequence]; };
  const auto kept = [&](std::size_t sequence) {
    return target.per_token ? row_bytes / rectangle.length * tokens(sequence) : row_bytes;
  };
  std::size_t bytes = 0;
  for (const std::size_t sequence : rectangle.sequences) bytes += kept(sequence);
  std::byte* out = Allocate(bytes);
  const auto* row = static_cast<const std::byte*>(tensor.data);
  for (const std::size_t sequence : rectangle.sequences) {
    std::copy_n(row, kept(sequence), out);
    Entry& entry = entries_[sequence * outputs_ + target.output];
    entry = {.type = tensor.type, .shape = {tensor.shape.begin() + 1, tensor.shape.end()}, .data = out};
    if (target.per_token) entry.shape[0] = static_cast<std::int64_t>(tokens(sequence));
    out += kept(sequence);
    row += row_bytes;
  }
}

void RunResult::CopyWhole(const OutputTensor& tensor, std::size_t sequence, std::size_t output) {
  const std::size_t bytes = Bytes(tensor);
  std::byte* const out = Allocate(bytes);
  std::copy_n(static_cast<const std::byte*>(tensor.data), bytes, out);
  entries_[sequence * outputs_ + output] = {.type = tensor.type, .shape = tensor.shape, .data = out};
}

void RunResult::Describe(std::size_t sequence, std::size_t output, MlnodeTensor& tensor) const {
  const Entry& entry = entries_[sequence * outputs_ + output];
  tensor.type = static_cast<std::int32_t>(entry.type);
  tensor.rank = static_cast<std::int32_t>(entry.shape.size());
  std::ranges::copy(entry.shape, tensor.dims);
  tensor.data = entry.data;
}

}  // namespace mlnode::engines
