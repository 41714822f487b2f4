// The part of connector_input.h that asks the templates, the mappings and the scripts what they take.
#include <fmt/format.h>

#include <algorithm>

#include "connectors/connector_input.h"
#include "connectors/mapping/post_process.h"
#include "connectors/mapping/pre_process.h"
#include "connectors/templates/action_url.h"
#include "connectors/templates/payload.h"
#include "connectors/templates/substitution.h"

namespace mlnode::connectors {
namespace {

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

Status CheckSigning(const Connector& connector, const std::vector<std::string>& credential_names) {
  const auto has_credential = [&](std::string_view name) {
    return std::ranges::find(credential_names, name) != credential_names.end();
  };
  if (!has_credential("access_key") || !has_credential("secret_key")) return Invalid("Missing credential");
  const auto known = [&](std::string_view name) { return connector.parameters.contains(name) || has_credential(name); };
  if (!known("service_name")) return Invalid("Missing service name");
  if (!known("region")) return Invalid("Missing region");
  return {};
}

bool SkipsVerification(const Connector& connector) {
  return connector.client_config && connector.client_config->skip_ssl_verification;
}

// Whether an action of this type led there; an action of a type that is new may go where any led.
bool Led(const Connector& before, ActionType type, const std::string& endpoint) {
  const bool is_new = before.Find(type) == nullptr;
  return std::ranges::any_of(before.actions, [&](const Action& action) {
    if (!is_new && action.type != type) return false;
    const Result<std::string> led = OwnEndpoint(action, before.parameters);
    return led && *led == endpoint;
  });
}

Status CheckKeptCredential(const Connector& before, const Connector& after) {
  if (before.credential.empty()) return {};
  if (SkipsVerification(after) && !SkipsVerification(before))
    return Invalid(
        "skip_ssl_verification lets anybody between here and the provider read the credential: to switch it on, give "
        "\"credential\" in the same request");
  for (const Action& action : after.actions) {
    ASSIGN_OR_RETURN(const std::string endpoint, OwnEndpoint(action, after.parameters));
    if (!Led(before, action.type, endpoint))
      return Invalid(
          fmt::format("action {} would send the connector's credential to {}, where it did not go before: to change "
                      "scheme, host or port of a URL, give \"credential\" in the same request",
                      ActionTypeName(action.type), endpoint));
  }
  return {};
}

}  // namespace

Result<Connector> Change(const ConnectorUpdate& update, const Connector& connector, const EndpointRules& rules) {
  ASSIGN_OR_RETURN(Connector changed, Apply(update, connector));
  std::vector<std::string> names;
  if (update.secrets) {
    for (const auto& [name, value] : *update.secrets) names.push_back(name);
  } else {
    for (const auto& [name, value] : changed.credential) names.push_back(name);
  }
  RETURN_IF_ERROR(CheckConnector(changed, names, rules));
  if (!update.secrets) RETURN_IF_ERROR(CheckKeptCredential(connector, changed));
  return changed;
}

Status CheckTemplates(const Connector& connector) {
  for (const Action& action : connector.actions) {
    RETURN_IF_ERROR(CheckHeaderTemplates(action));
    if (action.pre_process_function) RETURN_IF_ERROR(PreProcess::Make(*action.pre_process_function));
    if (action.post_process_function) RETURN_IF_ERROR(PostProcess::Make(*action.post_process_function));
  }
  return {};
}

Status CheckConnector(const Connector& connector, const std::vector<std::string>& credential_names,
                      const EndpointRules& rules) {
  if (connector.protocol == Protocol::kAwsSigv4) RETURN_IF_ERROR(CheckSigning(connector, credential_names));
  if (connector.actions.empty()) return Invalid("No actions configured for this connector");
  const Lookup lookup = [&](std::string_view name) -> std::optional<std::string_view> {
    const std::size_t dot = name.find('.');
    const auto found = connector.parameters.find(dot == std::string_view::npos ? name : name.substr(dot + 1));
    if (found == connector.parameters.end()) return std::nullopt;
    return found->second;
  };
  for (const Action& action : connector.actions) {
    ASSIGN_OR_RETURN(const std::string url,
                     Substitute(action.url, "parameters.", lookup,
                                {.filled = MaxFilled(action.url.size() + BytesOf(connector.parameters))}));
    RETURN_IF_ERROR(rules.CheckUrl(url));
  }
  return {};
}

}  // namespace mlnode::connectors
