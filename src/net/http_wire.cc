#include "net/http_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "core/log.h"

namespace mlnode::net {
namespace {

constexpr std::pair<int, std::string_view> kReasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The weight of one list element, 1 without one; an unreadable weight counts as 0, so that nothing unwanted is sent.
double Weight(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto end = parameters.find(';');
    const auto parameter = TrimBlanks(parameters.substr(0, end));
    parameters = end == std::string_view::npos ? std::string_view() : parameters.substr(end + 1);
    if (parameter.size() < 2 || Lower(parameter[0]) != 'q' || parameter[1] != '=') continue;
    double weight = 0;
    const char* const last = parameter.data() + parameter.size();
    const auto [stop, error] = std::from_chars(parameter.data() + 2, last, weight);
    return error == std::errc() && stop == last && weight >= 0 && weight <= 1 ? weight : 0;
  }
  return 1;
}

struct CodingWeights {
  double gzip = -1;  // -1: not named
  double identity = -1;
  double any = -1;
};

void ReadWeights(std::string_view list, CodingWeights& weights) {
  while (!list.empty()) {
    const auto end = list.find(',');
    const auto element = list.substr(0, end);
    list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
    const auto semicolon = element.find(';');
    const auto coding = TrimBlanks(element.substr(0, semicolon));
    const double weight = semicolon == std::string_view::npos ? 1 : Weight(element.substr(semicolon + 1));
    if (EqualsIgnoringCase(coding, "gzip") || EqualsIgnoringCase(coding, "x-gzip")) weights.gzip = weight;
    if (EqualsIgnoringCase(coding, "identity")) weights.identity = weight;
    if (coding == "*") weights.any = weight;
  }
}

}  // namespace

std::string_view TrimBlanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

bool IsToken(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z') || kMarks.find(c) != std::string_view::npos;
  });
}

bool IsFieldValue(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

std::string_view ReasonPhrase(int status) {
  const auto* found = std::ranges::find(kReasons, status, &std::pair<int, std::string_view>::first);
  return found == std::end(kReasons) ? std::string_view() : found->second;
}

bool IsBodiless(int status) { return status < 200 || status == 204 || status == 304; }

bool AcceptsGzip(const Headers& request) {
  CodingWeights weights;
  for (const auto& [name, value] : request.fields()) {
    if (EqualsIgnoringCase(name, "Accept-Encoding")) ReadWeights(value, weights);
  }
  const double gzip = weights.gzip >= 0 ? weights.gzip : weights.any;
  return gzip > 0 && gzip >= weights.identity;
}

namespace {

// Status line and the fields that the reply itself has.
std::string SerializeFields(const HttpReply& reply) {
  std::string head;
  head.reserve(256);
  auto out = std::back_inserter(head);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\n", reply.status, ReasonPhrase(reply.status));
  if (!reply.content_type.empty() && IsFieldValue(reply.content_type) && !IsBodiless(reply.status)) {
    fmt::format_to(out, "Content-Type: {}\r\n", reply.content_type);
  }
  for (const auto& [name, value] : reply.headers.fields()) {
    if (IsToken(name) && IsFieldValue(value)) {
      fmt::format_to(out, "{}: {}\r\n", name, value);
    } else {
      LOG_ERROR("net", "a reply header was left out: its name or value cannot be written in HTTP");
    }
  }
  return head;
}

}  // namespace

std::string SerializeHead(const HttpReply& reply, std::size_t body_bytes, bool gzipped) {
  std::string head = SerializeFields(reply);
  if (gzipped) head += "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n";
  if (!IsBodiless(reply.status)) fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", body_bytes);
  return head;
}

std::string SerializeStreamHead(const HttpReply& reply, bool chunked) {
  std::string head = SerializeFields(reply);
  if (chunked) head += "Transfer-Encoding: chunked\r\n";
  return head;
}

std::string ChunkOf(std::string_view piece) { return fmt::format("{:x}\r\n{}\r\n", piece.size(), piece); }

}  // namespace mlnode::net
