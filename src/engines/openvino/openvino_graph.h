// engines/openvino/openvino_graph.h: one ONNX model compiled for the CPU.
// Precision is set explicitly and read back: left alone, OpenVINO computes in bf16 where the CPU has AMX.
// Lanes are streams of one thread each: two threads on one inference collapse when the cores are shared (measured
// 2026-11-23).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engines/graph.h"
#include "engines/openvino/lane_pool.h"

namespace mlnode::engines::openvino {

// Threads: Compute from any; up to `lanes` at once, more wait.
class OpenVinoGraph final : public Graph {
 public:
  // kInvalidArgument (cannot be read, inputs that tokens cannot fill), kUnimplemented (precision, an output's type).
  static Result<std::unique_ptr<Graph>> Load(const LoadOptions& options);

  const std::vector<InputSlot>& inputs() const override { return inputs_; }
  const std::vector<OutputSlot>& outputs() const override { return outputs_; }
  std::string engine() const override;
  Precision precision() const override { return precision_; }
  BatchLimits limits() const override { return {}; }  // lengths in steps: it compiles anew for every new shape
  Status Compute(std::span<const InputTensor> inputs, std::span<const std::int32_t> wanted,
                 const Reader& read) override;

 private:
  OpenVinoGraph(ov::CompiledModel model, const LoadOptions& options);
  Status DescribeInputs(const std::vector<std::string>& batch_inputs);
  Status DescribeOutputs();

  ov::CompiledModel model_;
  LanePool lanes_;
  Precision precision_;
  std::vector<InputSlot> inputs_;
  std::vector<OutputSlot> outputs_;
};

}  // namespace mlnode::engines::openvino
