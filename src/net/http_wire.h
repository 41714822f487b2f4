// net/http_wire.h: small pieces of HTTP's text form that the server, the client and their tests share.
// Threads: any; pure functions. Source: RFC 9110 and RFC 9112, sections named below.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace mlnode::net {

// ASCII letters only, as HTTP compares names (RFC 9110 §5.1).
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

// Without the blanks and tabs around a field value (RFC 9110 §5.5).
std::string_view TrimBlanks(std::string_view text);

// A field name or method: one or more tchar (RFC 9110 §5.6.2).
bool IsToken(std::string_view text);

// A field value without CR, LF and NUL (RFC 9110 §5.5).
bool IsFieldValue(std::string_view text);

// "Not Found" for 404; empty for a status without a registered phrase.
std::string_view ReasonPhrase(int status);

// True for 1xx, 204 and 304, which never carry a body (RFC 9112 §6.3).
bool IsBodiless(int status);

// Whether the client takes gzip, and at least as gladly as no coding at all (RFC 9110 §12.5.3).
bool AcceptsGzip(const Headers& request);

// Status line and fields of `reply`, each line with its CRLF, without Connection and without the empty line that ends
// the head: only the writer knows them. A field whose name or value would break the framing is left out and logged.
std::string SerializeHead(const HttpReply& reply, std::size_t body_bytes, bool gzipped);
// The same for a body that comes in pieces: chunked, or without any length where it ends with the connection.
std::string SerializeStreamHead(const HttpReply& reply, bool chunked);
// One piece in chunked coding (RFC 9112 §7.1); what ends the body.
std::string ChunkOf(std::string_view piece);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace mlnode::net
