// rest/json_reply.h: JSON answers as the client wants them printed: ?pretty, ?filter_path.
#pragma once

#include <string>

#include "core/json.h"
#include "net/http_message.h"
#include "rest/request_context.h"

namespace mlnode::rest {

net::HttpReply JsonReply(const RequestContext& context, const json::value& body, int status = 200);
// The same for a body that is JSON text already: it is parsed only when the client wants it another way.
net::HttpReply JsonTextReply(const RequestContext& context, std::string body);
net::HttpReply TextReply(std::string body, std::string content_type = "text/plain; charset=UTF-8");

}  // namespace mlnode::rest
