// The table of which plug-in runs which format, and the plug-ins that were opened.
#include <map>
#include <system_error>
#include <utility>

#include "core/guarded.h"
#include "engines/engine.h"
#include "engines/onnx_graph.h"
#include "engines/plugin_engine.h"

namespace mlnode::engines {
namespace {

class PluginRegistry final : public EngineRegistry {
 public:
  explicit PluginRegistry(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The lock is held while a plug-in opens, so that two first users do not open it twice; a plug-in that failed to open
  // is tried again by the next user.
  Result<Engine*> ForModel(ModelFormat format, const std::filesystem::path& file) override {
    ASSIGN_OR_RETURN(const std::string_view name, PluginFor(format, file));
    auto opened = opened_.Lock();
    std::unique_ptr<Engine>& engine = (*opened)[name];
    if (!engine) {
      ASSIGN_OR_RETURN(engine, OpenPlugin(SharedObject(name)));
    }
    return engine.get();
  }

 private:
  std::filesystem::path SharedObject(std::string_view name) const {
    return folder_ / ("libmlnode_engine_" + std::string(name) + ".so");
  }
  bool IsBuilt(std::string_view name) const {
    std::error_code ignored;
    return std::filesystem::exists(SharedObject(name), ignored);
  }

  Result<std::string_view> PluginFor(ModelFormat format, const std::filesystem::path& file) const {
    if (format == ModelFormat::kTorchScript) {
      if (IsBuilt("torch")) return std::string_view("torch");
      return MakeError(Code::kUnimplemented, "this build has no engine for TORCH_SCRIPT models");
    }
    if (!IsBuilt("onnxruntime")) return std::string_view("openvino");
    if (!IsBuilt("openvino")) return std::string_view("onnxruntime");
    ASSIGN_OR_RETURN(const OnnxOperators operators, ReadOnnxOperators(file));
    return std::string_view(operators.quantised ? "onnxruntime" : "openvino");
  }

  std::filesystem::path folder_;
  Guarded<std::map<std::string_view, std::unique_ptr<Engine>>> opened_;
};

}  // namespace

std::unique_ptr<EngineRegistry> MakePluginRegistry(std::filesystem::path folder) {
  return std::make_unique<PluginRegistry>(std::move(folder));
}

}  // namespace mlnode::engines
