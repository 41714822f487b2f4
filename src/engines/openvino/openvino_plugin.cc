// The OpenVINO plug-in: what its exceptions mean, and the ABI's one symbol.
#include <string>

#include "engines/openvino/openvino_graph.h"
#include "engines/plugin_export.h"

namespace mlnode::engines::openvino {
namespace {

bool SaysUnsupported(const std::string& text) {
  return text.find("OpConversion") != std::string::npos || text.find("not supported") != std::string::npos ||
         text.find("nsupported") != std::string::npos;
}

// Exceptions of OpenVINO carry the source lines that threw them.
Error Translate(const std::exception& failure, Code otherwise) {
  const std::string text = OneLine(failure.what(), "Exception from ");
  return MakeError(SaysUnsupported(text) ? Code::kUnimplemented : otherwise, text);
}

constexpr PluginVendor kVendor = {.name = "openvino", .load = OpenVinoGraph::Load, .translate = Translate};

}  // namespace
}  // namespace mlnode::engines::openvino

// The one exported symbol: its name is the ABI's (engines/engine_abi.h).
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" __attribute__((visibility("default"))) const MlnodeEngineApi* mlnode_engine(void) {
  static const MlnodeEngineApi api = mlnode::engines::MakeEngineApi<mlnode::engines::openvino::kVendor>();
  return &api;
}
