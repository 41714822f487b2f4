// rest/error_body.h: the only place where an Error becomes HTTP (docs/errors.md).
//   {"error":{"root_cause":[{"type","reason"}],"type","reason"},"status":N}        spec/rest-conventions §1.1
// with "line" and "col" where the error's position is known and "caused_by" where it has a cause.
// The status follows from the code alone, but for a remote service's, which its caller gets too; Error.reason only
// names the `type` that clients of the peer know.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "net/http_message.h"

namespace mlnode::rest {

struct CodeRow {
  Code code;
  int status;
  std::string_view type;  // when Error.reason is empty
};
std::span<const CodeRow> CodeTable();  // one row a code, in the order of Code

int StatusOf(Code code);
// With the status of a remote service (Error::upstream_status) where it is an error that the peer's list of statuses
// has (spec/remote §5.5): 400 to 417, 422 to 424, 429, 500 to 507; another 4xx or 5xx is 500, what is no error 502.
int StatusOf(const Error& error);
std::string_view TypeOf(const Error& error);
json::object ErrorBody(const Error& error);
// With Retry-After (whole seconds, rounded up) where the error says when.
net::HttpReply ErrorReply(const Error& error, bool pretty);

// Answers that have no exception object (spec/rest-conventions §1.2).
net::HttpReply NoHandlerReply(std::string_view path, std::string_view method);
net::HttpReply InvalidUriReply();
net::HttpReply WrongMethodReply(std::string_view target, std::string_view method,
                                std::span<const std::string_view> allowed);
// For a method that HTTP does not know; the peer leaves Allow out, RFC 9110 §15.5.6 wants it.
net::HttpReply UnknownMethodReply(std::span<const std::string_view> allowed);
net::HttpReply OptionsReply(std::span<const std::string_view> allowed);
// {"error": text, "status": status}
net::HttpReply SimpleErrorReply(int status, std::string_view text);

}  // namespace mlnode::rest
