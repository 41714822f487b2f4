#include "storage/nats/document_message.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "storage/nats/nats_session.h"
#include "storage/write_check.h"

namespace mlnode::storage::nats {
namespace {

std::optional<std::uint64_t> NumberIn(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Error Damaged(const Key& key, std::uint64_t sequence, std::string_view why) {
  return MakeError(Code::kDataLoss,
                   fmt::format("{} as NATS holds it (message {}) cannot be read: {}", KeyText(key), sequence, why));
}

}  // namespace

Result<Message> EncodeDocument(const std::string& subject, const std::string* body, const DocumentHeaders& headers) {
  Message message;
  const int length = body == nullptr ? 0 : static_cast<int>(body->size());
  natsStatus s =
      natsMsg_Create(Out(message), subject.c_str(), nullptr, body == nullptr ? nullptr : body->data(), length);
  if (s == NATS_OK) s = natsMsgHeader_Set(message.get(), kNonceHeader, fmt::format("{:016x}", headers.nonce).c_str());
  if (s == NATS_OK) s = natsMsgHeader_Set(message.get(), kVersionHeader, std::to_string(headers.version).c_str());
  if (s == NATS_OK) s = natsMsgHeader_Set(message.get(), kBaseHeader, std::to_string(headers.base).c_str());
  if (s == NATS_OK && body == nullptr) s = natsMsgHeader_Set(message.get(), kOperationHeader, "DEL");
  if (s != NATS_OK) return MakeError(Code::kInternal, "a message cannot be made");
  return message;
}

Result<Swap> DecodeDocument(const Key& key, natsMsg& message, std::uint64_t sequence) {
  const auto nonce = NumberIn(HeaderOf(message, kNonceHeader), 16);
  const auto version = NumberIn(HeaderOf(message, kVersionHeader), 10);
  const auto base = NumberIn(HeaderOf(message, kBaseHeader), 10);
  const std::string_view operation = HeaderOf(message, kOperationHeader);
  if (!nonce) return Damaged(key, sequence, fmt::format("header {} is missing or bad", kNonceHeader));
  if (!version || *version == 0) {
    return Damaged(key, sequence, fmt::format("header {} is missing or bad", kVersionHeader));
  }
  if (!base) return Damaged(key, sequence, fmt::format("header {} is missing or bad", kBaseHeader));
  Record record{.document = nullptr, .nonce = *nonce, .removed = operation == "DEL" || operation == "PURGE"};
  Document document{.key = key, .body = {}, .revision = sequence, .version = *version};
  if (!record.removed) {
    Result<json::object> body = ParseJsonObject(BodyOf(message));
    if (!body) return Damaged(key, sequence, body.error().message);
    document.body = std::move(body).value();
  }
  record.document = std::make_shared<const Document>(std::move(document));
  return Swap{.record = std::move(record), .base = *base};
}

}  // namespace mlnode::storage::nats
