#include "connectors/connector_keys.h"

#include <openssl/evp.h>

#include <algorithm>

namespace mlnode::connectors {
namespace {

template <class Map>
std::string ValueOf(const Map& map, std::string_view name) {
  const auto found = map.find(name);
  return found == map.end() ? std::string() : found->second;
}

Error Missing(std::string_view what) { return MakeError(Code::kInvalidArgument, "Missing " + std::string(what)); }

// Line ends are allowed. nullopt: no Base64.
std::optional<std::string> DecodeBase64(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0 || static_cast<std::size_t>(size) < padding) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

}  // namespace

Result<std::shared_ptr<const SigningKey>> SigningKeyOf(const Connector& connector, const Secrets& secrets) {
  if (connector.protocol != Protocol::kAwsSigv4) return std::shared_ptr<const SigningKey>();
  const auto of_either = [&](std::string_view name) {
    std::string value = ValueOf(connector.parameters, name);
    return value.empty() ? ValueOf(secrets, name) : value;
  };
  SigningKey key{.access_key = ValueOf(secrets, "access_key"),
                 .secret_key = ValueOf(secrets, "secret_key"),
                 .session_token = ValueOf(secrets, "session_token"),
                 .region = of_either("region"),
                 .service = of_either("service_name")};
  if (key.access_key.empty() || key.secret_key.empty()) return Missing("credential");
  if (key.service.empty()) return Missing("service name");
  if (key.region.empty()) return Missing("region");
  return std::make_shared<const SigningKey>(std::move(key));
}

Result<std::shared_ptr<const ClientCertificate>> CertificateOf(const Connector& connector, const Secrets& secrets) {
  if (!connector.client_config || !connector.client_config->mutual_tls_enabled)
    return std::shared_ptr<const ClientCertificate>();
  ClientCertificate certificate;
  certificate.authorities = ValueOf(secrets, "ca_cert_pem");
  if (connector.client_config->pkcs12) {
    const std::string stored = ValueOf(secrets, "client_cert_pkcs12");
    if (stored.empty()) return Missing("credential client_cert_pkcs12: mutual TLS with keystore_type PKCS12 needs it");
    std::optional<std::string> bytes = DecodeBase64(stored);
    if (!bytes) return MakeError(Code::kInvalidArgument, "credential client_cert_pkcs12 is no Base64");
    certificate.pkcs12 = *std::move(bytes);
    certificate.password = ValueOf(secrets, "keystore_password");
  } else {
    certificate.certificate = ValueOf(secrets, "client_cert_pem");
    certificate.key = ValueOf(secrets, "client_key_pem");
    if (certificate.certificate.empty() || certificate.key.empty())
      return Missing("credential client_cert_pem or client_key_pem: mutual TLS needs both");
  }
  return std::make_shared<const ClientCertificate>(std::move(certificate));
}

}  // namespace mlnode::connectors
