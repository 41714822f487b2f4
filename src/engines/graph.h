// engines/graph.h: what a plug-in writes for its vendor. The rest of a plug-in is the same for all of them: which input
// holds what (graph_inputs.h), cutting batches and finding out how a graph behaves (graph_runner.h), the C ABI
// (plugin_export.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/tensor.h"
#include "engines/batch_plan.h"
#include "engines/engine.h"

namespace mlnode::engines {

// What an input of a graph holds, by its name in the exports of Hugging Face models; kFeature: a TokenFeature of the
// input's own name.
enum class InputKind : std::uint8_t { kIds, kMask, kTypes, kPositions, kFeature };

struct InputSlot {
  InputKind kind;
  std::string name;
  DataType type = DataType::kInt64;  // or kInt32
  std::int64_t batch = -1;           // -1 = dynamic
  std::int64_t length = -1;
};

struct OutputSlot {
  std::string name;
  DataType type = DataType::kFloat32;
  std::vector<std::int64_t> dims = {};  // -1 = dynamic; empty where the graph declares none
  bool per_token = false;               // axis 1 follows the sequence length: padding is cut off there (GraphRunner)
};

// A contiguous row-major tensor in memory of somebody else.
struct InputTensor {
  std::vector<std::int64_t> shape;
  void* data;  // the graph may write to it
};
struct OutputTensor {
  DataType type;
  std::vector<std::int64_t> shape;
  const void* data;
};

// A loaded graph. Threads: Compute from any, up to `lanes` at once without waiting. Its methods may throw what the
// vendor throws and std::bad_alloc: plugin_export.h turns both into errors.
class Graph {
 public:
  using Reader = std::function<Status(std::span<const OutputTensor>)>;

  virtual ~Graph() = default;
  virtual const std::vector<InputSlot>& inputs() const = 0;    // at least one, with input_ids
  virtual const std::vector<OutputSlot>& outputs() const = 0;  // as declared
  virtual std::string engine() const = 0;                      // "openvino 2026.4.1"
  virtual Precision precision() const = 0;                     // of the compiled graph, not what was asked for
  // How batches are to be cut for it, but for max_length and fixed_length.
  virtual BatchLimits limits() const = 0;
  // One run. `inputs`: a tensor [rows, length] for each of inputs(). `read` is called once, with the outputs of the
  // indices `wanted` in their order, while the vendor's memory is still valid; its status is returned. kInternal: the
  // graph gave what it does not declare.
  virtual Status Compute(std::span<const InputTensor> inputs, std::span<const std::int32_t> wanted,
                         const Reader& read) = 0;
};

}  // namespace mlnode::engines
