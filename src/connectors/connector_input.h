// connectors/connector_input.h: bodies of connector create and update, and the `connector` object of a model's
// register and update, parsed and checked in the peer's order with its texts (spec/remote §1.1, 1.2, 2, 3).
// Pure; any thread.
#pragma once

#include <optional>

#include "connectors/connector.h"
#include "connectors/endpoint_rules.h"

namespace mlnode::connectors {

struct ConnectorInput {
  Connector connector;  // credential empty
  Secrets secrets;      // from "credential"
  bool dry_run = false;
  std::optional<std::string> id;  // chosen by the caller
};
// kInvalidArgument in the peer's words; kUnimplemented for the MCP protocols. Compiles scripts and templates, so that
// what this version does not understand is refused here, with its line. Does not look at URLs: CheckEndpoints does.
Result<ConnectorInput> ParseCreate(const json::object& body);
// The `connector` of a model. Name and version may be absent.
Result<ConnectorInput> ParseInline(const json::object& body);

// What an update says; what it does not say stays (spec/remote §1.2).
struct ConnectorUpdate {
  json::object fields;             // as given, checked
  std::optional<Secrets> secrets;  // replaces all
};
Result<ConnectorUpdate> ParseUpdate(const json::object& body);
// `connector` with the update applied; credential as before when secrets is empty (the caller seals).
Result<Connector> Apply(const ConnectorUpdate& update, Connector connector);

// Apply, then CheckConnector. Besides, a credential that the update does not bring goes nowhere else: kInvalidArgument
// where an action would lead to another scheme, host or port than the connector's of its type did (parameters filled
// in), or verification of TLS would be switched off.
Result<Connector> Change(const ConnectorUpdate& update, const Connector& connector, const EndpointRules& rules);

// Header rules, built-in functions and scripts of every action (spec/remote §2.3, 5.2 to 5.4). kInvalidArgument.
Status CheckTemplates(const Connector& connector);

// Every action's URL, with the connector's parameters filled in, must be trusted (spec/remote §1.1); at least one
// action; for aws_sigv4 access_key and secret_key (names of `credential_names`), region and service_name.
Status CheckConnector(const Connector& connector, const std::vector<std::string>& credential_names,
                      const EndpointRules& rules);

}  // namespace mlnode::connectors
