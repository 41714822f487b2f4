// engines/openvino/openvino_model.h: one ONNX model compiled for the CPU.
// Precision is set explicitly and read back: left alone, OpenVINO computes in bf16 where the CPU has AMX.
// Lanes are streams of one thread each: two threads on one inference collapse when the cores are shared (measured
// 2026-11-23).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/tensor.h"
#include "engines/batch_plan.h"
#include "engines/engine_abi.h"
#include "engines/openvino/input_fill.h"
#include "engines/openvino/lane_pool.h"
#include "engines/openvino/run_result.h"

namespace mlnode::engines::openvino {

struct OutputSlot {
  std::string name;
  DataType type = DataType::kFloat32;
  std::vector<std::int64_t> dims;  // -1 = dynamic
  bool per_token = false;          // axis 1 follows the sequence length: padding is cut off there
};

// Threads: Run from any; up to `lanes` compute at once, more wait. May throw what OpenVINO throws, and std::bad_alloc.
class OpenVinoModel {
 public:
  // kInvalidArgument (cannot be read, inputs that tokens cannot fill, fails a first run), kUnimplemented (precision, an
  // output's type). The text of ov exceptions is for the caller of the C ABI to shape.
  static Result<std::unique_ptr<OpenVinoModel>> Load(ov::Core& core, const MlnodeLoadOptions& options);

  const std::vector<InputSlot>& inputs() const { return inputs_; }
  const std::vector<OutputSlot>& outputs() const { return outputs_; }
  const std::string& precision() const { return precision_; }
  // kInvalidArgument: the batch has types that the graph has no input for, or a sequence longer than the graph's fixed
  // length.
  Result<std::unique_ptr<RunResult>> Run(const MlnodeBatch& batch, std::span<const std::int32_t> wanted);

 private:
  OpenVinoModel(ov::CompiledModel model, const MlnodeLoadOptions& options);
  Status Describe();
  // Two first runs of different shapes: which outputs follow the length, and whether the graph takes more than one row.
  Status Probe();
  bool TryRows(std::size_t rows, std::size_t length, std::vector<ov::Shape>& shapes);
  Status CheckBatch(const MlnodeBatch& batch) const;
  void Infer(ov::InferRequest& request, const MlnodeBatch& batch, const Rectangle& rectangle) const;
  Status RunRectangle(const MlnodeBatch& batch, const Rectangle& rectangle, std::span<const std::int32_t> wanted,
                      RunResult& result);

  ov::CompiledModel model_;
  LanePool lanes_;
  BatchLimits limits_;
  std::string precision_;
  std::vector<InputSlot> inputs_;
  std::vector<OutputSlot> outputs_;
};

}  // namespace mlnode::engines::openvino
