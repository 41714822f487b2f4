#include "rest/content_type.h"

#include <algorithm>
#include <string>

#include "core/log.h"
#include "rest/error_body.h"

namespace mlnode::rest {
namespace {

constexpr std::string_view kJsonTypes[] = {"application/json", "application/vnd.opensearch+json",
                                           "application/x-ndjson"};
constexpr std::string_view kOtherTypes[] = {"application/yaml", "application/x-yaml", "application/cbor",
                                            "application/smile", "application/x-smile"};

std::string MediaType(std::string_view header) {
  std::string type(header.substr(0, header.find(';')));
  type.erase(0, type.find_first_not_of(" \t"));
  type.erase(type.find_last_not_of(" \t") + 1);
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type;
}

template <std::size_t kSize>
bool Contains(const std::string_view (&types)[kSize], std::string_view type) {
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

net::HttpReply BadHeader(std::string message) {
  return ErrorReply(
      {.code = Code::kInvalidArgument, .message = std::move(message), .reason = "content_type_header_exception"},
      false);
}

}  // namespace

std::optional<net::HttpReply> RefuseContentType(const net::Headers& headers, BodyUse use) {
  const auto header = headers.Find("Content-Type");
  if (!header || header->empty()) return SimpleErrorReply(406, "Content-Type header is missing");
  if (headers.Count("Content-Type") > 1) return BadHeader("only one Content-Type header should be provided");
  const std::string type = MediaType(*header);
  if (Contains(kJsonTypes, type) || (use != BodyUse::kJson && Contains(kOtherTypes, type))) return std::nullopt;
  const std::size_t slash = type.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == type.size()) {
    return BadHeader(fmt::format("invalid Content-Type header [{}]", *header));
  }
  return SimpleErrorReply(406, fmt::format("Content-Type header [{}] is not supported", *header));
}

}  // namespace mlnode::rest
