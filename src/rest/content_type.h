// rest/content_type.h: which Content-Type a request body may have, and in which format an answer goes out
// (spec/rest-conventions §1.2, §2).
#pragma once

#include <optional>
#include <string_view>

#include "net/http_message.h"
#include "rest/route_table.h"

namespace mlnode::rest {

// What bodies are read from and answers written in; rest/content/ has the readers and writers.
enum class ContentFormat : std::uint8_t { kJson, kYaml, kCbor };
// As an answer's Content-Type.
std::string_view ContentTypeOf(ContentFormat format);

// The refusal of a body's Content-Type, if any: 406 where it is missing or not supported, 400 where it is malformed or
// given twice. JSON routes read JSON, YAML and CBOR; a raw route takes what the peer takes, since the bytes are not
// read as what they claim to be.
std::optional<net::HttpReply> RefuseContentType(const net::Headers& headers, BodyUse use);

// What the Content-Type says of a body that was not refused; nullopt without one that is read.
std::optional<ContentFormat> BodyFormat(const net::Headers& headers);

// What the client asks for: ?format=, else the first known type of Accept. Smile, */* and unknown names are no wish.
std::optional<ContentFormat> WishedFormat(const net::Headers& headers, std::optional<std::string_view> format);
// What the answer is written in: as wished, else in the format of the request, else JSON; errors too. As the peer does.
ContentFormat AnswerFormat(const net::Headers& headers, std::optional<std::string_view> format);

}  // namespace mlnode::rest
