#include "connectors/transport/sigv4.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <vector>

#include "connectors/transport/url_parts.h"
#include "core/sha256.h"
#include "net/http_wire.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kContentHash = "x-amz-content-sha256";
constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// Written or changed by the HTTP client and by proxies after the signature is made, so not part of it.
constexpr std::string_view kNotSigned[] = {
    "authorization", "connection",        "content-length", "expect",     "keep-alive",     "proxy-connection", "te",
    "trailer",       "transfer-encoding", "upgrade",        "user-agent", "x-amzn-trace-id"};
// Made here; what a connector's headers say in their place does not count.
constexpr std::string_view kMadeHere[] = {"authorization", "x-amz-date", "x-amz-security-token"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

template <std::size_t N>
bool IsOneOf(std::string_view name, const std::string_view (&names)[N]) {
  return std::ranges::any_of(names, [name](std::string_view known) { return net::EqualsIgnoringCase(name, known); });
}

// RFC 3986 §2.3: everything but unreserved characters as %XX, upper case.
void AppendEncoded(std::string& out, char c) {
  const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
  if (plain) {
    out += c;
  } else {
    out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// A part of the query as AWS wants it, whether the URL had it encoded or not.
std::string CanonicalQueryPart(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const bool triplet =
        part[i] == '%' && i + 2 < part.size() && HexValue(part[i + 1]) >= 0 && HexValue(part[i + 2]) >= 0;
    if (!triplet) {
      AppendEncoded(out, part[i]);
      continue;
    }
    AppendEncoded(out, static_cast<char>(HexValue(part[i + 1]) * 16 + HexValue(part[i + 2])));
    i += 2;
  }
  return out;
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!query.empty()) {
    const auto field = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), field.size() + 1));
    if (field.empty()) continue;
    const auto equals = field.find('=');
    const auto value = equals == std::string_view::npos ? std::string_view() : field.substr(equals + 1);
    fields.emplace_back(CanonicalQueryPart(field.substr(0, equals)), CanonicalQueryPart(value));
  }
  std::ranges::sort(fields);
  std::string out;
  for (const auto& [name, value] : fields) {
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  }
  return out;
}

// Without "." and "..", several slashes as one, as the receiving side of AWS reads a path.
std::string NormalPath(std::string_view path) {
  std::vector<std::string_view> segments;
  bool folder = false;  // ends with a slash
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    folder = segment.empty() || segment == "." || segment == "..";
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!folder) segments.push_back(segment);
  }
  std::string out;
  for (const auto segment : segments) out += fmt::format("/{}", segment);
  if (folder || out.empty()) out += '/';
  return out;
}

// The path in the URL is encoded already; every service but S3 wants it encoded once more. A ':' that the URL carries
// as it is becomes %3A, one that it carries as %3A becomes %253A.
std::string CanonicalPath(const std::string& path, std::string_view service) {
  if (service == "s3") return path;
  std::string out;
  for (const char c : NormalPath(path)) {
    if (c == '/') {
      out += c;
    } else {
      AppendEncoded(out, c);
    }
  }
  return out;
}

// Trimmed, and each run of spaces as one.
std::string CanonicalValue(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const char plain = c == '\t' ? ' ' : c;
    if (plain == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += plain;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string Timestamp(EpochMillis now) {
  const auto seconds = static_cast<std::time_t>(now / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

// The request's headers with those that signing makes, and the hash in its header where the connector asks for it.
net::Headers PreparedHeaders(const OutgoingRequest& request, const std::string& timestamp, const std::string& hash) {
  net::Headers headers;
  for (const auto& [name, value] : request.headers.fields()) {
    if (IsOneOf(name, kMadeHere)) continue;
    headers.Add(name, net::EqualsIgnoringCase(name, kContentHash) ? hash : value);
  }
  headers.Add("X-Amz-Date", timestamp);
  if (!request.signing->session_token.empty()) headers.Add("X-Amz-Security-Token", request.signing->session_token);
  return headers;
}

std::map<std::string, std::string> SignedFields(const net::Headers& headers, const UrlParts& url) {
  std::map<std::string, std::string> fields;
  for (const auto& [name, value] : headers.fields()) {
    if (IsOneOf(name, kNotSigned)) continue;
    auto [field, fresh] = fields.emplace(Lower(name), CanonicalValue(value));
    if (!fresh) field->second += "," + CanonicalValue(value);
  }
  fields.emplace("host", url.HostField());  // a Host of the connector is what goes out, so it stays
  return fields;
}

bool HasUnsignedPayload(const OutgoingRequest& request) {
  return request.headers.Find(kContentHash) == kUnsignedPayload;
}

}  // namespace

void HashBody(OutgoingRequest& request) {
  request.body_hash.clear();
  if (request.signing && !HasUnsignedPayload(request)) request.body_hash = Sha256Hex(request.body);
}

Status SignV4(OutgoingRequest& request, EpochMillis now) {
  const SigningKey& key = *request.signing;
  ASSIGN_OR_RETURN(const UrlParts url, SplitUrl(request.url));
  const std::string timestamp = Timestamp(now);
  const std::string hash = HasUnsignedPayload(request) ? std::string(kUnsignedPayload)
                           : request.body_hash.empty() ? Sha256Hex(request.body)
                                                       : request.body_hash;
  net::Headers headers = PreparedHeaders(request, timestamp, hash);

  std::string lines;
  std::string names;
  for (const auto& [name, value] : SignedFields(headers, url)) {
    lines += fmt::format("{}:{}\n", name, value);
    names += fmt::format("{}{}", names.empty() ? "" : ";", name);
  }
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, CanonicalPath(url.path, key.service),
                  CanonicalQuery(url.query), lines, names, hash);
  const std::string day = timestamp.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, key.region, key.service);
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, timestamp, scope, Sha256Hex(canonical));
  const std::string signing_key =
      Hmac(Hmac(Hmac(Hmac("AWS4" + key.secret_key, day), key.region), key.service), "aws4_request");
  headers.Add("Authorization", fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                                           key.access_key, scope, names, Hex(Hmac(signing_key, to_sign))));
  request.headers = std::move(headers);
  return {};
}

}  // namespace mlnode::connectors
