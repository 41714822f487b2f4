// engines/graph_runner.h: ragged batches on a graph that computes rectangles.
// Owns: the graph. Threads: Run from any.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engines/engine_abi.h"
#include "engines/graph.h"
#include "engines/run_result.h"

namespace mlnode::engines {

// May throw what its graph throws.
class GraphRunner {
 public:
  // Finds out by first runs which outputs follow the length, and whether the graph takes more than one row: one that
  // fails with two, or whose outputs do not begin with the rows (a batch of 1 baked into its body), runs one by one.
  // kInvalidArgument: an output whose first axis is no sequence (not under OutputRule::kWhole); kUnimplemented: an
  // output of more than 8 axes. Cost: three runs of at most 16 tokens (three of the graph's fixed length).
  static Result<std::unique_ptr<GraphRunner>> Make(std::unique_ptr<Graph> graph, const LoadOptions& options);

  const Graph& graph() const { return *graph_; }
  const std::vector<OutputSlot>& outputs() const { return outputs_; }
  // kInvalidArgument as in CheckBatchFits. `wanted`: indices into outputs().
  Result<std::unique_ptr<RunResult>> Run(const MlnodeBatch& batch, std::span<const std::int32_t> wanted);

 private:
  using Shapes = std::vector<std::vector<std::int64_t>>;  // [output]

  GraphRunner(std::unique_ptr<Graph> graph, const LoadOptions& options);
  Status Probe();
  // One run of `rows` equal sequences; the shapes of all outputs.
  Result<Shapes> Try(std::size_t rows, std::size_t length);
  bool TakesTwoRows(std::size_t length, Shapes& shapes);
  void Describe(const Shapes& at_longer, const Shapes& at_shorter, std::size_t longer, std::size_t shorter);
  Status RunRectangle(const MlnodeBatch& batch, const Rectangle& rectangle, std::span<const std::int32_t> wanted,
                      RunResult& result);
  Status Take(const MlnodeBatch& batch, const Rectangle& rectangle, const OutputSlot& slot, const OutputTensor& tensor,
              std::size_t output, RunResult& result) const;

  std::unique_ptr<Graph> graph_;
  OutputRule rule_;
  BatchLimits limits_;
  std::vector<OutputSlot> outputs_;
};

}  // namespace mlnode::engines
