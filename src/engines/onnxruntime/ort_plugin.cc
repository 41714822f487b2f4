// The ONNX Runtime plug-in: what its statuses mean, and the ABI's one symbol.
#include <string>

#include "engines/onnxruntime/ort_graph.h"
#include "engines/plugin_export.h"

namespace mlnode::engines::onnxruntime {
namespace {

bool Says(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

Error Translate(const std::exception& failure, Code otherwise) {
  const std::string text = OneLine(failure.what(), "");
  if (Says(text, "Failed to allocate memory") || Says(text, "bad_alloc") || Says(text, "bad allocation")) {
    return MakeError(Code::kResourceExhausted, "no memory for the model's computation");
  }
  const auto* const status = dynamic_cast<const OrtError*>(&failure);
  const bool is_unknown =
      Says(text, "is not a registered function/op") || (status != nullptr && status->code() == kOrtNotImplemented);
  return MakeError(is_unknown ? Code::kUnimplemented : otherwise, text);
}

constexpr PluginVendor kVendor = {.name = "onnxruntime", .load = OrtGraph::Load, .translate = Translate};

}  // namespace
}  // namespace mlnode::engines::onnxruntime

// The one exported symbol: its name is the ABI's (engines/engine_abi.h).
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" __attribute__((visibility("default"))) const MlnodeEngineApi* mlnode_engine(void) {
  static const MlnodeEngineApi api = mlnode::engines::MakeEngineApi<mlnode::engines::onnxruntime::kVendor>();
  return &api;
}
