#include "connectors/templates/payload.h"

#include <algorithm>
#include <set>

#include "connectors/templates/body_edits.h"
#include "connectors/templates/json_text.h"
#include "connectors/templates/substitution.h"
#include "core/utf8.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kPrefix = "parameters.";
constexpr std::string_view kToString = ".toString()";
constexpr std::size_t kMaxShownPayload = 10'000;

using Names = std::set<std::string, std::less<>>;

void AddUnescaped(const Parameters& parameters, Names& names) {
  const auto found = parameters.find("no_escape_params");
  if (found == parameters.end()) return;
  std::string_view list = found->second;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view name = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    names.emplace(name);
  }
}

void Overlay(const Parameters& parameters, const Names& unescaped, Parameters& merged) {
  for (const auto& [name, value] : parameters) {
    const bool as_is = unescaped.contains(name) || IsJsonContainer(value);
    merged[name] = as_is ? value : EscapeJson(value);
  }
}

// A quoted placeholder whose default is null, and that nothing fills, loses its quotes. Only the template's own: a
// value that looks like one stays a text.
std::string FillNulls(std::string_view body, const Parameters& parameters) {
  constexpr std::string_view kBegin = "\"${parameters.";
  constexpr std::string_view kEnd = ":-null}\"";
  std::string filled;
  for (std::size_t at = body.find(kBegin); at != std::string_view::npos; at = body.find(kBegin)) {
    const std::string_view rest = body.substr(at + kBegin.size());
    const std::string_view name = rest.substr(0, rest.find(':'));
    const bool absent = rest.substr(name.size()).starts_with(kEnd) && !parameters.contains(name);
    filled += body.substr(0, absent ? at : at + 1);
    if (absent) filled += "null";
    body = absent ? rest.substr(name.size() + kEnd.size()) : body.substr(at + 1);
  }
  return filled += body;
}

bool Skips(const Parameters& parameters) {
  const auto found = parameters.find("skip_validating_missing_parameters");
  return found != parameters.end() && IsTrue(found->second);
}

Status CheckFilled(std::string_view body, const Parameters& parameters) {
  if (Skips(parameters)) return {};
  std::string left;
  for (const std::string& name : Placeholders(body, kPrefix)) left += (left.empty() ? "" : ", ") + name;
  if (left.empty()) return {};
  return MakeError(Code::kInvalidArgument, "Some parameter placeholder not filled in payload: " + left);
}

Status CheckJson(std::string_view body) {
  if (!IsValidUtf8(body)) return MakeError(Code::kInvalidArgument, "Invalid payload: it is not UTF-8");
  if (IsJsonContainer(body) || IsNdjson(body)) return {};
  const std::string_view shown = TruncateUtf8(body, kMaxShownPayload);
  return MakeError(Code::kInvalidArgument,
                   "Invalid payload: " + std::string(shown) + (shown.size() < body.size() ? "..." : ""));
}

Result<std::string> Filled(std::string_view text, const Parameters& parameters, std::size_t* scan_left) {
  return Substitute(text, kPrefix, ParameterLookup(parameters),
                    {.filled = MaxFilled(text.size() + BytesOf(parameters)), .scan_left = scan_left});
}

Result<std::string> FillTemplate(const Action& action, const Parameters& parameters, std::size_t* scan_left) {
  ASSIGN_OR_RETURN(std::string body, Filled(FillNulls(*action.request_body, parameters), parameters, scan_left));
  RETURN_IF_ERROR(CheckJson(body));
  if (action.supports_structured_output.value_or(false)) {
    ASSIGN_OR_RETURN(body, AddStructuredOutput(std::move(body), parameters));
  }
  return DropEmptyNovaMembers(std::move(body), parameters);
}

bool IsPost(std::string_view method) {
  const auto same = [](char a, char b) {
    return (static_cast<unsigned char>(a) & 0xDFU) == static_cast<unsigned char>(b);
  };
  return std::ranges::equal(method, std::string_view("POST"), same);
}

}  // namespace

std::optional<std::string_view> ParameterLookup::operator()(std::string_view name) {
  const std::string_view key = name.substr(kPrefix.size());
  if (const auto found = parameters_.find(key); found != parameters_.end()) return found->second;
  if (!key.ends_with(kToString)) return std::nullopt;
  if (const auto known = escaped_.find(key); known != escaped_.end()) return known->second;
  const auto value = parameters_.find(key.substr(0, key.size() - kToString.size()));
  if (value == parameters_.end()) return std::nullopt;
  return escaped_.emplace(std::string(key), EscapeJson(value->second)).first->second;
}

Parameters AsText(const json::object& parameters) {
  Parameters text;
  for (const auto& field : parameters) {
    const json::string* string = field.value().if_string();
    text.insert_or_assign(std::string(field.key()), string != nullptr ? std::string(*string) : ToJson(field.value()));
  }
  return text;
}

Parameters Merge(const Parameters& connector, const Parameters& request, const Parameters& pre_processed) {
  Names unescaped{"response_filter"};  // the node's own to read
  AddUnescaped(connector, unescaped);
  AddUnescaped(request, unescaped);
  Names of_pre_processed = unescaped;
  AddUnescaped(pre_processed, of_pre_processed);
  Parameters merged = connector;
  Overlay(pre_processed, of_pre_processed, merged);
  Overlay(request, unescaped, merged);
  return merged;
}

void DropNulls(const Action& action, const json::object& request, Parameters& merged) {
  if (!action.request_body) return;
  for (const auto& field : request) {
    const std::string name(field.key());
    if (!field.value().is_null()) continue;
    if (action.request_body->find("\"${parameters." + name + ":-null}\"") != std::string::npos) merged.erase(name);
  }
}

std::size_t BytesOf(const Parameters& parameters) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : parameters) bytes += name.size() + value.size();
  return bytes;
}

Result<std::string> MakeBody(const Action& action, const Parameters& parameters, std::size_t* scan_left) {
  std::string body;
  if (action.request_body) {
    ASSIGN_OR_RETURN(body, FillTemplate(action, parameters, scan_left));
  } else if (const auto given = parameters.find("http_body"); given != parameters.end()) {
    body = given->second;
    if (!IsValidUtf8(body)) return MakeError(Code::kInvalidArgument, "Invalid payload: it is not UTF-8");
  }
  RETURN_IF_ERROR(CheckFilled(body, parameters));
  if (body.empty() && IsPost(action.method) && action.type != ActionType::kCancelBatchPredict)
    return MakeError(Code::kInvalidArgument, "Content length is 0. Aborting request to remote model");
  return body;
}

}  // namespace mlnode::connectors
