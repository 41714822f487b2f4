// query/sort.h: the order of hits: the "sort" of a search.
// Threads: pure.
#pragma once

#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "query/field_path.h"
#include "query/parse_error.h"

namespace mlnode::query {

struct SortKey {
  FieldPath field;  // "_score" is the score
  bool descending = false;
  bool missing_first = false;
  bool by_score() const { return field.name() == "_score"; }
};

// Negative, 0, positive: numbers before text, which compares byte by byte.
int CompareScalars(const json::value& left, const json::value& right);

// "f" | {"f": "desc"} | {"f": {"order": …, "missing": …}} | an array of these. A text field is refused with the peer's
// text.
Result<std::vector<SortKey>> ParseSort(const json::value& given, const Origin& origin = Origin());

// What asking a text field for its values is answered, with sort and with aggregations.
Error NoFieldData(std::string_view field);

// What a hit shows in its "sort": one value a key, null where the document has none. Of several values the least counts
// when ascending, the greatest when descending.
json::array SortValues(const std::vector<SortKey>& keys, const SearchDocument& document, double score);

// Whether `left` comes before `right`; numbers before text where a field holds both.
bool SortsBefore(const std::vector<SortKey>& keys, const json::array& left, const json::array& right);

}  // namespace mlnode::query
