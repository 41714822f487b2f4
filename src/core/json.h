// core/json.h: JSON values (Boost.JSON keeps key order) and the reading of typed fields with errors that name the field.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace mlnode {
namespace json = boost::json;

// Parses one complete JSON text (UTF-8, depth at most 64). kInvalidArgument with reason "json_parse_exception" or, when the
// text ends too early, "json_e_o_f_exception"; the message says what stood where (line, column) in the peer's words.
Result<json::value> ParseJson(std::string_view text);
// As ParseJson, and the text must be an object: else reason "parsing_exception".
Result<json::object> ParseJsonObject(std::string_view text);

// Shortest text that reads back as the same value: integers as they are, doubles by std::to_chars ("0.1", "1.0E-5" is not
// produced; "1e-05" is valid JSON). NaN and infinity cannot occur in a json::value that came through this program.
std::string ToJson(const json::value& value);
// Two-space indent, "key" : value, { } for empty: the form of ?pretty (spec/rest-conventions §2).
std::string ToPrettyJson(const json::value& value);

// Appends the shortest decimal that reads back as the same float. Precondition: finite.
void AppendFloat(std::string& out, float value);

// Typed fields of an object. Absent or null: nullopt. Another type: kInvalidArgument naming key, kind found and kind wanted.
Result<std::optional<std::string>> StringField(const json::object& object, std::string_view key);
// Numbers and numeric strings, as the peer reads them.
Result<std::optional<std::int64_t>> IntField(const json::object& object, std::string_view key);
// true, false, "true", "false".
Result<std::optional<bool>> BoolField(const json::object& object, std::string_view key);
Result<std::optional<std::vector<std::string>>> StringsField(const json::object& object, std::string_view key);
// nullptr when absent or null.
Result<const json::object*> ObjectField(const json::object& object, std::string_view key);

}  // namespace mlnode
