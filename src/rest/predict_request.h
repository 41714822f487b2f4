// rest/predict_request.h: the body of a predict call for functions that take texts (spec/predict-local §2.1, 2.2).
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "models/function_traits.h"
#include "serving/predict.h"

namespace mlnode::rest {

// Which tensors of each document, and what of them, go into the answer (spec/predict-local §3).
struct ResultFilter {
  bool return_number = true;
  // Accepted; ONNX text embeddings have no byte_buffer to return (spec §7.1, pipeline C).
  bool return_bytes = false;
  std::set<std::string, std::less<>> names;  // both empty: all tensors
  std::set<std::int64_t> positions;

  // For each tensor of each document, so that it must not read long lists: O(log entries).
  bool Keeps(std::string_view name, std::size_t position) const;
};

// Entries of target_response and of target_response_positions: models have a handful of outputs.
inline constexpr std::size_t kMaxFilterEntries = 1'000;

struct TextDocsRequest {
  std::vector<std::string_view> texts;  // point into `owner`
  std::shared_ptr<const void> owner;
  bool has_parameters = false;
  serving::ContentType content_type = serving::ContentType::kUnset;
  ResultFilter filter;
};

// Errors are the peer's ("request body is required", "Empty text docs", "Failed to parse object: ...", the JSON
// parser's words); where the peer answers 500 (text_docs that is no array, an object or null among the texts)
// kInvalidArgument names the index. A list of the filter that is longer than kMaxFilterEntries is
// kInvalidArgument. Unknown keys are skipped, however often they come; numbers and booleans count as their text. Pure,
// any thread; about 1 GB/s.
Result<TextDocsRequest> ParseTextDocs(const std::string& body);

// The request as the `interface` of its model sees it, JSON text: {"algorithm", "parameters", "text_docs",
// "result_filter"}, with what was not given left out or at its default, as the peer prints it.
std::string InterfaceInstance(models::FunctionName function, const TextDocsRequest& request);

}  // namespace mlnode::rest
