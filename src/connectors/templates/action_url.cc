#include "connectors/templates/action_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "connectors/templates/payload.h"
#include "connectors/templates/substitution.h"
#include "connectors/transport/url_parts.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kPrefix = "parameters.";
constexpr std::string_view kSchemeEnd = "://";
constexpr std::string_view kAuthorityEnds = "/?#";  // RFC 3986 §3.2

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

Result<std::string> Fill(std::string_view text, const Parameters& parameters) {
  return Substitute(text, kPrefix, ParameterLookup(parameters));
}

// Scheme and authority of a URL template.
struct Origin {
  std::string_view text;
  bool open = false;  // a placeholder is in it
};

// nullopt: a placeholder stands before the end of the scheme, or there is none.
std::optional<Origin> OriginOf(std::string_view url) {
  Origin origin;
  std::string_view rest = url;
  bool in_authority = false;
  std::size_t length = 0;
  for (TemplatePiece piece; NextPiece(rest, kPrefix, piece);) {
    std::size_t from = 0;
    if (!in_authority) {
      from = piece.literal.find(kSchemeEnd);
      if (from == std::string_view::npos) return std::nullopt;
      from += kSchemeEnd.size();
      in_authority = true;
    }
    const std::size_t end = piece.literal.find_first_of(kAuthorityEnds, from);
    if (end != std::string_view::npos) return Origin{.text = url.substr(0, length + end), .open = origin.open};
    length += piece.literal.size() + piece.placeholder.size();
    origin.open = origin.open || !piece.placeholder.empty();
  }
  if (!in_authority) return std::nullopt;
  origin.text = url;
  return origin;
}

Error Elsewhere(std::string_view own) {
  return Invalid(fmt::format(
      "The parameters of a request cannot change where a connector leads, which is {}: scheme, host and port of an "
      "action's URL are filled from the connector's own parameters, because its credential goes there",
      own));
}

bool IsHostText(std::string_view value) {
  return !value.empty() && std::ranges::all_of(value, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
}

// What the connector says of its origin stays, and what it leaves open cannot end it.
Status CheckOpen(std::string_view origin, const Parameters& merged, std::string_view url) {
  std::string wanted;
  std::string_view rest = origin;
  for (TemplatePiece piece; NextPiece(rest, kPrefix, piece);) {
    wanted += piece.literal;
    if (piece.placeholder.empty()) continue;
    ASSIGN_OR_RETURN(const std::string value, Fill(piece.placeholder, merged));
    if (!IsHostText(value))
      return Invalid(fmt::format(
          "Parameter \"{}\" is part of the host that a connector leads to: it may hold letters, digits, '.' and '-' "
          "only",
          piece.name.substr(kPrefix.size())));
    wanted += value;
  }
  const bool same = url.starts_with(wanted) &&
                    (url.size() == wanted.size() || kAuthorityEnds.find(url[wanted.size()]) != std::string_view::npos);
  return same ? Status() : Elsewhere(origin);
}

Status CheckOrigin(const Action& action, const Parameters& own, const Parameters& merged, std::string_view url) {
  ASSIGN_OR_RETURN(const std::string filled, Fill(action.url, own));
  const std::optional<Origin> origin = OriginOf(filled);
  if (!origin) return Elsewhere("not in its own parameters");
  if (origin->open) return CheckOpen(origin->text, merged, url);
  ASSIGN_OR_RETURN(const UrlParts wanted, SplitUrl(origin->text));
  ASSIGN_OR_RETURN(const UrlParts parts, SplitUrl(url));
  return parts.Endpoint() == wanted.Endpoint() ? Status() : Elsewhere(wanted.Endpoint());
}

}  // namespace

Result<std::string> MakeUrl(const Action& action, const Parameters& own, const Parameters& merged) {
  ASSIGN_OR_RETURN(std::string url, Fill(action.url, merged));
  const auto foreign = [](char c) {
    return static_cast<unsigned char>(c) <= 0x20U || static_cast<unsigned char>(c) == 0x7FU ||
           std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos;
  };
  if (std::ranges::any_of(url, foreign))
    return Invalid(
        "Encountered error when trying to create uri from endpoint in ml connector. Please update the endpoint in "
        "connection configuration: ");
  RETURN_IF_ERROR(CheckOrigin(action, own, merged, url));
  return url;
}

Result<std::string> OwnEndpoint(const Action& action, const Parameters& own) {
  ASSIGN_OR_RETURN(std::string filled, Fill(action.url, own));
  const std::optional<Origin> origin = OriginOf(filled);
  if (!origin) return filled;
  const Result<UrlParts> parts = origin->open ? Result<UrlParts>(Invalid("open")) : SplitUrl(origin->text);
  return parts ? parts->Endpoint() : std::string(origin->text);
}

}  // namespace mlnode::connectors
