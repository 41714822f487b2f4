#include "rest/json_reply.h"

#include "rest/filter_path.h"

namespace mlnode::rest {

net::HttpReply JsonReply(const RequestContext& context, const json::value& body, int status) {
  net::HttpReply reply;
  reply.status = status;
  const auto patterns = context.Query("filter_path");
  const bool filtered = patterns.has_value() && !patterns->empty();
  const json::value chosen = filtered ? FilterPaths(body, *patterns) : json::value();
  const json::value& shown = filtered ? chosen : body;
  reply.body = context.Pretty() ? ToPrettyJson(shown) : ToJson(shown);
  return reply;
}

net::HttpReply JsonTextReply(const RequestContext& context, std::string body) {
  if (context.Pretty() || context.Query("filter_path")) {
    if (const auto parsed = ParseJson(body)) return JsonReply(context, *parsed);
  }
  net::HttpReply reply;
  reply.body = std::move(body);
  return reply;
}

net::HttpReply TextReply(std::string body, std::string content_type) {
  net::HttpReply reply;
  reply.content_type = std::move(content_type);
  reply.body = std::move(body);
  return reply;
}

}  // namespace mlnode::rest
