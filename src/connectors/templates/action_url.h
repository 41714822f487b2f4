// connectors/templates/action_url.h: the URL of an action. Where it leads (scheme, host and port) is the connector's to
// say and not a request's: the credential goes along. Pure; any thread.
#pragma once

#include <string>

#include "connectors/connector.h"
#include "core/result.h"

namespace mlnode::connectors {

// `own`: the connector's parameters; `merged`: those with a request's over them (templates/payload.h). kInvalidArgument
// in the peer's words: a placeholder is left, or a character that no URL has. kInvalidArgument in ours: `merged` leads
// to another scheme, host or port than `own`. Where `own` leaves a placeholder in the host or the port, what is filled
// in must consist of letters, digits, '.' and '-', and the rest of it is the connector's; whether that host is trusted,
// EndpointRules::CheckUrl says.
Result<std::string> MakeUrl(const Action& action, const Parameters& own, const Parameters& merged);

// Where the action leads by the connector's parameters alone, to be compared: "https://api.example.com:443". With a
// placeholder in it, or no URL at all: the text up to the path, or all of it. kInvalidArgument, kTooLarge: as
// Substitute says.
Result<std::string> OwnEndpoint(const Action& action, const Parameters& own);

}  // namespace mlnode::connectors
