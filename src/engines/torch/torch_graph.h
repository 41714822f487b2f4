// engines/torch/torch_graph.h: one TorchScript module.
// One thread a run: two threads on one inference collapse when the cores are shared (measured 2026-11-23).
#pragma once

#include <torch/csrc/jit/api/module.h>

#include <memory>
#include <string>
#include <vector>

#include "engines/graph.h"
#include "engines/torch/torch_call.h"
#include "engines/torch/torch_values.h"

namespace mlnode::engines::libtorch {

// Threads: Compute from any; nobody waits.
class TorchGraph final : public Graph {
 public:
  // Reads the archive with the TorchScript loader alone, which runs no Python; operators that read or write files are
  // not there for it. Declares no shapes: outputs are named and typed by a first run. kInvalidArgument (no TorchScript
  // archive, a signature that batches cannot fill, a module that fails), kUnimplemented (precision, an output's type or
  // device, a module that keeps state between calls), kUnavailable (a libtorch that does not name its operators as
  // expected). What a module prints or warns of is dropped.
  static Result<std::unique_ptr<Graph>> Load(const LoadOptions& options);

  const std::vector<InputSlot>& inputs() const override { return plan_.slots; }
  const std::vector<OutputSlot>& outputs() const override { return outputs_; }
  std::string engine() const override;
  Precision precision() const override { return precision_; }
  BatchLimits limits() const override { return {.length_step = 1}; }  // it prepares nothing for a shape
  Status Compute(std::span<const InputTensor> inputs, std::span<const std::int32_t> wanted,
                 const Reader& read) override;

 private:
  TorchGraph(torch::jit::Module module, const LoadOptions& options);
  Status ChoosePlan(const std::vector<std::string>& batch_inputs);
  Status Try(CallPlan plan);
  Result<std::vector<NamedTensor>> Forward(std::span<const InputTensor> inputs);

  torch::jit::Module module_;
  torch::jit::Method forward_;
  Precision precision_;
  CallPlan plan_{};
  std::vector<OutputSlot> outputs_;
};

}  // namespace mlnode::engines::libtorch
