// engines/openvino/run_result.h: the output tensors of one Run, copied out of the vendor's memory without their
// padding, so that neither the lane nor the model has to wait for whoever reads them.
#pragma once

#include <cstddef>
#include <memory>
#include <openvino/runtime/tensor.hpp>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "engines/batch_plan.h"
#include "engines/engine_abi.h"

namespace mlnode::engines::openvino {

class RunResult {
 public:
  struct Target {
    std::size_t output;  // index into the outputs that the call wanted
    bool per_token;      // axis 1 is the sequence: rows are cut to their tokens
  };
  RunResult(std::size_t sequences, std::vector<DataType> types)
      : types_(std::move(types)), entries_(sequences * types_.size()) {}

  // `tensor`: [rows of the rectangle, ...]. Cost: one copy of what is kept.
  void CopyRows(const ov::Tensor& tensor, const MlnodeBatch& batch, const Rectangle& rectangle, Target target);
  void Describe(std::size_t sequence, std::size_t output, MlnodeTensor& tensor) const;

 private:
  struct Entry {
    std::vector<std::int64_t> shape;
    const std::byte* data = nullptr;
  };
  std::vector<DataType> types_;
  std::vector<Entry> entries_;  // [sequence][output]
  std::vector<std::unique_ptr<std::byte[]>> buffers_;
};

}  // namespace mlnode::engines::openvino
