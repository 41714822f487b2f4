// storage/nats/nats_parts.h: chunk parts of uploads in the stream of chunks.
//
// A part is written as pieces under an attempt of its own, one in flight a call, which is what keeps an upload from
// crowding out documents; then its manifest, which makes it visible; then the pieces of the attempt that it replaced
// go. Each manifest replaces the one that was read (a swap, as far as the servers tell two at once apart). A crash, a
// write whose answer was lost, or two who write the same part at once may leave pieces that no manifest names: they
// count for ListUploads and go with RemoveUpload. Each wait for an answer is kCallLimit at most; a part takes as many
// as it has pieces. Threads: any. Borrows: link, names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/id.h"
#include "storage/nats/nats_link.h"
#include "storage/nats/part_manifest.h"
#include "storage/nats/stream_names.h"

namespace mlnode::storage::nats {

class NatsParts {
 public:
  NatsParts(NatsLink& link, const StreamNames& names) : link_(link), names_(names) {}

  // As Store's functions of these names.
  Status Put(const UploadId& upload, std::uint32_t number, std::string_view bytes);
  Result<std::string> Get(const UploadId& upload, std::uint32_t number) const;
  Result<std::vector<std::uint32_t>> List(const UploadId& upload) const;
  Result<std::vector<Store::UploadInfo>> ListUploads() const;
  Status Remove(const UploadId& upload);

 private:
  struct Place {
    const UploadId& upload;
    std::uint32_t number;
  };
  struct StoredManifest {
    std::uint64_t sequence = 0;  // 0: there is none
    Result<PartManifest> manifest = PartManifest();
  };

  Result<std::shared_ptr<NatsSession>> Session() const;
  Result<StoredManifest> ReadManifest(NatsSession& session, const Place& place) const;
  Status PutPieces(NatsSession& session, const Place& place, const PartManifest& manifest, std::string_view bytes);
  Status PutManifest(NatsSession& session, const Place& place, const PartManifest& manifest);
  void RemoveReplaced(NatsSession& session, const Place& place, const StoredManifest& replaced);
  void RemoveAttempt(NatsSession& session, const Place& place, const PartManifest& manifest);
  Result<Message> ReadPiece(NatsSession& session, const std::string& subject) const;
  // nullopt: a piece is not there.
  Result<std::optional<std::string>> ReadPieces(NatsSession& session, const Place& place,
                                                const PartManifest& manifest) const;
  Result<std::int64_t> LastWriteMillis(NatsSession& session, const std::string& upload) const;

  NatsLink& link_;
  const StreamNames& names_;
  SystemRandom random_;
};

}  // namespace mlnode::storage::nats
