#include "cli/api_client.h"

namespace mlnode::cli {
namespace {

constexpr std::chrono::minutes kCallTimeout{10};  // a chunk over a slow line; tasks are polled, not waited for

// {"error": {"type", "reason"}} or {"error": "text"}: spec/rest-conventions §1.
Error NodeError(int status, const json::value& body) {
  Error error = MakeError(Code::kUpstream, "the node answered " + std::to_string(status));
  const json::object* object = body.if_object();
  const json::value* found = object ? object->if_contains("error") : nullptr;
  if (!found) return error;
  if (const json::string* text = found->if_string()) {
    error.message = std::string(*text);
  } else if (const json::object* details = found->if_object()) {
    if (const json::value* reason = details->if_contains("reason"); reason && reason->is_string()) {
      error.message = std::string(reason->get_string());
    }
    if (const json::value* type = details->if_contains("type"); type && type->is_string()) {
      error.reason = std::string(type->get_string());
    }
  }
  return error;
}

}  // namespace

ApiClient::ApiClient(std::string url) : url_(std::move(url)), http_(net::HttpClient::Create()) {
  while (url_.ends_with('/')) url_.pop_back();
}

Result<json::value> ApiClient::Call(const std::string& method, const std::string& path, const json::value* body) {
  net::ClientRequest request;
  request.method = method;
  request.url = url_ + path;
  if (body) {
    request.headers.Add("Content-Type", "application/json");
    request.body = ToJson(*body);
  }
  return Send(std::move(request));
}

Result<json::value> ApiClient::SendBytes(const std::string& path, std::string bytes) {
  net::ClientRequest request;
  request.method = "POST";
  request.url = url_ + path;
  request.headers.Add("Content-Type", "application/json");
  request.body = std::move(bytes);
  return Send(std::move(request));
}

Result<json::value> ApiClient::Send(net::ClientRequest request) {
  request.addresses = net::AddressPolicy::kAny;  // whoever runs the command chose the address
  request.total_timeout = kCallTimeout;
  request.idle_timeout = kCallTimeout;
  ASSIGN_OR_RETURN(const net::ClientReply reply, http_->Call(std::move(request)));
  Result<json::value> parsed = ParseJson(reply.body);
  if (reply.status >= 400) return NodeError(reply.status, parsed ? *parsed : json::value());
  if (!parsed) return MakeError(Code::kUpstream, "the answer is not JSON: is this an mlnode at " + url_ + "?");
  return parsed;
}

}  // namespace mlnode::cli
