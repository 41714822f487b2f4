// core/json.h: JSON values (Boost.JSON keeps key order) and the reading of typed fields with errors that name the
// field.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace mlnode {
namespace json = boost::json;

inline constexpr std::size_t kMaxJsonDepth = 64;  // arrays and objects within one another

// Parses one complete JSON text (UTF-8, depth at most kMaxJsonDepth; a field given twice and a number beyond double are
// refused; numbers read exactly). kInvalidArgument with reason "json_parse_exception" or, when the text ends too early,
// "json_e_o_f_exception"; the message says what stood where (line, column) in the peer's words
// (core/json/json_error.h).
Result<json::value> ParseJson(std::string_view text);
// As ParseJson, and the text must be an object: else reason "parsing_exception".
Result<json::object> ParseJsonObject(std::string_view text);

// Shortest text that reads back as the same value. Doubles always show that they are doubles: "5.0", "0.1", "1e-05".
// NaN and infinity cannot occur in a json::value that came through this program.
std::string ToJson(const json::value& value);
std::string ToJson(const json::object& object);
// Two-space indent, "key" : value, { } for empty, newline at the end: the form of ?pretty (spec/rest-conventions §2).
std::string ToPrettyJson(const json::value& value);

// Appends a quoted and escaped JSON string. Precondition: valid UTF-8.
void AppendJsonString(std::string& out, std::string_view text);
// Appends the shortest decimal that reads back as the same number, with ".0" when it is a whole one. Precondition:
// finite.
void AppendFloat(std::string& out, float value);
void AppendDouble(std::string& out, double value);

// The peer's name of a value's first token: "START_OBJECT", "VALUE_STRING", "VALUE_NUMBER", ...
std::string_view TokenName(const json::value& value);

// Typed fields of an object. Absent or null: nullopt. Another type: kInvalidArgument naming key, kind found and kind
// wanted; its json_pointer is right when `object` is the whole body.

// Strings; numbers and booleans as their text, as the peer reads them ("version": 1 is common).
Result<std::optional<std::string>> StringField(const json::object& object, std::string_view key);
// Whole numbers. Numeric strings are read too unless the peer refuses them for that field ("Integer value passed as
// String").
enum class NumericText : std::uint8_t { kAccept, kRefuse };
Result<std::optional<std::int64_t>> IntField(const json::object& object, std::string_view key,
                                             NumericText text = NumericText::kAccept);
// true, false, "true", "false".
Result<std::optional<bool>> BoolField(const json::object& object, std::string_view key);
// An array of scalars. Not an array: reason "parsing_exception" in the peer's words; the key stands in Error::detail.
Result<std::optional<std::vector<std::string>>> StringsField(const json::object& object, std::string_view key);
// nullptr when absent or null.
Result<const json::object*> ObjectField(const json::object& object, std::string_view key);

}  // namespace mlnode
