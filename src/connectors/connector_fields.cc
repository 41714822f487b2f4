#include "connectors/connector_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <utility>

namespace mlnode::connectors {
namespace {

constexpr std::array<std::string_view, 5> kActionTypes = {"PREDICT", "EXECUTE", "BATCH_PREDICT", "CANCEL_BATCH_PREDICT",
                                                          "BATCH_PREDICT_STATUS"};
constexpr std::array<std::string_view, 3> kPolicies = {"constant", "exponential_equal_jitter",
                                                       "exponential_full_jitter"};
constexpr std::size_t kMaxActionName = 64;
constexpr std::int64_t kMaxSeconds = 86'400;      // no wait longer than a day
constexpr std::int64_t kMaxConnections = 10'000;  // sockets of one pool
constexpr std::int64_t kMaxRetries = 1'000'000;

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

Status CheckActionName(const std::string& name) {
  if (std::ranges::find(kActionTypes, Upper(name)) != kActionTypes.end())
    return Invalid(fmt::format("name can't be one of action type [{}]", fmt::join(kActionTypes, ", ")));
  const bool allowed = !name.empty() && name.size() <= kMaxActionName && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  });
  if (allowed) return {};
  return Invalid("name of an action can only contain letters, digits, hyphens and underscores, and has at most 64");
}

Result<Action> ParseAction(const json::object& given) {
  Action action;
  ASSIGN_OR_RETURN(const std::optional<std::string> type, StringField(given, "action_type"));
  if (!type) return Invalid("action type can't be null");
  ASSIGN_OR_RETURN(action.type, ParseActionType(*type));
  ASSIGN_OR_RETURN(std::optional<std::string> url, StringField(given, "url"));
  if (!url) return Invalid("url can't be null");
  action.url = *std::move(url);
  ASSIGN_OR_RETURN(std::optional<std::string> method, StringField(given, "method"));
  if (!method) return Invalid("method can't be null");
  action.method = *std::move(method);
  ASSIGN_OR_RETURN(action.name, StringField(given, "name"));
  if (action.name) RETURN_IF_ERROR(CheckActionName(*action.name));
  ASSIGN_OR_RETURN(const json::object* headers, ObjectField(given, "headers"));
  if (headers != nullptr) {
    ASSIGN_OR_RETURN(auto texts, ParseTexts(*headers, "headers"));
    for (const json::key_value_pair& header : *headers) {
      action.headers.emplace_back(header.key(), std::move(texts.find(header.key())->second));
    }
  }
  ASSIGN_OR_RETURN(action.request_body, StringField(given, "request_body"));
  ASSIGN_OR_RETURN(action.pre_process_function, StringField(given, "pre_process_function"));
  ASSIGN_OR_RETURN(action.post_process_function, StringField(given, "post_process_function"));
  ASSIGN_OR_RETURN(action.supports_structured_output, BoolField(given, "supports_structured_output"));
  return action;
}

// A whole number of [min, max], kept where the field is absent.
Status ReadCount(const json::object& given, std::string_view field, std::int64_t min, std::int64_t max,
                 std::int64_t& into) {
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> value, IntField(given, field));
  if (!value) return {};
  if (*value < min || *value > max)
    return Invalid(fmt::format("[client_config.{}] must be between {} and {}, but was [{}]", field, min, max, *value));
  into = *value;
  return {};
}

Status ReadSeconds(const json::object& given, std::string_view field, std::int64_t min,
                   std::chrono::milliseconds& into) {
  std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(into).count();
  RETURN_IF_ERROR(ReadCount(given, field, min, kMaxSeconds, seconds));
  into = std::chrono::seconds(seconds);
  return {};
}

Status ReadRetries(const json::object& given, ClientConfig& config) {
  std::int64_t backoff = config.retry_backoff.count();
  RETURN_IF_ERROR(ReadCount(given, "retry_backoff_millis", 0, kMaxSeconds * 1000, backoff));
  config.retry_backoff = std::chrono::milliseconds(backoff);
  RETURN_IF_ERROR(ReadSeconds(given, "retry_timeout_seconds", 0, config.retry_timeout));
  RETURN_IF_ERROR(ReadCount(given, "max_retry_times", -1, kMaxRetries, config.max_retry_times));
  ASSIGN_OR_RETURN(const std::optional<std::string> policy, StringField(given, "retry_backoff_policy"));
  if (!policy) return {};
  const auto* const known = std::ranges::find(kPolicies, *policy);
  if (known == kPolicies.end()) return Invalid("Unsupported retry backoff policy");
  config.retry_backoff_policy = static_cast<BackoffPolicy>(known - kPolicies.begin());
  return {};
}

Status ReadTls(const json::object& given, ClientConfig& config) {
  ASSIGN_OR_RETURN(const std::optional<bool> skip, BoolField(given, "skip_ssl_verification"));
  config.skip_ssl_verification = skip.value_or(false);
  ASSIGN_OR_RETURN(const std::optional<bool> mutual, BoolField(given, "mutual_tls_enabled"));
  config.mutual_tls_enabled = mutual.value_or(false);
  ASSIGN_OR_RETURN(const std::optional<std::string> keystore, StringField(given, "keystore_type"));
  if (!keystore) return {};
  const std::string type = Upper(*keystore);
  if (type != "PEM" && type != "PKCS12") return Invalid("[client_config.keystore_type] must be PEM or PKCS12");
  config.pkcs12 = type == "PKCS12";
  return {};
}

Status ReadOwn(const json::object& given, ClientConfig& config) {
  ASSIGN_OR_RETURN(const json::object* own, ObjectField(given, "_mlnode"));
  if (own == nullptr) return {};
  RETURN_IF_ERROR(ReadCount(*own, "batch_max_documents", 0, 10'000, config.batch_max_documents));
  std::int64_t delay = config.batch_max_delay.count();
  RETURN_IF_ERROR(ReadCount(*own, "batch_max_delay_ms", 0, 10'000, delay));
  config.batch_max_delay = std::chrono::milliseconds(delay);
  return {};
}

std::int64_t Seconds(std::chrono::milliseconds time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

}  // namespace

std::string_view ProtocolName(Protocol protocol) { return protocol == Protocol::kHttp ? "http" : "aws_sigv4"; }

Result<Protocol> ParseProtocol(std::string_view name) {
  if (name == "http") return Protocol::kHttp;
  if (name == "aws_sigv4") return Protocol::kAwsSigv4;
  if (name == "mcp_sse" || name == "mcp_streamable_http")
    return MakeError(Code::kUnimplemented,
                     fmt::format("connectors of protocol {} are not supported by this version", name));
  return Invalid(fmt::format("Can't find class for type {}", name));
}

std::string_view ActionTypeName(ActionType type) { return kActionTypes[static_cast<std::size_t>(type)]; }

Result<ActionType> ParseActionType(std::string_view name) {
  const std::string upper = Upper(name);
  const auto* const known = std::ranges::find(kActionTypes, upper);
  if (known == kActionTypes.end())
    return Invalid("No enum constant org.opensearch.ml.common.connector.ConnectorAction.ActionType." + upper);
  return static_cast<ActionType>(known - kActionTypes.begin());
}

Result<std::vector<Action>> ParseActions(const json::array& given) {
  if (given.size() > kMaxActions)
    return Invalid(fmt::format("[actions] has {} entries; {} is the limit", given.size(), kMaxActions));
  std::vector<Action> actions;
  for (const json::value& entry : given) {
    if (!entry.is_object()) return Invalid(fmt::format("[actions] must hold objects, but has {}", TokenName(entry)));
    ASSIGN_OR_RETURN(Action action, ParseAction(entry.get_object()));
    actions.push_back(std::move(action));
  }
  return actions;
}

json::array ActionsForm(const std::vector<Action>& actions) {
  json::array out;
  for (const Action& action : actions) {
    json::object& one = out.emplace_back(json::object()).get_object();
    one["action_type"] = ActionTypeName(action.type);
    if (action.name) one["name"] = *action.name;
    one["method"] = action.method;
    one["url"] = action.url;
    if (!action.headers.empty()) {
      json::object& headers = one["headers"].emplace_object();
      for (const auto& [name, value] : action.headers) headers[name] = value;
    }
    if (action.request_body) one["request_body"] = *action.request_body;
    if (action.pre_process_function) one["pre_process_function"] = *action.pre_process_function;
    if (action.post_process_function) one["post_process_function"] = *action.post_process_function;
    if (action.supports_structured_output) one["supports_structured_output"] = *action.supports_structured_output;
  }
  return out;
}

Result<ClientConfig> ParseClientConfig(const json::object& given) {
  ClientConfig config;
  RETURN_IF_ERROR(ReadCount(given, "max_connection", 1, kMaxConnections, config.max_connection));
  RETURN_IF_ERROR(ReadSeconds(given, "connection_timeout", 1, config.connection_timeout));
  RETURN_IF_ERROR(ReadSeconds(given, "read_timeout", 1, config.read_timeout));
  RETURN_IF_ERROR(ReadRetries(given, config));
  RETURN_IF_ERROR(ReadTls(given, config));
  RETURN_IF_ERROR(ReadOwn(given, config));
  return config;
}

json::object ClientConfigForm(const ClientConfig& config) {
  json::object out;
  out["max_connection"] = config.max_connection;
  out["connection_timeout"] = Seconds(config.connection_timeout);
  out["read_timeout"] = Seconds(config.read_timeout);
  out["retry_backoff_millis"] = config.retry_backoff.count();
  out["retry_timeout_seconds"] = Seconds(config.retry_timeout);
  out["max_retry_times"] = config.max_retry_times;
  out["retry_backoff_policy"] = kPolicies[static_cast<std::size_t>(config.retry_backoff_policy)];
  out["skip_ssl_verification"] = config.skip_ssl_verification;
  if (config.mutual_tls_enabled) {
    out["mutual_tls_enabled"] = true;
    out["keystore_type"] = config.pkcs12 ? "PKCS12" : "PEM";
  }
  if (config.batch_max_documents > 0)
    out["_mlnode"] = json::object{{"batch_max_documents", config.batch_max_documents},
                                  {"batch_max_delay_ms", config.batch_max_delay.count()}};
  return out;
}

Result<std::map<std::string, std::string, std::less<>>> ParseTexts(const json::object& given, std::string_view field) {
  std::map<std::string, std::string, std::less<>> texts;
  for (const json::key_value_pair& entry : given) {
    const json::value& value = entry.value();
    if (value.is_null() || value.is_object() || value.is_array())
      return Invalid(
          fmt::format("[{}.{}] must be a string, but is {}", field, std::string_view(entry.key()), TokenName(value)));
    texts.insert_or_assign(std::string(entry.key()),
                           value.is_string() ? std::string(value.get_string()) : ToJson(value));
  }
  return texts;
}

Parameters ParametersOf(const json::object& given) {
  Parameters parameters;
  for (const json::key_value_pair& entry : given) {
    const json::value& value = entry.value();
    if (value.is_null()) continue;
    parameters.insert_or_assign(std::string(entry.key()),
                                value.is_string() ? std::string(value.get_string()) : ToJson(value));
  }
  return parameters;
}

}  // namespace mlnode::connectors
