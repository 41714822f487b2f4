// query/field_path.h: the values a field name finds in a document.
// A name is a path with dots; arrays on the way are looked through. "x.keyword" is the exact value of x; the text
// fields (name, description) without it are analysed. _id, _seq_no and _version are fields of every document. A path of
// more than 1,024 bytes finds nothing. Threads: pure. Cost: O(dots × path length × array sizes on the way).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "query/search.h"

namespace mlnode::query {

class FieldPath {
 public:
  explicit FieldPath(std::string_view name);
  const std::string& name() const { return name_; }
  bool analysed() const { return analysed_; }
  // Calls `visit` with each scalar, and each object that ends the path, until it returns true. Null is no value.
  // Returns whether `visit` did.
  bool AnyValue(const SearchDocument& document, const std::function<bool(const json::value&)>& visit) const;
  // The words of all scalars, in order.
  std::vector<std::string> AllWords(const SearchDocument& document) const;

 private:
  std::string name_;  // as asked for
  std::string path_;  // without .keyword
  bool analysed_ = false;
};

// A scalar as text: strings as they are, numbers and booleans as JSON writes them.
std::string ScalarText(const json::value& scalar);
// A number, or a string that is wholly one. Booleans are not numbers.
std::optional<double> ScalarNumber(const json::value& scalar);

// The words of a text as the search index sees them: runs of letters, digits and underscores, lower-cased (ASCII); a
// dot or an apostrophe between two letters or two digits does not end a word ("v1.0" is one). Bytes beyond ASCII count
// as letters.
std::vector<std::string> Words(std::string_view text);

}  // namespace mlnode::query
