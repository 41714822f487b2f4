// connectors/connector_keys.h: what signs a request and what the client shows of itself, from a connector's secrets and
// parameters. Pure; any thread. No error has a secret in it.
#pragma once

#include <memory>

#include "connectors/connector.h"
#include "connectors/transport/remote_caller.h"

namespace mlnode::connectors {

// Null unless the protocol is aws_sigv4. region and service_name: of the parameters, else of the credential.
// kInvalidArgument "Missing credential", "Missing region", "Missing service name".
Result<std::shared_ptr<const SigningKey>> SigningKeyOf(const Connector& connector, const Secrets& secrets);
// Null unless client_config.mutual_tls_enabled. Credentials client_cert_pem, client_key_pem and ca_cert_pem, or
// client_cert_pkcs12 (Base64) and keystore_password. kInvalidArgument: one is missing, or no Base64.
Result<std::shared_ptr<const ClientCertificate>> CertificateOf(const Connector& connector, const Secrets& secrets);

}  // namespace mlnode::connectors
