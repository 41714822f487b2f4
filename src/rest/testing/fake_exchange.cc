#include "rest/testing/fake_exchange.h"

namespace mlnode::rest::testing {

std::shared_ptr<FakeExchange> MakeExchange(std::string method, std::string target, std::string body,
                                           std::string content_type) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  if (!body.empty() && !content_type.empty()) request.headers.Add("Content-Type", std::move(content_type));
  request.body = std::move(body);
  return std::make_shared<FakeExchange>(std::move(request));
}

RequestContext MakeContext(std::string target, std::string body) {
  RequestContext context;
  context.exchange = MakeExchange("GET", std::move(target), std::move(body));
  Target parsed = ParseTarget(context.http().target).value();
  context.path = parsed.path;
  context.query_params = std::move(parsed.query);
  return context;
}

}  // namespace mlnode::rest::testing
