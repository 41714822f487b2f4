// engines/engine.h: what a model is once it is loaded, whatever library runs it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/tensor.h"

namespace mlnode::engines {

enum class ModelFormat : std::uint8_t { kOnnx, kTorchScript };
// kQuantized: what the graph's own integer operators compute; asked for by nobody, read back from such a graph.
enum class Precision : std::uint8_t { kF32, kBf16, kQuantized };
std::string_view PrecisionName(Precision precision);  // "f32", "bf16", "quantized"

struct Port {
  std::string name;
  DataType type;
  std::vector<std::int64_t> dims;  // -1 = dynamic
};

// What the first axis of an output is. kRows: the sequence. kWhole: anything; the engine runs such a graph one sequence
// at a time and hands each output out as it is (a highlighter answers lists of indices).
enum class OutputRule : std::uint8_t { kRows, kWhole };

struct LoadOptions {
  std::filesystem::path file;
  std::filesystem::path cache_dir;  // for compiled blobs; empty = none
  int lanes = 1;
  Precision precision = Precision::kF32;
  std::int64_t max_tokens = 512;
  // The inputs that batches will hold, in the order in which a graph that declares no names (TorchScript) takes them
  // when it takes tensors one by one; it is given as many as its schema has arguments. A graph that declares names, or
  // takes one dictionary, is fed by name. "attention_mask" and "position_ids" are made by the engine; what is neither
  // these nor "input_ids" nor "token_type_ids" is a TokenFeature of the batch.
  std::vector<std::string> inputs = {"input_ids", "attention_mask", "token_type_ids"};
  OutputRule output_rule = OutputRule::kRows;
};

// Output tensors of one batch: sequence-major. Each view keeps the result alive.
struct BatchResult {
  std::vector<std::vector<TensorView>> per_sequence;  // [sequence][wanted output]
};

// A loaded model. Threads: Run from any thread, up to `lanes` at once without waiting. Destruction frees native memory;
// the owner has drained all runs (serving/servable.h).
class LoadedModel {
 public:
  virtual ~LoadedModel() = default;
  virtual const std::vector<Port>& inputs() const = 0;
  virtual const std::vector<Port>& outputs() const = 0;
  virtual std::string engine() const = 0;   // "openvino 2026.4.1"
  virtual Precision precision() const = 0;  // read back from the compiled model, not what was asked for
  // Runs a ragged batch. `wanted`: indices into outputs(). Each view is [tokens, ...] or [...] of its sequence, padding
  // removed; under OutputRule::kWhole what the graph gave for it. kInvalidArgument (types or a feature that the graph
  // does not take, a feature that it takes and the batch lacks, a sequence beyond max_tokens), kResourceExhausted
  // (memory), kInternal (vendor). Blocks for the computation.
  virtual Result<BatchResult> Run(const TokenBatch& batch, const std::vector<int>& wanted) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;
  // Blocks for seconds. kInvalidArgument (not a model of this format: message says what the parser said),
  // kResourceExhausted, kUnimplemented (operator, precision), kUnavailable (plug-in missing).
  virtual Result<std::unique_ptr<LoadedModel>> Load(const LoadOptions& options) = 0;
};

// Finds the engine for a format; loads plug-ins on first use. Threads: any.
class EngineRegistry {
 public:
  virtual ~EngineRegistry() = default;
  // The engine for a model file: by its format and, for ONNX, by what the graph holds (quantised graphs run elsewhere;
  // docs/adr/). Reads the file. kUnimplemented: no engine for the format in this build; kUnavailable: its shared object
  // does not load (message says why); kInvalidArgument: the file is not of the format.
  virtual Result<Engine*> ForModel(ModelFormat format, const std::filesystem::path& file) = 0;
};

// Plug-ins are looked for as libmlnode_engine_<name>.so in `folder` (by default ../lib of the running binary).
std::unique_ptr<EngineRegistry> MakePluginRegistry(std::filesystem::path folder);

}  // namespace mlnode::engines
