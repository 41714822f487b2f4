// serving/testing/scripted_engine.h: an engine whose graph is a function of the test: any inputs, any outputs.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engines/engine.h"

namespace mlnode::serving::testing {

// One sequence as the graph sees it.
struct GraphSequence {
  std::span<const std::int64_t> ids;
  std::span<const std::int64_t> type_ids;  // empty: all zero
  std::span<const std::int64_t> feature;   // the batch's first; empty: none
};

struct ScriptedGraph {
  std::vector<std::string> inputs = {"input_ids", "attention_mask", "token_type_ids"};
  std::vector<std::string> outputs;
  std::function<std::vector<TensorView>(const GraphSequence& sequence)> run;  // all outputs
  std::function<Status(const TokenBatch& batch)> on_batch = {};               // before each run; may fail it
};

// Takes models of both formats. Refuses type ids and features that the graph has no input for, as real ones do.
// Threads: any, unless the graph's functions are for one.
class ScriptedEngine final : public engines::Engine, public engines::EngineRegistry {
 public:
  explicit ScriptedEngine(ScriptedGraph graph = {}) { SetGraph(std::move(graph)); }
  // Of loads from now on. Not while one runs.
  void SetGraph(ScriptedGraph graph) { graph_ = std::make_shared<const ScriptedGraph>(std::move(graph)); }
  std::string name() const override { return "scripted"; }
  Result<std::unique_ptr<engines::LoadedModel>> Load(const engines::LoadOptions& options) override;
  Result<engines::Engine*> ForModel(engines::ModelFormat /*format*/, const std::filesystem::path& /*file*/) override {
    return this;
  }
  const engines::LoadOptions& options() const { return options_; }  // of the last load

 private:
  std::shared_ptr<const ScriptedGraph> graph_;  // shared with its models
  engines::LoadOptions options_;
};

// Tensors that own their values.
TensorView Int64Tensor(std::vector<std::int64_t> values, std::vector<std::int64_t> shape);

}  // namespace mlnode::serving::testing
