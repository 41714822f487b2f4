// Boost.JSON as parser: this file catches what it throws. Wording of failures: core/json/json_error.h.
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <new>

#include "core/json.h"
#include "core/json/json_error.h"

namespace mlnode {
namespace {

// Builds the value and counts the keys seen, so that a key given twice (the object keeps one) can be noticed at the
// end.
struct Builder {
  // Names that basic_parser asks for. NOLINTBEGIN(readability-identifier-naming)
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  // NOLINTEND(readability-identifier-naming)

  json::value_stack stack;
  std::size_t keys = 0;
  bool number_in_parts = false;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }
  bool on_object_end(std::size_t n, json::error_code&) {
    keys += n;
    return stack.push_object(n), true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t n, json::error_code&) { return stack.push_array(n), true; }
  bool on_key_part(json::string_view s, std::size_t, json::error_code&) { return stack.push_chars(s), true; }
  bool on_key(json::string_view s, std::size_t, json::error_code&) { return stack.push_key(s), true; }
  bool on_string_part(json::string_view s, std::size_t, json::error_code&) { return stack.push_chars(s), true; }
  bool on_string(json::string_view s, std::size_t, json::error_code&) { return stack.push_string(s), true; }
  bool on_number_part(json::string_view, json::error_code&) { return number_in_parts = true; }
  bool on_int64(std::int64_t i, json::string_view, json::error_code&) {
    number_in_parts = false;
    return stack.push_int64(i), true;
  }
  bool on_uint64(std::uint64_t u, json::string_view, json::error_code&) {
    number_in_parts = false;
    return stack.push_uint64(u), true;
  }
  // Boost 1.81 rounds the last digit wrongly at times, so the text is read again when it is whole.
  bool on_double(double d, json::string_view s, json::error_code& ec) {
    double exact = d;
    if (!number_in_parts && std::from_chars(s.data(), s.data() + s.size(), exact).ec != std::errc()) exact = d;
    number_in_parts = false;
    if (!std::isfinite(exact)) {
      ec = json::error::exponent_overflow;
      return false;
    }
    return stack.push_double(exact), true;
  }
  bool on_bool(bool b, json::error_code&) { return stack.push_bool(b), true; }
  bool on_null(json::error_code&) { return stack.push_null(), true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

std::size_t CountKeys(const json::value& value) {
  std::size_t keys = 0;
  if (const json::object* object = value.if_object()) {
    keys = object->size();
    for (const auto& field : *object) keys += CountKeys(field.value());
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) keys += CountKeys(item);
  }
  return keys;
}

}  // namespace

Result<json::value> ParseJson(std::string_view text) {
  try {
    json::parse_options options;
    options.max_depth = kMaxJsonDepth;
    json::basic_parser<Builder> parser(options);
    json::error_code ec;
    parser.handler().stack.reset();
    const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
    if (ec || read != text.size()) return DescribeJsonError(text, kMaxJsonDepth);
    json::value value = parser.handler().stack.release();
    if (CountKeys(value) != parser.handler().keys) return DescribeJsonError(text, kMaxJsonDepth);
    return value;
  } catch (const std::exception& failure) {
    Error error = MakeError(Code::kResourceExhausted, "the JSON text could not be held in memory");
    error.detail = failure.what();
    return error;
  }
}

Result<json::object> ParseJsonObject(std::string_view text) {
  ASSIGN_OR_RETURN(json::value value, ParseJson(text));
  if (json::object* object = value.if_object()) return std::move(*object);
  Error error =
      MakeError(Code::kInvalidArgument, "Failed to parse object: expecting token of type [START_OBJECT] but found [" +
                                            std::string(TokenName(value)) + "]");
  error.reason = "parsing_exception";
  error.json_pointer.emplace();
  return error;
}

}  // namespace mlnode
