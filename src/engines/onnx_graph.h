// engines/onnx_graph.h: what operators an ONNX file is made of, read without an engine: which engine is the right one
// depends on it (docs/adr/0009-quantised-onnx.md).
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "core/result.h"

namespace mlnode::engines {

struct OnnxOperators {
  std::set<std::string> types;  // op_type of every node, those of subgraphs and local functions too
  bool quantised = false;       // some compute on integers
  bool dynamic = false;         // some choose their scale by the data: what stands beside a text changes its result
};

// Walks the protobuf through a small window; weights are skipped unread. kInvalidArgument: cannot be read, is no ONNX
// model (not a protobuf of that shape, no graph, no node, nested beyond 32 graphs). Cost: the graph without its
// weights; memory 64 KiB and the names.
Result<OnnxOperators> ReadOnnxOperators(const std::filesystem::path& file);

}  // namespace mlnode::engines
