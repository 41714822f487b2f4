#include "deploy/loads/begun_record.h"

#include "core/log.h"

namespace mlnode::deploy {

const BegunLoads& BegunRecord::Read() {
  const auto document = store_.Get(key_);
  if (!document || (*document)->revision != revision_) {
    stored_.clear();
    revision_ = document ? (*document)->revision : 0;
    auto read = document ? ReadBegun(**document) : Result<BegunLoads>(BegunLoads());
    if (read) {
      stored_ = *std::move(read);
    } else {
      LOG_ERROR("deploy", "ignored: {}", read.error().message);
    }
  }
  next_ = stored_;
  return stored_;
}

Status BegunRecord::Write() {
  const auto written = storage::Commit(
      store_, {.key = key_,
               .expect = revision_ == 0 ? storage::Expect::Absent() : storage::Expect::Revision(revision_),
               .body = StoredForm(next_),
               .nonce = NewNonce(random_)});
  if (!written) return written.error();
  stored_ = next_;
  revision_ = written->revision;
  return {};
}

}  // namespace mlnode::deploy
