// rest/resources/cat_table.h: the _cat answers: columns of text, or an array of objects of strings where ?format= or
// Accept names a format.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "net/http_message.h"
#include "rest/request_context.h"

namespace mlnode::rest {

using CatRow = std::vector<std::pair<std::string, std::string>>;  // every column, in the same order in each row

struct CatTable {
  std::vector<std::string> default_columns;
  std::map<std::string, std::string, std::less<>> aliases;  // short name -> column
  std::vector<CatRow> rows;
};

// v (header line), h (columns), s (sort: "name", "name:desc"), format.
std::vector<std::string> CatParams();
// kInvalidArgument: ?s= names no column. Unknown columns in ?h= are left out, as the peer does.
Result<net::HttpReply> CatReply(const RequestContext& context, CatTable table);

}  // namespace mlnode::rest
