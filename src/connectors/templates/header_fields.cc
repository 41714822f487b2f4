// Headers of an outgoing request: declared in connectors/templates/payload.h.
#include <algorithm>
#include <array>
#include <span>

#include "connectors/templates/payload.h"
#include "connectors/templates/substitution.h"
#include "core/utf8.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kParameter = "parameters.";
constexpr std::string_view kCredential = "credential.";
// spec/remote §2.3.
constexpr std::size_t kMaxHeaderBytes = 8 * 1024;
constexpr std::size_t kMaxHeadersBytes = 64 * 1024;
constexpr std::array<std::string_view, 16> kNoParameters{
    "authorization",  "proxy-authorization", "cookie",    "x-api-key",        "x-auth-token",
    "x-auth-header",  "x-forwarded-for",     "x-real-ip", "x-client-ip",      "cf-connecting-ip",
    "true-client-ip", "x-originating-ip",    "host",      "x-forwarded-host", "x-forwarded-server",
    "forwarded"};
constexpr std::array<std::string_view, 3> kOfTheClient{"content-length", "transfer-encoding", "connection"};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool IsOneOf(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::any_of(names, [name](std::string_view n) { return std::ranges::equal(name, n, {}, Lower); });
}

std::string Shown(std::string_view name) { return std::string(TruncateUtf8(name, 200)); }

bool IsToken(std::string_view name) {
  const auto token = [](char c) {
    return (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !name.empty() && std::ranges::all_of(name, token);
}

Status CheckTemplate(std::string_view name, std::string_view value) {
  if (!IsToken(name))
    return MakeError(Code::kInvalidArgument, "Header name '" + Shown(name) + "' contains invalid character");
  if (IsOneOf(name, kNoParameters) && value.find("${parameters.") != std::string_view::npos)
    return MakeError(Code::kInvalidArgument, "Header '" + Shown(name) +
                                                 "' cannot use ${parameters.*} placeholders for security reasons. Use "
                                                 "${credential.*} instead.");
  return {};
}

Error Unresolved(std::string_view name) {
  return MakeError(Code::kInvalidArgument,
                   "Header '" + Shown(name) + "' contains unresolved placeholder. Required parameter is missing.");
}

class FieldWriter {
 public:
  FieldWriter(const Secrets& secrets, const Parameters& parameters, std::size_t* scan_left)
      : secrets_(secrets), parameters_(parameters), scan_left_(scan_left) {}

  Result<std::string> Value(std::string_view name, std::string_view text) {
    std::string value;
    for (TemplatePiece piece; NextPiece(text, kCredential, piece);) {
      ASSIGN_OR_RETURN(const std::string literal, Literal(name, piece.literal));
      value += literal;
      if (piece.placeholder.empty()) continue;
      const auto secret = secrets_.find(piece.name.substr(kCredential.size()));
      if (secret == secrets_.end() && !piece.fallback) return Unresolved(name);
      value += secret == secrets_.end() ? *piece.fallback : std::string_view(secret->second);
    }
    return value;
  }

 private:
  // Secrets are put between literals afterwards: nothing in them is a placeholder.
  Result<std::string> Literal(std::string_view name, std::string_view text) {
    if (text.find("${parameters.") == std::string_view::npos) return std::string(text);
    if (!Placeholders(text, kParameter).empty() && IsOneOf(name, kNoParameters))
      return CheckTemplate(name, text).error();
    ASSIGN_OR_RETURN(std::string filled, Substitute(text, kParameter, ParameterLookup(parameters_),
                                                    {.filled = MaxFilled(text.size()), .scan_left = scan_left_}));
    if (!Placeholders(filled, kParameter).empty()) return Unresolved(name);
    return filled;
  }
  const Secrets& secrets_;
  const Parameters& parameters_;
  std::size_t* scan_left_;
};

Status CheckField(std::string_view name, std::string_view value) {
  const auto control = [](char c) { return (static_cast<unsigned char>(c) < 0x20U && c != '\t') || c == 0x7F; };
  if (std::ranges::any_of(value, control))
    return MakeError(Code::kInvalidArgument, "Header value contains invalid control character");
  if (name.size() + value.size() > kMaxHeaderBytes)
    return MakeError(Code::kInvalidArgument, "Header size (key + value) exceeds 8KB limit");
  return {};
}

}  // namespace

Status CheckHeaderTemplates(const Action& action) {
  for (const auto& [name, value] : action.headers) RETURN_IF_ERROR(CheckTemplate(name, value));
  return {};
}

Result<net::Headers> MakeHeaders(const Action& action, const Secrets& secrets, const Parameters& parameters,
                                 std::size_t* scan_left) {
  RETURN_IF_ERROR(CheckHeaderTemplates(action));
  net::Headers headers;
  FieldWriter writer(secrets, parameters, scan_left);
  std::size_t total = 0;
  for (const auto& [name, text] : action.headers) {
    if (IsOneOf(name, kOfTheClient)) continue;
    ASSIGN_OR_RETURN(std::string value, writer.Value(name, text));
    RETURN_IF_ERROR(CheckField(name, value));
    total += name.size() + value.size();
    if (total > kMaxHeadersBytes)
      return MakeError(Code::kInvalidArgument, "Total headers size (key + value) exceeds 64KB limit");
    headers.Add(name, std::move(value));
  }
  if (!headers.Find("Content-Type")) headers.Add("Content-Type", "application/json");
  return headers;
}

}  // namespace mlnode::connectors
