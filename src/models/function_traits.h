// models/function_traits.h: what a function name means everywhere else: one row a function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/result.h"

namespace mlnode::models {

enum class FunctionName : std::uint8_t {
  kTextEmbedding,
  kTextSimilarity,
  kSparseEncoding,
  kSparseTokenize,
  kQuestionAnswering,
  kRemote,
};
inline constexpr std::size_t kFunctionCount = 6;

struct FunctionTraits {
  FunctionName function;
  std::string_view name;  // "TEXT_EMBEDDING"
  bool local;             // runs in an engine here: needs chunks, memory, local_model.enabled
  bool counts_to_limit;   // max_model_on_node
  bool auto_deploys;      // on first predict
  bool needs_model_file;  // SPARSE_TOKENIZE does not
  bool config_optional;   // model_config may be absent (SPARSE_*)
  bool served;            // this version can deploy it; else deploy answers kUnimplemented
};

const FunctionTraits& TraitsOf(FunctionName function);
std::span<const FunctionTraits> AllFunctions();
// Case-insensitive. kInvalidArgument "Wrong function name". Names the peer knows and we do not serve at all (KMEANS,
// ...): the same.
Result<FunctionName> ParseFunctionName(std::string_view name);

}  // namespace mlnode::models
