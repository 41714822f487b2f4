// engines/plugin_export.h: the C ABI of a plug-in, written once: a plug-in gives its name, how it loads a graph and
// what the exceptions of its vendor mean. Every exception ends here: one that crossed the C ABI would end the process.
#pragma once

#include <exception>
#include <memory>
#include <string>

#include "engines/engine_abi.h"
#include "engines/graph.h"

namespace mlnode::engines {

struct PluginVendor {
  const char* name;  // "openvino"
  // As Engine::Load; may throw.
  Result<std::unique_ptr<Graph>> (*load)(const LoadOptions& options);
  // What an exception of the vendor says, as one readable line, and its code: `otherwise` (kInvalidArgument while
  // loading, kInternal while running) unless the text says better. std::bad_alloc never gets here.
  Error (*translate)(const std::exception& failure, Code otherwise);
};

// The load function of the ABI for `vendor`; what it makes is run and freed by the other functions of MakeEngineApi.
std::int32_t LoadPluginModel(const PluginVendor& vendor, const MlnodeLoadOptions& options, MlnodeModel** model,
                             MlnodeError* error);
// All of the ABI but name and load.
MlnodeEngineApi PluginApi();

template <const PluginVendor& kVendor>
MlnodeEngineApi MakeEngineApi() {
  MlnodeEngineApi api = PluginApi();
  api.name = kVendor.name;
  api.load = [](const MlnodeLoadOptions* options, MlnodeModel** model, MlnodeError* error) {
    return LoadPluginModel(kVendor, *options, model, error);
  };
  return api;
}

// A line of at most 500 bytes out of a vendor's text: lines are joined, those that begin with `dropped` (unless it is
// empty) are left out.
std::string OneLine(const std::string& text, const std::string& dropped);

}  // namespace mlnode::engines
