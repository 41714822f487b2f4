#include "rest/error_body.h"

#include "core/log.h"

namespace mlnode::rest {
namespace {

constexpr CodeRow kCodes[] = {
    {Code::kInvalidArgument, 400, "illegal_argument_exception"},
    {Code::kUnauthenticated, 401, "security_exception"},
    {Code::kPermissionDenied, 403, "status_exception"},
    {Code::kNotFound, 404, "status_exception"},
    {Code::kAlreadyExists, 409, "status_exception"},
    {Code::kFailedPrecondition, 409, "status_exception"},
    {Code::kConflict, 409, "status_exception"},
    {Code::kTooLarge, 413, "status_exception"},
    {Code::kResourceExhausted, 429, "rejected_execution_exception"},
    {Code::kCancelled, 499, "status_exception"},
    {Code::kDeadlineExceeded, 504, "status_exception"},
    {Code::kUnavailable, 503, "status_exception"},
    {Code::kUpstream, 502, "status_exception"},
    {Code::kUnimplemented, 501, "status_exception"},
    {Code::kDataLoss, 500, "illegal_state_exception"},
    {Code::kInternal, 500, "m_l_exception"},
};
static_assert(std::size(kCodes) == kCodeCount);

const CodeRow& RowOf(Code code) { return kCodes[static_cast<std::size_t>(code)]; }

// Types whose reason begins with the place, as the peer's parser writes it.
bool BeginsWithPlace(std::string_view type) {
  return type == "x_content_parse_exception" || type == "named_object_not_found_exception";
}

// Keys that the peer adds to one type of error.
void AddTypeKeys(std::string_view type, json::object& error) {
  if (type == "circuit_breaking_exception") {
    error["bytes_wanted"] = 0;
    error["bytes_limit"] = 0;
    error["durability"] = "TRANSIENT";
  }
}

json::object Describe(const Error& error) {
  json::object described;
  described["type"] = TypeOf(error);
  if (error.message.empty()) {
    described["reason"] = nullptr;
  } else if (error.position && BeginsWithPlace(TypeOf(error))) {
    described["reason"] = fmt::format("[{}:{}] {}", error.position->line, error.position->column, error.message);
  } else {
    described["reason"] = error.message;
    if (error.position) {
      described["line"] = error.position->line;
      described["col"] = error.position->column;
    }
  }
  AddTypeKeys(TypeOf(error), described);
  return described;
}

std::string JoinMethods(std::span<const std::string_view> methods, std::string_view separator) {
  return fmt::format("{}", fmt::join(methods, separator));
}

}  // namespace

std::span<const CodeRow> CodeTable() { return kCodes; }

int StatusOf(Code code) { return RowOf(code).status; }

int StatusOf(const Error& error) {
  if (!error.upstream_status) return StatusOf(error.code);
  const int status = *error.upstream_status;
  const bool known = (status >= 400 && status <= 417) || (status >= 422 && status <= 424) || status == 429 ||
                     (status >= 500 && status <= 507);
  if (known) return status;
  return status >= 400 ? 500 : 502;
}

std::string_view TypeOf(const Error& error) {
  return error.reason.empty() ? RowOf(error.code).type : std::string_view(error.reason);
}

json::object ErrorBody(const Error& error) {
  json::object described;
  const json::object root_cause = Describe(error);
  described["root_cause"] = json::array{root_cause};
  for (const auto& [key, value] : root_cause) described[key] = value;
  json::object* outer = &described;
  for (const Error* cause = error.cause.get(); cause != nullptr; cause = cause->cause.get()) {
    outer = &(*outer)["caused_by"].emplace_object();
    *outer = Describe(*cause);
  }
  json::object body;
  body["error"] = std::move(described);
  body["status"] = StatusOf(error);
  return body;
}

net::HttpReply ErrorReply(const Error& error, bool pretty) {
  net::HttpReply reply;
  reply.status = StatusOf(error);
  const json::value body = ErrorBody(error);
  reply.body = pretty ? ToPrettyJson(body) : ToJson(body);
  if (error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after).count();
    reply.headers.Add("Retry-After", std::to_string(std::max<std::int64_t>(1, seconds)));
  }
  return reply;
}

net::HttpReply NoHandlerReply(std::string_view path, std::string_view method) {
  net::HttpReply reply;
  reply.status = 400;
  reply.body =
      ToJson(json::object{{"error", fmt::format("no handler found for uri [{}] and method [{}]", path, method)}});
  return reply;
}

net::HttpReply InvalidUriReply() {
  net::HttpReply reply;
  reply.status = 400;
  reply.body = ToJson(json::object{{"error", "invalid uri has been requested"}});
  return reply;
}

net::HttpReply WrongMethodReply(std::string_view target, std::string_view method,
                                std::span<const std::string_view> allowed) {
  net::HttpReply reply =
      SimpleErrorReply(405, fmt::format("Incorrect HTTP method for uri [{}] and method [{}], allowed: [{}]", target,
                                        method, JoinMethods(allowed, ", ")));
  reply.headers.Add("Allow", JoinMethods(allowed, ","));
  return reply;
}

net::HttpReply UnknownMethodReply(std::span<const std::string_view> allowed) {
  net::HttpReply reply =
      SimpleErrorReply(405, fmt::format("Unexpected HTTP method, allowed: [{}]", JoinMethods(allowed, ", ")));
  reply.headers.Add("Allow", JoinMethods(allowed, ","));
  return reply;
}

net::HttpReply OptionsReply(std::span<const std::string_view> allowed) {
  net::HttpReply reply;
  reply.content_type = "text/plain; charset=UTF-8";
  reply.headers.Add("Allow", JoinMethods(allowed, ","));
  return reply;
}

net::HttpReply SimpleErrorReply(int status, std::string_view text) {
  net::HttpReply reply;
  reply.status = status;
  reply.body = ToJson(json::object{{"error", text}, {"status", status}});
  return reply;
}

}  // namespace mlnode::rest
