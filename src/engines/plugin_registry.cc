// The table of which plug-in runs which format, and the plug-ins that were opened.
#include <map>
#include <utility>

#include "core/guarded.h"
#include "engines/engine.h"
#include "engines/plugin_engine.h"

namespace mlnode::engines {
namespace {

std::string_view PluginFor(ModelFormat format) {
  switch (format) {
    case ModelFormat::kOnnx:
      return "openvino";
    case ModelFormat::kTorchScript:
      return "";
  }
  return "";
}

class PluginRegistry final : public EngineRegistry {
 public:
  explicit PluginRegistry(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The lock is held while a plug-in opens, so that two first users do not open it twice; a plug-in that failed to open
  // is tried again by the next user.
  Result<Engine*> ForModel(ModelFormat format, const std::filesystem::path& /*file*/) override {
    const std::string_view name = PluginFor(format);
    if (name.empty()) return MakeError(Code::kUnimplemented, "this build has no engine for TORCH_SCRIPT models");
    auto opened = opened_.Lock();
    std::unique_ptr<Engine>& engine = (*opened)[name];
    if (!engine) {
      ASSIGN_OR_RETURN(engine, OpenPlugin(folder_ / ("libmlnode_engine_" + std::string(name) + ".so")));
    }
    return engine.get();
  }

 private:
  std::filesystem::path folder_;
  Guarded<std::map<std::string_view, std::unique_ptr<Engine>>> opened_;
};

}  // namespace

std::unique_ptr<EngineRegistry> MakePluginRegistry(std::filesystem::path folder) {
  return std::make_unique<PluginRegistry>(std::move(folder));
}

}  // namespace mlnode::engines
