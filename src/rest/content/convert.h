// rest/content/convert.h: the two doors between the formats a client may speak and the JSON that handlers know: request
// bodies are turned into JSON text once before the handler runs, JSON answers once after it. JSON passes both
// untouched. Threads: pure but for ReadBody, which fills in its context.
#pragma once

#include <cstddef>

#include "core/result.h"
#include "net/http_message.h"
#include "rest/content/cbor_writer.h"
#include "rest/content_type.h"
#include "rest/request_context.h"

namespace mlnode::rest {

// Longest YAML or CBOR body, and longest JSON text made of one: 4 s of one thread at the worst. Clients that send more
// send JSON, which is read in place.
inline constexpr std::size_t kMaxConvertedBytes = 16UL * 1024 * 1024;

// True when ReadBody has work to do: too much for an io thread. Precondition: the context has a route and its
// Content-Type was not refused.
bool NeedsConversion(const RequestContext& context);
// Fills in context.json_body. kInvalidArgument as CborToJson and YamlToJson say; kTooLarge beyond kMaxConvertedBytes or
// the route's limit, before and after.
Status ReadBody(RequestContext& context);
// Line and column of the values of the body that an error means (core/json/json_place.h); in YAML those of the YAML, in
// CBOR none.
Error LocateInBody(Error error, const RequestContext& context);

// Rewrites an answer that is JSON in `format`; any other is left alone, and so is one nested deeper than kMaxJsonDepth
// or too large for the memory there is. Cost: parses and prints; about 100 MB/s.
void PrintAnswer(ContentFormat format, net::HttpReply& reply, CborFloats floats = CborFloats::kDouble);

}  // namespace mlnode::rest
