// deploy/remote/remote_wiring.h: what remote models need of the connectors room, by the documents and settings now.
// Threads: any.
#pragma once

#include "config/settings.h"
#include "connectors/credential_vault.h"
#include "serving/remote/remote_environment.h"

namespace mlnode::deploy {

// Reads a connector's document, or the inline connector of a model's, adds the batch actions of known services and
// makes it ready. `vault` outlives the function.
serving::ConnectorCompiler MakeConnectorCompiler(const connectors::CredentialVault& vault);
// EndpointRules made once for each snapshot of the settings. `settings` outlives the function.
std::function<std::shared_ptr<const connectors::EndpointRules>()> MakeRulesSource(config::Settings& settings);

}  // namespace mlnode::deploy
