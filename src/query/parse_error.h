// query/parse_error.h: errors of the search DSL under the peer's exception names, each about one value of the body.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/json/json_place.h"
#include "core/result.h"

namespace mlnode::query {

// The body that is being parsed; outlives the parsing. Errors made here know which of its values they are about, so
// that whoever has the text can add line and column. Threads: immutable.
class Origin {
 public:
  Origin() = default;  // of no body: errors have no place
  explicit Origin(const json::object& body) : body_(&body) {}

  // reason "parsing_exception".
  Error Parsing(const json::value& at, std::string message) const {
    return Make("parsing_exception", at, std::move(message));
  }
  // reason "x_content_parse_exception": of parsers that the peer makes from a table of fields.
  Error Field(const json::value& at, std::string message) const {
    return Make("x_content_parse_exception", at, std::move(message));
  }
  // A name of a kind of thing ("query", ...) that nobody knows, with the peer's cause.
  Error UnknownName(const json::value& at, std::string message, std::string_view name) const {
    Error error = Parsing(at, std::move(message));
    error.cause = std::make_shared<const Error>(
        Make("named_object_not_found_exception", at, "unknown field [" + std::string(name) + "]"));
    return error;
  }
  // What the peer's DSL has and this version does not.
  Error NotBuilt(const json::value& at, const std::string& what) const {
    return Parsing(at, what + " is not supported by this version");
  }

 private:
  Error Make(std::string_view reason, const json::value& at, std::string message) const {
    Error error = MakeError(Code::kInvalidArgument, std::move(message));
    error.reason = reason;
    if (body_ != nullptr) error.json_pointer = PointerTo(*body_, at);
    return error;
  }
  const json::object* body_ = nullptr;
};

}  // namespace mlnode::query
