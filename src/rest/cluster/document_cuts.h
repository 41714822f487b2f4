// rest/cluster/document_cuts.h: where the documents of a prediction's body stand, so that it can be cut into several,
// and the results of several answers put together: text for text, nothing is printed anew. Threads: any; pure. Cost:
// one pass over the text without parsing numbers or strings.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlnode::rest {

struct TextSpan {
  std::size_t begin = 0, end = 0;
};

struct DocumentCuts {
  TextSpan inside;                  // between the brackets of text_docs
  std::vector<TextSpan> documents;  // each one's text, without white space around it
};

// Of a JSON object that a parser accepted and that has the key once. nullopt: there is no top-level key that is written
// "text_docs", or its value is no array.
std::optional<DocumentCuts> CutDocuments(std::string_view body);

// The body with `count` documents from `first` on in place of all. Precondition: count > 0, and they are there.
std::string BodyOfPart(std::string_view body, const DocumentCuts& cuts, std::size_t first, std::size_t count);

// What stands between the brackets of {"inference_results":[...]}, as rest/predict_writer prints it. nullopt: another
// form.
std::optional<std::string_view> ResultsOf(std::string_view reply);
// The answer that has the results of all parts, in their order.
std::string SpliceResults(const std::vector<std::string_view>& results);

}  // namespace mlnode::rest
