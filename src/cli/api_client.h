// cli/api_client.h: requests to a node's REST API, blocking. Threads: one caller.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "net/http_client.h"

namespace mlnode::cli {

class ApiClient {
 public:
  // `url`: "http://127.0.0.1:9200", with or without a slash at the end.
  explicit ApiClient(std::string url);
  // The parsed answer. Errors: kUnavailable (nobody answers), kUpstream with the node's reason as message and its type
  // as reason.
  Result<json::value> Call(const std::string& method, const std::string& path, const json::value* body = nullptr);
  Result<json::value> SendBytes(const std::string& path, std::string bytes);
  const std::string& url() const { return url_; }

 private:
  Result<json::value> Send(net::ClientRequest request);
  std::string url_;
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace mlnode::cli
