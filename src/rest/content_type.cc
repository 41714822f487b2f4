#include "rest/content_type.h"

#include <algorithm>
#include <string>

#include "core/log.h"
#include "rest/error_body.h"

namespace mlnode::rest {
namespace {

struct KnownType {
  std::string_view name;
  ContentFormat format;
};
constexpr KnownType kReadTypes[] = {
    {"application/json", ContentFormat::kJson},     {"application/vnd.opensearch+json", ContentFormat::kJson},
    {"application/x-ndjson", ContentFormat::kJson}, {"application/yaml", ContentFormat::kYaml},
    {"application/x-yaml", ContentFormat::kYaml},   {"application/cbor", ContentFormat::kCbor},
    {"application/x-cbor", ContentFormat::kCbor}};
// The peer reads these too.
constexpr std::string_view kRawTypes[] = {"application/smile", "application/x-smile"};

constexpr KnownType kFormats[] = {
    {"json", ContentFormat::kJson}, {"yaml", ContentFormat::kYaml}, {"cbor", ContentFormat::kCbor}};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) { return Lower(x) == y; });
}

// Without parameters and blanks around.
std::string_view MediaType(std::string_view header) {
  std::string_view type = header.substr(0, header.find(';'));
  type.remove_prefix(std::min(type.find_first_not_of(" \t"), type.size()));
  return type.substr(0, type.find_last_not_of(" \t") + 1);
}

std::optional<ContentFormat> FindFormat(std::span<const KnownType> types, std::string_view name) {
  const auto found = std::ranges::find_if(types, [&](const auto& type) { return EqualsIgnoringCase(name, type.name); });
  return found == types.end() ? std::nullopt : std::optional(found->format);
}

bool IsRawType(std::string_view type) {
  return std::ranges::any_of(kRawTypes, [&](std::string_view known) { return EqualsIgnoringCase(type, known); });
}

net::HttpReply BadHeader(std::string message) {
  return ErrorReply(
      {.code = Code::kInvalidArgument, .message = std::move(message), .reason = "content_type_header_exception"},
      false);
}

}  // namespace

std::string_view ContentTypeOf(ContentFormat format) {
  switch (format) {
    case ContentFormat::kYaml:
      return "application/yaml";
    case ContentFormat::kCbor:
      return "application/cbor";
    case ContentFormat::kJson:
      break;
  }
  return "application/json; charset=UTF-8";
}

std::optional<net::HttpReply> RefuseContentType(const net::Headers& headers, BodyUse use) {
  const auto header = headers.Find("Content-Type");
  if (!header || header->empty()) return SimpleErrorReply(406, "Content-Type header is missing");
  if (headers.Count("Content-Type") > 1) return BadHeader("only one Content-Type header should be provided");
  const std::string_view type = MediaType(*header);
  if (FindFormat(kReadTypes, type) || (use != BodyUse::kJson && IsRawType(type))) return std::nullopt;
  const std::size_t slash = type.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == type.size()) {
    return BadHeader(fmt::format("invalid Content-Type header [{}]", *header));
  }
  return SimpleErrorReply(406, fmt::format("Content-Type header [{}] is not supported", *header));
}

std::optional<ContentFormat> BodyFormat(const net::Headers& headers) {
  return FindFormat(kReadTypes, MediaType(headers.Find("Content-Type").value_or("")));
}

std::optional<ContentFormat> WishedFormat(const net::Headers& headers, std::optional<std::string_view> format) {
  if (const auto named = FindFormat(kFormats, format.value_or(""))) return named;
  std::string_view accepted = headers.Find("Accept").value_or("");
  while (!accepted.empty()) {
    const std::size_t end = accepted.find(',');
    const std::string_view type = MediaType(accepted.substr(0, end));
    if (const auto known = FindFormat(kReadTypes, type)) return known;
    accepted = end == std::string_view::npos ? std::string_view() : accepted.substr(end + 1);
  }
  return std::nullopt;
}

ContentFormat AnswerFormat(const net::Headers& headers, std::optional<std::string_view> format) {
  if (const auto wished = WishedFormat(headers, format)) return *wished;
  return BodyFormat(headers).value_or(ContentFormat::kJson);
}

}  // namespace mlnode::rest
