#include "rest/content/convert.h"

#include <algorithm>
#include <new>

#include "core/json.h"
#include "core/json/json_place.h"
#include "core/log.h"
#include "rest/content/cbor_reader.h"
#include "rest/content/yaml_reader.h"
#include "rest/content/yaml_writer.h"
#include "rest/route_table.h"

namespace mlnode::rest {
namespace {

ContentFormat FormatOfBody(const RequestContext& context) {
  if (context.route == nullptr || context.route->body != BodyUse::kJson) return ContentFormat::kJson;
  return BodyFormat(context.http().headers).value_or(ContentFormat::kJson);
}

}  // namespace

bool NeedsConversion(const RequestContext& context) {
  return !context.http().body.empty() && FormatOfBody(context) != ContentFormat::kJson;
}

Status ReadBody(RequestContext& context) {
  if (!NeedsConversion(context)) return {};
  const std::string& body = context.http().body;
  if (body.size() > kMaxConvertedBytes) {
    return MakeError(Code::kTooLarge, fmt::format("request body of {} bytes is larger than the limit of {} bytes for "
                                                  "YAML and CBOR; as JSON it may be longer",
                                                  body.size(), kMaxConvertedBytes));
  }
  const std::size_t max_bytes = std::min(context.route->max_body_bytes, kMaxConvertedBytes);
  const bool yaml = FormatOfBody(context) == ContentFormat::kYaml;
  ASSIGN_OR_RETURN(context.json_body, yaml ? YamlToJson(body, max_bytes) : CborToJson(body, max_bytes));
  return {};
}

Error LocateInBody(Error error, const RequestContext& context) {
  switch (FormatOfBody(context)) {
    case ContentFormat::kJson:
      return Locate(std::move(error), context.body());
    case ContentFormat::kYaml:
      return context.json_body ? LocateInYaml(std::move(error), context.http().body, *context.json_body) : error;
    case ContentFormat::kCbor:
      break;
  }
  return error;
}

void PrintAnswer(ContentFormat format, net::HttpReply& reply, CborFloats floats) {
  if (format == ContentFormat::kJson || !reply.content_type.starts_with("application/json")) return;
  const auto value = ParseJson(reply.body);
  if (!value) return;
  try {
    reply.body = format == ContentFormat::kYaml ? ToYaml(*value) : ToCbor(*value, floats);
    reply.content_type = ContentTypeOf(format);
  } catch (const std::bad_alloc&) {
    LOG_WARN("rest", "no memory to print an answer of {} bytes as {}", reply.body.size(), ContentTypeOf(format));
  }
}

}  // namespace mlnode::rest
