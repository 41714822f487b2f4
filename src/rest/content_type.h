// rest/content_type.h: which Content-Type a request body may have (spec/rest-conventions §1.2).
#pragma once

#include <optional>

#include "net/http_message.h"
#include "rest/route_table.h"

namespace mlnode::rest {

// The refusal of a body's Content-Type, if any: 406 where it is missing or not supported, 400 where it is malformed or
// given twice. JSON routes read JSON only; a raw route takes what the peer takes, since the bytes are not read as what
// they claim to be.
std::optional<net::HttpReply> RefuseContentType(const net::Headers& headers, BodyUse use);

}  // namespace mlnode::rest
