// GET openapi.yaml: the description of this API, for people and generators of clients. Not the peer's.
#include <fmt/format.h>

#include "rest/json_reply.h"
#include "rest/resources/openapi_text.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {

void AddOpenApiRoutes(RouteTable& table) {
  table.Add({.method = "GET",
             .pattern = fmt::format("{}/openapi.yaml", kMlBase),
             .handler = [](const RequestContext&) -> Result<net::HttpReply> {
               return TextReply(std::string(OpenApiText()), "application/yaml");
             }});
}

}  // namespace mlnode::rest
