// core/result.h: Error, Code and Result<T>. Failures are values here; exceptions of libraries stop in the file that
// calls them. The reading side follows std::expected, so that a later standard library can take over. Why not
// exceptions: docs/adr/0002-errors.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace mlnode {

// The 16 canonical codes. One table turns them into HTTP: rest/error_body.cc.
enum class Code : std::uint8_t {
  kInvalidArgument,     // the request is wrong whatever the state
  kUnauthenticated,     // nobody is known to be asking
  kPermissionDenied,    // somebody is, and may not
  kNotFound,            // the thing named does not exist
  kAlreadyExists,       // the thing to be made does
  kFailedPrecondition,  // right request, wrong state: the caller changes the state, then asks again
  kConflict,            // lost a compare-and-swap: read again, ask again
  kTooLarge,            // over a size limit that the message names
  kResourceExhausted,   // memory, queue or quota: later or smaller may work; retry_after says when
  kCancelled,           // the caller took it back
  kDeadlineExceeded,    // time ran out before an answer
  kUnavailable,         // this node or one it needs cannot now; retry elsewhere or later
  kUpstream,            // a remote service answered with an error
  kUnimplemented,       // known, and not built
  kDataLoss,            // stored bytes are not what was written
  kInternal,            // a bug, or a library's failure nobody foresaw
};
inline constexpr int kCodeCount = 16;
std::string_view CodeName(Code code);  // "invalid_argument", ...

// A place in a request's text; both count from 1, columns in bytes.
struct TextPosition {
  std::size_t line = 1, column = 1;
};

struct Error {
  Code code = Code::kInternal;
  // For the caller: what, which value, which limit, what to do. No path, no secret.
  std::string message;
  // A finer machine-readable reason: the peer's exception name where clients see one ("parse_exception"); empty = by
  // code.
  std::string reason = {};
  // For the log only: paths, vendor text.
  std::string detail = {};
  std::optional<std::chrono::milliseconds> retry_after = {};
  // The value of the request's JSON that is meant (RFC 6901 pointer), and its place once somebody who has the text
  // looked: core/json/json_place.h.
  std::optional<std::string> json_pointer = {};
  std::optional<TextPosition> position = {};
  // kUpstream: the status that a remote service answered with, which the caller gets too.
  std::optional<int> upstream_status = {};
  // What the caller is told lies behind this error.
  std::shared_ptr<const Error> cause = {};
};

Error MakeError(Code code, std::string message);
// Puts "context: " before the message; code and reason stay.
Error Annotate(Error error, std::string_view context);

namespace internal {
[[noreturn]] void DieBadAccess(const Error& error);
}

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  // The value. Calling it on an error is a bug and ends the process with the error's text.
  T& value() & { return Check(), std::get<0>(state_); }
  const T& value() const& { return Check(), std::get<0>(state_); }
  T&& value() && { return Check(), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  template <class U>
  T value_or(U&& other) && {
    return has_value() ? std::get<0>(std::move(state_)) : static_cast<T>(std::forward<U>(other));
  }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  void Check() const {
    if (!has_value()) internal::DieBadAccess(std::get<1>(state_));
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}
  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  // Precondition: no value. NOLINTBEGIN(bugprone-unchecked-optional-access)
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }
  // NOLINTEND(bugprone-unchecked-optional-access)

 private:
  std::optional<Error> error_;
};
using Status = Result<void>;

}  // namespace mlnode

#define MLNODE_CONCAT_INNER(a, b) a##b
#define MLNODE_CONCAT(a, b) MLNODE_CONCAT_INNER(a, b)

// `lhs` may be a declaration, which cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses)

// Returns the error of `expr` (a Status or Result) from the enclosing function.
#define RETURN_IF_ERROR(expr)                                                                 \
  do {                                                                                        \
    if (auto mlnode_status = (expr); !mlnode_status) return std::move(mlnode_status).error(); \
  } while (false)
// lhs = value of `expr`, or returns its error from the enclosing function.
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_INNER(MLNODE_CONCAT(mlnode_result_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                           \
  if (!tmp) return std::move(tmp).error();     \
  lhs = std::move(tmp).value()
// The same two inside a coroutine.
#define CO_RETURN_IF_ERROR(expr)                                                                 \
  do {                                                                                           \
    if (auto mlnode_status = (expr); !mlnode_status) co_return std::move(mlnode_status).error(); \
  } while (false)
#define CO_ASSIGN_OR_RETURN(lhs, expr) CO_ASSIGN_OR_RETURN_INNER(MLNODE_CONCAT(mlnode_result_, __LINE__), lhs, expr)
#define CO_ASSIGN_OR_RETURN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                              \
  if (!tmp) co_return std::move(tmp).error();     \
  lhs = std::move(tmp).value()
// NOLINTEND(bugprone-macro-parentheses)
