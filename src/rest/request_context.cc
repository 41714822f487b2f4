#include "rest/request_context.h"

#include "core/log.h"
#include "core/utf8.h"

namespace mlnode::rest {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<StringPairs> ParseQuery(std::string_view query) {
  StringPairs pairs;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view piece = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (piece.empty()) continue;
    const std::size_t equals = piece.find('=');
    ASSIGN_OR_RETURN(std::string name, PercentDecode(piece.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      ASSIGN_OR_RETURN(value, PercentDecode(piece.substr(equals + 1), true));
    }
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

}  // namespace

Result<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] == '%') {
      const int high = i + 1 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return MakeError(Code::kInvalidArgument,
                         fmt::format("[%] in [{}] is not followed by two hexadecimal digits", text));
      }
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  if (!IsValidUtf8(out)) return MakeError(Code::kInvalidArgument, "the decoded URI is not UTF-8");
  return out;
}

Result<Target> ParseTarget(std::string_view target) {
  if (!IsValidUtf8(target)) return MakeError(Code::kInvalidArgument, "the URI is not UTF-8");
  const std::size_t mark = target.find('?');
  Target parsed{.path = target.substr(0, mark), .query = {}};
  if (mark != std::string_view::npos) {
    ASSIGN_OR_RETURN(parsed.query, ParseQuery(target.substr(mark + 1)));
  }
  return parsed;
}

const std::string& RequestContext::PathParam(std::string_view name) const {
  static const std::string none;
  for (const auto& [key, value] : path_params) {
    if (key == name) return value;
  }
  return none;
}

std::optional<std::string_view> RequestContext::Query(std::string_view name) const {
  for (const auto& [key, value] : query_params) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Result<bool> RequestContext::BoolQuery(std::string_view name, bool fallback) const {
  const auto value = Query(name);
  if (!value) return fallback;
  if (value->empty() || *value == "true") return true;
  if (*value == "false") return false;
  return MakeError(Code::kInvalidArgument,
                   fmt::format("Failed to parse value [{}] as only [true] or [false] are allowed.", *value));
}

bool RequestContext::Pretty() const {
  const auto value = Query("pretty");
  return value.has_value() && *value != "false";
}

Result<json::object> ObjectBody(const RequestContext& context, bool required, std::string_view missing) {
  if (!context.body().empty()) return ParseJsonObject(context.body());
  if (required) {
    return Error{.code = Code::kInvalidArgument, .message = std::string(missing), .reason = "parse_exception"};
  }
  return json::object();
}

}  // namespace mlnode::rest
