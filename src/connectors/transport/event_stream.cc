#include "connectors/transport/event_stream.h"

#include <fmt/format.h>

#include <utility>

#include "connectors/transport/aws_event_decoder.h"
#include "connectors/transport/sse_decoder.h"
#include "core/json.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kOpenAi = "openai/v1/chat/completions";
constexpr std::string_view kConverse = "bedrock/converse/claude";

Error FromService(std::string_view what) {
  return MakeError(Code::kUpstream, fmt::format("Error from remote service: {}", what));
}

const json::value* Member(const json::value* value, std::string_view key) {
  const auto* object = value == nullptr ? nullptr : value->if_object();
  return object == nullptr ? nullptr : object->if_contains(key);
}

std::string_view Text(const json::value* value) {
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

Result<json::object> ParseEvent(std::string_view text) {
  auto parsed = ParseJsonObject(text);
  if (parsed) return parsed;
  Error error = MakeError(Code::kUpstream, "an event of the remote server's stream is no JSON object");
  error.detail = parsed.error().message;
  return error;
}

// What both kinds share: exactly one last chunk, and none after it.
class ChunkDecoder : public StreamDecoder {
 public:
  Usage usage() const override { return usage_; }
  Status End(const Sink& chunk) override {
    if (ended_) return {};
    RETURN_IF_ERROR(Flush(chunk));
    return Last(chunk);
  }

 protected:
  // The bytes are over, and may have ended within an event.
  virtual Status Flush(const Sink& chunk) = 0;
  Status Give(std::string_view content, const Sink& chunk) const {
    if (ended_ || content.empty()) return {};
    return chunk({.content = std::string(content), .last = false});
  }
  Status Last(const Sink& chunk) {
    if (std::exchange(ended_, true)) return {};
    return chunk({.content = "", .last = true});
  }
  // A stream reports once, mostly with its last event; a later report replaces an earlier one.
  void Count(const json::object& event) {
    const Usage told = UsageOf(event);
    if (told != Usage()) usage_ = told;
  }

 private:
  bool ended_ = false;
  Usage usage_;
};

class OpenAiDecoder final : public ChunkDecoder {
 public:
  Status Feed(std::string_view piece, const Sink& chunk) override {
    return events_.Feed(piece, [&](std::string_view data) { return Take(data, chunk); });
  }

 protected:
  // A provider that leaves out the empty line after its last event has said all.
  Status Flush(const Sink& chunk) override { return Feed("\n\n", chunk); }

 private:
  Status Take(std::string_view data, const Sink& chunk) {
    if (data == "[DONE]") return Last(chunk);
    ASSIGN_OR_RETURN(const json::value event, ParseEvent(data));
    Count(event.get_object());
    if (const auto* error = Member(&event, "error"); error != nullptr && !error->is_null()) {
      const auto message = Text(Member(error, "message"));
      return FromService(message.empty() ? std::string_view(ToJson(*error)) : message);
    }
    const auto* choices = Member(&event, "choices");
    if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return {};
    return TakeChoice(choices->get_array().front(), chunk);
  }

  Status TakeChoice(const json::value& choice, const Sink& chunk) {
    const auto* delta = Member(&choice, "delta");
    RETURN_IF_ERROR(Give(Text(Member(delta, "content")), chunk));
    if (const auto* calls = Member(delta, "tool_calls"); calls != nullptr && calls->is_array()) {
      RETURN_IF_ERROR(Give(ToJson(*calls), chunk));
    }
    return Text(Member(&choice, "finish_reason")) == "stop" ? Last(chunk) : Status();
  }

  SseDecoder events_{kMaxEventBytes};
};

class ConverseDecoder final : public ChunkDecoder {
 public:
  Status Feed(std::string_view piece, const Sink& chunk) override {
    return events_.Feed(piece, [&](const AwsEvent& event) { return Take(event, chunk); });
  }

 protected:
  Status Flush(const Sink&) override {
    if (events_.Idle()) return {};
    return MakeError(Code::kUpstream, "the stream of the remote server ends within an event");
  }

 private:
  Status Take(const AwsEvent& event, const Sink& chunk) {
    if (event.message_type == "error") return FromService(fmt::format("{}: {}", event.type, event.error_message));
    if (event.message_type == "exception") {
      const auto body = ParseJson(event.payload);
      const auto message = body ? Text(Member(&*body, "message")) : std::string_view();
      return FromService(fmt::format("{}: {}", event.type, message.empty() ? event.payload : message));
    }
    if (event.payload.empty()) return {};
    ASSIGN_OR_RETURN(const json::value body, ParseEvent(event.payload));
    if (event.type == "contentBlockDelta") return TakeDelta(Member(&body, "delta"), chunk);
    if (event.type == "contentBlockStart") return TakeTool(Member(&body, "start"), chunk);
    if (event.type == "metadata") Count(body.get_object());
    // The event that counts tokens comes after the stop; whoever reads on gets it.
    return event.type == "messageStop" ? Last(chunk) : Status();
  }

  Status TakeDelta(const json::value* delta, const Sink& chunk) const {
    RETURN_IF_ERROR(Give(Text(Member(delta, "text")), chunk));
    return TakeTool(delta, chunk);
  }

  Status TakeTool(const json::value* holder, const Sink& chunk) const {
    const auto* tool = Member(holder, "toolUse");
    return tool == nullptr ? Status() : Give(ToJson(*tool), chunk);
  }

  AwsEventDecoder events_{kMaxEventBytes};
};

}  // namespace

Result<std::unique_ptr<StreamDecoder>> StreamDecoder::Make(std::string_view interface) {
  if (interface == kOpenAi) return std::unique_ptr<StreamDecoder>(std::make_unique<OpenAiDecoder>());
  if (interface == kConverse) return std::unique_ptr<StreamDecoder>(std::make_unique<ConverseDecoder>());
  return MakeError(Code::kInvalidArgument, fmt::format("Unsupported llm interface: {}", interface));
}

}  // namespace mlnode::connectors
