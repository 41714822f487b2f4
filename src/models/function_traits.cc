#include "models/function_traits.h"

#include <algorithm>
#include <array>

namespace mlnode::models {
namespace {

// local, counts_to_limit, auto_deploys, needs_model_file, config_optional, served
constexpr std::array<FunctionTraits, kFunctionCount> kTraits = {{
    {FunctionName::kTextEmbedding, "TEXT_EMBEDDING", true, true, false, true, false, true},
    {FunctionName::kTextSimilarity, "TEXT_SIMILARITY", true, true, false, true, false, true},
    {FunctionName::kSparseEncoding, "SPARSE_ENCODING", true, true, false, true, true, true},
    {FunctionName::kSparseTokenize, "SPARSE_TOKENIZE", true, true, false, false, true, true},
    {FunctionName::kQuestionAnswering, "QUESTION_ANSWERING", true, true, false, true, false, true},
    {FunctionName::kRemote, "REMOTE", false, false, true, false, true, true},
}};

bool EqualsIgnoringCase(std::string_view given, std::string_view upper) {
  return std::ranges::equal(given, upper,
                            [](char g, char u) { return (g >= 'a' && g <= 'z' ? g - 'a' + 'A' : g) == u; });
}

}  // namespace

const FunctionTraits& TraitsOf(FunctionName function) { return kTraits[static_cast<std::size_t>(function)]; }

std::span<const FunctionTraits> AllFunctions() { return kTraits; }

Result<FunctionName> ParseFunctionName(std::string_view name) {
  for (const FunctionTraits& traits : kTraits) {
    if (EqualsIgnoringCase(name, traits.name)) return traits.function;
  }
  return MakeError(Code::kInvalidArgument, "Wrong function name");
}

}  // namespace mlnode::models
