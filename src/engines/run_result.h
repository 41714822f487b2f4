// engines/run_result.h: the output tensors of one Run, copied out of the vendor's memory without their padding, so that
// neither the lane nor the model has to wait for whoever reads them.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engines/engine_abi.h"
#include "engines/graph.h"

namespace mlnode::engines {

class RunResult {
 public:
  struct Target {
    std::size_t output;  // index into the outputs that the call wanted
    bool per_token;      // axis 1 is the sequence: rows are cut to their tokens
  };
  RunResult(std::size_t sequences, std::size_t outputs) : outputs_(outputs), entries_(sequences * outputs) {}

  // `tensor`: [rows of the rectangle, ...], per token [rows, length, ...]. Cost: one copy of what is kept.
  void CopyRows(const OutputTensor& tensor, const MlnodeBatch& batch, const Rectangle& rectangle, Target target);
  // The whole tensor becomes the one of `sequence`.
  void CopyWhole(const OutputTensor& tensor, std::size_t sequence, std::size_t output);
  void Describe(std::size_t sequence, std::size_t output, MlnodeTensor& tensor) const;

 private:
  struct Entry {
    DataType type = DataType::kFloat32;
    std::vector<std::int64_t> shape;
    const std::byte* data = nullptr;
  };
  std::byte* Allocate(std::size_t bytes);

  std::size_t outputs_;
  std::vector<Entry> entries_;  // [sequence][output]
  std::vector<std::unique_ptr<std::byte[]>> buffers_;
};

}  // namespace mlnode::engines
