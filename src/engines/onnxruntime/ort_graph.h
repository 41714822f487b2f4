// engines/onnxruntime/ort_graph.h: one ONNX model in a session of ONNX Runtime: for graphs that compute on integers,
// which OpenVINO runs at a ninth of the speed (docs/adr/0009-quantised-onnx.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engines/graph.h"
#include "engines/onnxruntime/ort_api.h"

namespace mlnode::engines::onnxruntime {

// One session, one thread a run. Threads: Compute from any; nobody waits.
class OrtGraph final : public Graph {
 public:
  // kInvalidArgument (cannot be read, inputs that tokens cannot fill), kUnimplemented (precision bf16, an operator, an
  // output's type).
  static Result<std::unique_ptr<Graph>> Load(const LoadOptions& options);

  const std::vector<InputSlot>& inputs() const override { return inputs_; }
  const std::vector<OutputSlot>& outputs() const override { return outputs_; }
  std::string engine() const override { return "onnxruntime " + OrtVersion(); }
  Precision precision() const override { return precision_; }
  BatchLimits limits() const override { return limits_; }
  Status Compute(std::span<const InputTensor> inputs, std::span<const std::int32_t> wanted,
                 const Reader& read) override;

 private:
  OrtGraph() = default;
  Status DescribeInputs(const std::vector<std::string>& batch_inputs);
  Status DescribeOutputs();
  std::vector<OrtValuePtr> Run(std::span<const InputTensor> inputs, std::span<const std::int32_t> wanted) const;

  OrtSessionPtr session_;
  OrtMemoryInfoPtr memory_;
  OrtRunOptionsPtr shrinking_run_;
  Precision precision_ = Precision::kF32;
  BatchLimits limits_;
  std::vector<InputSlot> inputs_;
  std::vector<OutputSlot> outputs_;
  std::vector<const char*> input_names_;  // of inputs_
};

}  // namespace mlnode::engines::onnxruntime
