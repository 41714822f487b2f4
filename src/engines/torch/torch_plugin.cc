// The libtorch plug-in: what its exceptions mean, and the ABI's one symbol.
#include <c10/util/Exception.h>

#include <string>

#include "engines/plugin_export.h"
#include "engines/torch/torch_graph.h"

namespace mlnode::engines::libtorch {
namespace {

// A module's own failure ends a listing of its source; the last line says what it was. Other texts begin with it and go
// on with the stack.
std::string Essence(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \t\n");
  if (end == std::string::npos) return "libtorch failed without saying why";
  const std::string trimmed = text.substr(0, end + 1);
  if (trimmed.find("Traceback of TorchScript") == std::string::npos) {
    return trimmed.substr(0, trimmed.find("\nException raised from"));
  }
  return trimmed.substr(trimmed.rfind('\n') + 1);
}

bool Says(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

Error Translate(const std::exception& failure, Code otherwise) {
  const auto* const of_torch = dynamic_cast<const c10::Error*>(&failure);
  const std::string text = of_torch != nullptr ? of_torch->what_without_backtrace() : failure.what();
  const std::string line = OneLine(Essence(text), "");
  if (Says(text, "DefaultCPUAllocator") || Says(text, "not enough memory")) {
    return MakeError(Code::kResourceExhausted, "no memory for the model's computation");
  }
  if (Says(text, "Unknown builtin op")) return MakeError(Code::kUnimplemented, line);
  return MakeError(otherwise, line);
}

constexpr PluginVendor kVendor = {.name = "torch", .load = TorchGraph::Load, .translate = Translate};

}  // namespace
}  // namespace mlnode::engines::libtorch

// The one exported symbol: its name is the ABI's (engines/engine_abi.h).
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" __attribute__((visibility("default"))) const MlnodeEngineApi* mlnode_engine(void) {
  static const MlnodeEngineApi api = mlnode::engines::MakeEngineApi<mlnode::engines::libtorch::kVendor>();
  return &api;
}
