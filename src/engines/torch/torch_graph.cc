#include "engines/torch/torch_graph.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/csrc/jit/runtime/print_handler.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>

#include <exception>
#include <optional>
#include <utility>

#include "engines/cpu_bf16.h"
#include "engines/torch/torch_state.h"

namespace mlnode::engines::libtorch {
namespace {

// What a module says, which may be the text of a request, is dropped: print() would write it to the node's stdout,
// warnings.warn() to its stderr.
void DropPrinted(const std::string& /*text*/) {}
class DroppedWarnings final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& /*warning*/) override {}
};

// Settings of the process, before the first module is read.
Status PrepareLibrary() {
  torch::jit::setPrintHandler(DropPrinted);
  at::set_num_threads(1);
  at::set_num_interop_threads(1);
  // The profiling executor records the first runs and compiles the next, for each shape anew: seconds of slow answers.
  torch::jit::getProfilingMode() = false;
  // All operators of libtorch that touch files. A module is data from somewhere: it must not read or write the node's.
  for (const char* const name : {"aten::save", "aten::from_file"}) {
    const auto operators = torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name));
    if (operators.empty()) {  // renamed: under its new name modules would reach files
      return MakeError(Code::kUnavailable, std::string("this libtorch has no operator ") + name + " to take away");
    }
    for (const auto& op : operators) torch::jit::deregisterOperator(op->schema());
  }
  return {};
}

// A file that torch.jit.load would read, with parameters that nothing trains any more.
torch::jit::Module ReadModule(const std::string& path) {
  torch::jit::Module module = torch::jit::load(path, c10::Device(c10::kCPU));
  module.eval();
  return module;
}

// Only what is floating: tables of positions stay integers.
std::size_t CastToBf16(torch::jit::Module& module) {
  std::size_t cast = 0;
  const auto convert = [&](const at::Tensor& tensor) {
    if (!tensor.is_floating_point()) return;
    tensor.set_data(tensor.to(at::kBFloat16));
    ++cast;
  };
  for (const at::Tensor& parameter : module.parameters()) convert(parameter);
  for (const at::Tensor& buffer : module.buffers()) convert(buffer);
  return cast;
}

// Two tokens of id 0 as every slot takes them.
class TwoTokens {
 public:
  explicit TwoTokens(std::size_t slots) {
    for (std::size_t i = 0; i < slots; ++i) tensors_.push_back({.shape = {1, 2}, .data = zeros_.data()});
  }
  std::span<const InputTensor> tensors() const { return tensors_; }

 private:
  std::vector<std::int64_t> zeros_ = std::vector<std::int64_t>(2, 0);
  std::vector<InputTensor> tensors_;
};

}  // namespace

TorchGraph::TorchGraph(torch::jit::Module module, const LoadOptions& options)
    : module_(std::move(module)), forward_(module_.get_method("forward")), precision_(options.precision) {}

Result<std::unique_ptr<Graph>> TorchGraph::Load(const LoadOptions& options) {
  static const Status prepared = PrepareLibrary();
  RETURN_IF_ERROR(prepared);
  const bool is_bf16 = options.precision == Precision::kBf16;
  if (is_bf16 && !CpuComputesBf16()) {
    return MakeError(Code::kUnimplemented, "precision bf16 is not available on this CPU");
  }
  const c10::InferenceMode no_gradients;
  torch::jit::Module module = ReadModule(options.file.string());
  if (!module.find_method("forward")) return MakeError(Code::kInvalidArgument, "the model has no method forward");
  RETURN_IF_ERROR(CheckKeepsNoState(module));
  if (is_bf16 && CastToBf16(module) == 0) {
    return MakeError(Code::kUnimplemented, "the model has no weights that could be bf16");
  }
  std::unique_ptr<TorchGraph> graph(new TorchGraph(std::move(module), options));
  const Status chosen = graph->ChoosePlan(options.inputs);
  if (!chosen && is_bf16) {
    return MakeError(Code::kUnimplemented, "the model does not run with weights in bf16: " + chosen.error().message);
  }
  RETURN_IF_ERROR(chosen);
  return std::unique_ptr<Graph>(std::move(graph));
}

std::string TorchGraph::engine() const { return "torch " TORCH_VERSION; }

Status TorchGraph::ChoosePlan(const std::vector<std::string>& batch_inputs) {
  ASSIGN_OR_RETURN(std::vector<CallPlan> plans, PlanCalls(forward_.function().getSchema(), batch_inputs));
  std::exception_ptr first_failure;
  for (CallPlan& plan : plans) {
    try {
      return Try(std::move(plan));
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception&) {  // a key that this plan does not offer
      if (!first_failure) first_failure = std::current_exception();
    }
  }
  std::rethrow_exception(first_failure);
}

Status TorchGraph::Try(CallPlan plan) {
  plan_ = std::move(plan);
  const TwoTokens inputs(plan_.slots.size());
  ASSIGN_OR_RETURN(const std::vector<NamedTensor> tensors, Forward(inputs.tensors()));
  if (tensors.empty()) return MakeError(Code::kInvalidArgument, "the model returns no tensor");
  for (const NamedTensor& named : tensors) outputs_.push_back({.name = named.name, .type = ToDataType(named.tensor)});
  return {};
}

Result<std::vector<NamedTensor>> TorchGraph::Forward(std::span<const InputTensor> inputs) {
  at::internal::lazy_init_num_threads();  // OpenMP keeps the number of threads for each calling thread
  const c10::InferenceMode no_gradients;
  DroppedWarnings dropped;
  const c10::WarningUtils::WarningHandlerGuard quiet(&dropped);  // of this thread
  CallArguments arguments = MakeArguments(plan_, inputs);
  return FlattenOutputs(forward_(std::move(arguments.positional), arguments.named));
}

Status TorchGraph::Compute(std::span<const InputTensor> inputs, std::span<const std::int32_t> wanted,
                           const Reader& read) {
  ASSIGN_OR_RETURN(const std::vector<NamedTensor> tensors, Forward(inputs));
  if (tensors.size() != outputs_.size()) {
    return MakeError(Code::kInternal, "the model returned " + std::to_string(tensors.size()) +
                                          " tensors, at its first run " + std::to_string(outputs_.size()));
  }
  std::vector<OutputTensor> outputs;
  for (const std::int32_t output : wanted) {
    const at::Tensor& tensor = tensors[static_cast<std::size_t>(output)].tensor;
    outputs.push_back({.type = ToDataType(tensor),
                       .shape = {tensor.sizes().begin(), tensor.sizes().end()},
                       .data = tensor.const_data_ptr()});
  }
  return read(outputs);
}

}  // namespace mlnode::engines::libtorch
