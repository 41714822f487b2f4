// engines/torch/torch_state.h: whether a module remembers something of one call for the next.
#pragma once

#include <torch/csrc/jit/api/module.h>

#include "core/result.h"

namespace mlnode::engines::libtorch {

// kUnimplemented names an attribute that forward, or what it calls, sets, or a list or dictionary in an attribute that
// it changes: lanes would race for it, and what it keeps of the inputs points into memory that is gone after the call.
// Objects made during the call may be changed. Buffers written in place are not looked for: batch norm has such a
// write, which never runs here. Cost: the graph with all calls inlined, which the first run needs anyway.
Status CheckKeepsNoState(const torch::jit::Module& module);

}  // namespace mlnode::engines::libtorch
