#include "storage/nats/streams.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "core/log.h"
#include "storage/nats/feed/swap_judge.h"

namespace mlnode::storage::nats {
namespace {

constexpr Millis kPause{100};

struct Layout {
  std::string name;
  std::string subjects;
  std::string_view content;  // of the description
  bool direct;               // any server that holds the stream may answer
  std::int64_t history;      // messages a subject; -1: any number
};

std::string DescriptionOf(const Layout& layout) {
  return fmt::format("mlnode {}, format {}", layout.content, kStreamFormat);
}

// The format that a description tells; 0: it is not ours.
int FormatOf(const Layout& layout, std::string_view description) {
  const std::string prefix = fmt::format("mlnode {}, format ", layout.content);
  if (!description.starts_with(prefix)) return 0;
  description.remove_prefix(prefix.size());
  int format = 0;
  std::from_chars(description.data(), description.data() + description.size(), format);
  return format;
}

Error OtherLayout(const Layout& layout, std::string_view what) {
  return MakeError(
      Code::kFailedPrecondition,
      fmt::format("stream {} in NATS is not as mlnode makes it ({}): remove it, or give this cluster another "
                  "mlnode.cluster.name",
                  layout.name, what));
}

Status Verify(const Layout& layout, const jsStreamInfo& info) {
  const jsStreamConfig& config = *info.Config;
  const int format = FormatOf(layout, config.Description == nullptr ? "" : config.Description);
  if (format > kStreamFormat) {
    return MakeError(
        Code::kFailedPrecondition,
        fmt::format("stream {} in NATS has format {}, this program knows formats up to {}: start the newer "
                    "mlnode that made it",
                    layout.name, format, kStreamFormat));
  }
  if (format <= 0) return OtherLayout(layout, "description");
  if (config.SubjectsLen != 1 || config.Subjects[0] != layout.subjects) return OtherLayout(layout, "subjects");
  if (config.Retention != js_LimitsPolicy || config.Discard != js_DiscardNew || config.MaxAge > 0) {
    return OtherLayout(layout, "what it discards");
  }
  if (config.Storage != js_FileStorage) return OtherLayout(layout, "storage");
  if (config.Sealed || config.DenyDelete || config.DenyPurge || config.NoAck || config.Mirror != nullptr) {
    return OtherLayout(layout, "what it allows");
  }
  if (config.MaxMsgSize > 0 && config.MaxMsgSize < kNeededPayload) return OtherLayout(layout, "message size");
  return {};
}

jsStreamConfig ConfigOf(const Layout& layout, const std::string& description, const char** subjects, int replicas) {
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = layout.name.c_str();
  config.Description = description.c_str();
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.Retention = js_LimitsPolicy;
  config.MaxMsgsPerSubject = layout.history;
  config.Discard = js_DiscardNew;
  config.Storage = js_FileStorage;
  config.Replicas = replicas;
  config.AllowDirect = layout.direct;
  return config;
}

// Brings the messages that it keeps a subject to what they should be. All else stays as it is.
Status CorrectHistory(NatsSession& session, const Layout& layout, const jsStreamInfo& info) {
  if (info.Config->MaxMsgsPerSubject == layout.history) return {};
  jsStreamConfig config = *info.Config;
  config.MaxMsgsPerSubject = layout.history;
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = NatsStore::kCallLimit.count();
  StreamInfo updated;
  auto code = NoCode();
  const natsStatus s = js_UpdateStream(Out(updated), session.js(), &config, &options, &code);
  if (s != NATS_OK) return ErrorOf(s, code, fmt::format("stream {} cannot be changed", layout.name));
  if (updated->Config->MaxMsgsPerSubject != layout.history) return OtherLayout(layout, "messages per subject");
  LOG_INFO("storage", "stream {} in NATS now keeps {} messages a subject (-1: any number)", layout.name,
           layout.history);
  return {};
}

// Whether the stream is there now. kUnavailable, kDeadlineExceeded: to be tried again.
Status EnsureStream(NatsSession& session, const Layout& layout, const NatsOptions& wanted) {
  const int replicas = wanted.replicas;
  const CallLimit limit(NatsStore::kCallLimit);
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = limit.Left();
  jsErrCode code = NoCode();
  StreamInfo info;
  natsStatus s = js_GetStreamInfo(Out(info), session.js(), layout.name.c_str(), &options, &code);
  if (s == NATS_OK) {
    RETURN_IF_ERROR(Verify(layout, *info));
    return CorrectHistory(session, layout, *info);
  }
  const bool missing = code == JSStreamNotFoundErr || (s == NATS_NOT_FOUND && code == 0);
  if (!missing) return ErrorOf(s, code, fmt::format("stream {} cannot be looked up", layout.name));

  if (!wanted.make_streams) {
    return MakeError(Code::kNotFound, fmt::format("the NATS servers have no stream {}", layout.name));
  }

  const std::string description = DescriptionOf(layout);
  const char* subjects[] = {layout.subjects.c_str()};
  jsStreamConfig config = ConfigOf(layout, description, subjects, replicas != 0 ? replicas : 3);
  options.Wait = limit.Left();
  s = js_AddStream(Out(info), session.js(), &config, &options, &code);
  if (s != NATS_OK && code == JSStreamReplicasNotSupportedErr && replicas == 0) {
    config.Replicas = 1;
    options.Wait = limit.Left();
    s = js_AddStream(Out(info), session.js(), &config, &options, &code);
  }
  if (s == NATS_OK) {
    LOG_INFO("storage", "made stream {} in NATS, {} copies", layout.name, config.Replicas);
    return {};
  }
  Error error = ErrorOf(s, code, fmt::format("stream {} cannot be made", layout.name));
  // Another node was first (a 2.9 server may not find what that one is just making): it is looked at again. Servers
  // that are to hold copies may still come.
  if (code == JSStreamNameExistErr || code == JSStreamNotFoundErr || code == JSInsufficientResourcesErr) {
    error.code = Code::kUnavailable;
  }
  return error;
}

Error NoJetStream() {
  return MakeError(Code::kFailedPrecondition,
                   "the NATS servers have no JetStream for this account: put jetstream {} into their configuration");
}

// Does JetStream answer here, and does it take what a document needs.
Status CheckServer(NatsSession& session) {
  if (session.MaxPayload() < kNeededPayload) {
    return MakeError(Code::kFailedPrecondition,
                     fmt::format("the NATS servers take messages of {} bytes, a document needs {}: set max_payload in "
                                 "their configuration to 1MB",
                                 session.MaxPayload(), kNeededPayload));
  }
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = NatsStore::kCallLimit.count();
  AccountInfo account;
  jsErrCode code = NoCode();
  const natsStatus s = js_GetAccountInfo(Out(account), session.js(), &options, &code);
  if (s == NATS_OK) return {};
  if (s == NATS_NO_RESPONDERS || code == JSNotEnabledErr || code == JSNotEnabledForAccountErr) return NoJetStream();
  return ErrorOf(s, code, "JetStream does not answer");
}

// A server that just starts has no JetStream yet, and no leaders.
bool MayPass(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded ||
         error.code == Code::kResourceExhausted || error.message == NoJetStream().message;
}

Status TryOnce(NatsLink& link, const std::array<Layout, 2>& layouts) {
  std::shared_ptr<NatsSession> session = link.Current();
  if (!session) {
    ASSIGN_OR_RETURN(session, link.Connect());
  }
  RETURN_IF_ERROR(CheckServer(*session));
  for (const Layout& layout : layouts) RETURN_IF_ERROR(EnsureStream(*session, layout, link.options()));
  return {};
}

}  // namespace

Status EnsureStreams(NatsLink& link, const StreamNames& names, Millis limit) {
  const std::array<Layout, 2> layouts = {
      Layout{names.documents(), names.documents_filter(), "documents", /*direct=*/false, SwapJudge::kHistory},
      // No limit a subject: a 2.9 server that was killed may drop the newest message of a subject for it, not the
      // oldest.
      Layout{names.chunks(), names.chunks_filter(), "chunks", /*direct=*/true, -1},
  };
  const CallLimit end(limit);
  for (;;) {
    Status tried = TryOnce(link, layouts);
    if (tried || !MayPass(tried.error())) return tried;
    if (end.Over()) {
      Error error = std::move(tried).error();
      if (error.code == Code::kDeadlineExceeded) error.code = Code::kUnavailable;
      return error;
    }
    // A server without a quorum may answer nothing while another does.
    if (tried.error().code == Code::kDeadlineExceeded) link.Drop();
    nats_Sleep(kPause.count());
  }
}

}  // namespace mlnode::storage::nats
