// storage/nats/document_message.h: a document or its removal as a NATS message. Threads: any; no state.
// Format: docs/formats/nats.md.
#pragma once

#include <cstdint>
#include <string>

#include "storage/nats/feed/swap_judge.h"
#include "storage/nats/nats_handles.h"

namespace mlnode::storage::nats {

inline constexpr const char* kNonceHeader = "Mlnode-Nonce";      // 16 hexadecimal digits
inline constexpr const char* kVersionHeader = "Mlnode-Version";  // decimal
inline constexpr const char* kBaseHeader = "Mlnode-Base";        // decimal
inline constexpr const char* kOperationHeader = "KV-Operation";  // DEL or PURGE: a removal

struct DocumentHeaders {
  std::uint64_t nonce = 0, version = 0, base = 0;
};
// body: JSON text; nullptr removes the document. kInternal: no memory.
Result<Message> EncodeDocument(const std::string& subject, const std::string* body, const DocumentHeaders& headers);

// The message under `key` at this sequence of the stream. kDataLoss: a header or the body is not as EncodeDocument
// writes them.
Result<Swap> DecodeDocument(const Key& key, natsMsg& message, std::uint64_t sequence);

}  // namespace mlnode::storage::nats
