// rest/predict_request.h: the body of a predict call, by the function that reads it (spec/predict-local §2).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "models/function_traits.h"
#include "serving/predict.h"

namespace mlnode::rest {

using serving::ResultFilter;

// Entries of target_response and of target_response_positions: models have a handful of outputs.
inline constexpr std::size_t kMaxFilterEntries = 1'000;

// Functions of one family read the same body.
enum class BodyFamily : std::uint8_t { kTextDocs, kSimilarity, kQuestion, kRemote };
BodyFamily FamilyOf(models::FunctionName function);

struct PredictBody {
  std::vector<std::string_view> texts;   // point into `owner`; of a question: its context alone
  std::optional<std::string_view> pair;  // query_text, question
  std::shared_ptr<const void> owner;
  bool has_parameters = false;
  serving::ContentType content_type = serving::ContentType::kUnset;
  std::optional<serving::SparseFormat> sparse_format;
  ResultFilter filter;
};

// Of all but the REMOTE family, whose bodies are not read here: an empty one. Errors are the peer's ("request body is
// required", "Empty text docs", "No query text was provided", "Question is not provided", "Failed to parse object:
// ...", the JSON parser's words); where the peer answers 500 (text_docs that is no array, an object or null among the
// texts) kInvalidArgument names the index. A list of the filter that is longer than kMaxFilterEntries is
// kInvalidArgument. Unknown keys are skipped, however often they come; numbers and booleans count as their text. Pure,
// any thread; about 1 GB/s.
Result<PredictBody> ParsePredictBody(BodyFamily family, const std::string& body);

// What of the answer is printed: the request's filter where the function has one, else everything (spec §3).
ResultFilter AnswerFilter(models::FunctionName function, const ResultFilter& asked);

// The header by which a client says how urgent its request is: "interactive" or "bulk", in any case.
inline constexpr std::string_view kPriorityHeader = "X-Mlnode-Priority";
// kInvalidArgument for another value.
Result<serving::Urgency> ParseUrgency(std::string_view value);

// The request as the `interface` of its model sees it, JSON text: {"algorithm", "parameters", "text_docs",
// "result_filter"}, {"algorithm", "query_text", "text_docs"} or {"algorithm", "question", "context"}, with what was not
// given left out or at its default, as the peer prints it.
std::string InterfaceInstance(models::FunctionName function, const PredictBody& request);

}  // namespace mlnode::rest
