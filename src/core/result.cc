#include "core/result.h"

#include <array>
#include <cstdio>

namespace mlnode {
namespace {
constexpr std::array<std::string_view, kCodeCount> kNames = {
    "invalid_argument",   "unauthenticated",     "permission_denied", "not_found",
    "already_exists",     "failed_precondition", "conflict",          "too_large",
    "resource_exhausted", "cancelled",           "deadline_exceeded", "unavailable",
    "upstream",           "unimplemented",       "data_loss",         "internal"};
}  // namespace

std::string_view CodeName(Code code) { return kNames[static_cast<std::size_t>(code)]; }

Error MakeError(Code code, std::string message) { return Error{.code = code, .message = std::move(message)}; }

Error Annotate(Error error, std::string_view context) {
  error.message = std::string(context) + ": " + error.message;
  return error;
}

namespace internal {
void DieBadAccess(const Error& error) {
  const std::string_view name = CodeName(error.code);
  std::fprintf(stderr, "bug: value() of an error: %.*s: %s\n", static_cast<int>(name.size()), name.data(),
               error.message.c_str());
  std::abort();
}
}  // namespace internal
}  // namespace mlnode
