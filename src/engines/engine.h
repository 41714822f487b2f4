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
enum class Precision : std::uint8_t { kF32, kBf16 };
std::string_view PrecisionName(Precision precision);  // "f32", "bf16"

struct Port {
  std::string name;
  DataType type;
  std::vector<std::int64_t> dims;  // -1 = dynamic
};

struct LoadOptions {
  std::filesystem::path file;
  std::filesystem::path cache_dir;  // for compiled blobs; empty = none
  int lanes = 1;
  Precision precision = Precision::kF32;
  std::int64_t max_tokens = 512;
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
  // Runs a ragged batch. `wanted`: indices into outputs(). Each view is [tokens, dim] or [dim] of its sequence, padding
  // removed. kInvalidArgument (input the graph does not know, sequence beyond max_tokens), kResourceExhausted (memory),
  // kInternal (vendor). Blocks for the computation.
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
  // kUnimplemented: no engine for the format in this build; kUnavailable: its shared object does not load (message says
  // why).
  virtual Result<Engine*> ForFormat(ModelFormat format) = 0;
};

// Plug-ins are looked for as libmlnode_engine_<name>.so in `folder` (by default ../lib of the running binary).
std::unique_ptr<EngineRegistry> MakePluginRegistry(std::filesystem::path folder);

}  // namespace mlnode::engines
