// storage/nats/stream_names.h: how keys and parts are named in NATS. Threads: any; no state. Format:
// docs/formats/nats.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace mlnode::storage {

// An id as one token of a subject: A-Z a-z 0-9 - _ / stand for themselves, every other byte is =XX (hexadecimal, upper
// case). The characters are those that a key of a NATS key-value bucket may have. At most 3 * kMaxKeyIdBytes.
std::string EncodeToken(std::string_view id);
// nullopt unless EncodeToken made it: one id has one token.
std::optional<std::string> DecodeToken(std::string_view token);

// Streams and subjects below one prefix.
class StreamNames {
 public:
  // prefix: as NatsOptions::prefix.
  explicit StreamNames(const std::string& prefix)
      : documents_("KV_" + prefix + "_documents"),
        bucket_("$KV." + prefix + "_documents."),
        chunks_(prefix + "_chunks") {}

  const std::string& documents() const { return documents_; }
  std::string documents_filter() const { return bucket_ + ">"; }
  std::string SubjectOf(const Key& key) const;
  // Of messages that only mark a place in the stream; no document's.
  std::string BarrierSubject() const { return bucket_ + "_barrier"; }
  // nullopt: not a document of a collection that this program knows.
  std::optional<Key> KeyOf(std::string_view subject) const;

  const std::string& chunks() const { return chunks_; }
  std::string chunks_filter() const { return chunks_ + ".>"; }
  // What makes a part visible. `upload` is checked (CheckUpload); "*" stands for any, as a number of "*" or ">" does.
  std::string PartSubject(const UploadId& upload, std::uint32_t number) const;
  std::string PartsOf(std::string_view upload) const { return chunks_ + ".part." + std::string(upload) + ".*"; }
  // One piece of one attempt at a part.
  std::string PieceSubject(const UploadId& upload, std::uint32_t number, std::string_view attempt, int index) const;
  std::string PiecesOfAttempt(const UploadId& upload, std::uint32_t number, std::string_view attempt) const;
  std::string PiecesOf(std::string_view upload) const { return chunks_ + ".piece." + std::string(upload) + ".>"; }
  // The upload and, for a part's own subject, its number; nullopt for other subjects.
  struct ChunkName {
    UploadId upload;
    std::optional<std::uint32_t> part;
  };
  std::optional<ChunkName> ChunkOf(std::string_view subject) const;

 private:
  std::string documents_, bucket_, chunks_;
};

}  // namespace mlnode::storage
