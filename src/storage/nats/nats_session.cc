#include "storage/nats/nats_session.h"

#include <fmt/format.h>

#include <utility>

#include "core/log.h"

namespace mlnode::storage::nats {
namespace {

constexpr const char* kExpectedSequence = "Nats-Expected-Last-Subject-Sequence";

// libnats prints to standard error where nobody listens.
void OnLibraryError(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsStatus status,
                    void* /*closure*/) {
  LOG_DEBUG("storage", "nats: {}", natsStatus_GetText(status));
}

Error BadFile(std::string_view setting, std::string_view what) {
  Error error = MakeError(Code::kInvalidArgument,
                          fmt::format("the file of mlnode.cluster.{} cannot be read as {}", setting, what));
  const char* words = nats_GetLastError(nullptr);
  error.detail = words == nullptr ? "" : words;
  return error;
}

Status SetTls(natsOptions* raw, const NatsOptions& options, const Server& server) {
  if (!server.tls && options.ca_file.empty() && options.certificate_file.empty()) return {};
  if (natsOptions_SetSecure(raw, true) != NATS_OK) return ErrorOf(NATS_SSL_ERROR, 0, "TLS cannot be set up");
  if (!options.ca_file.empty() && natsOptions_LoadCATrustedCertificates(raw, options.ca_file.c_str()) != NATS_OK) {
    return BadFile("nats_ca_file", "certificates in PEM");
  }
  if (!options.certificate_file.empty() &&
      natsOptions_LoadCertificatesChain(raw, options.certificate_file.c_str(), options.private_key_file.c_str()) !=
          NATS_OK) {
    return BadFile("nats_certificate_file (or nats_private_key_file)", "a certificate and its key in PEM");
  }
  return {};
}

Status SetCredentials(natsOptions* raw, const NatsOptions& options, const Server& server) {
  natsStatus status = NATS_OK;
  if (!server.token.empty()) {
    status = natsOptions_SetToken(raw, server.token.c_str());
  } else if (!server.user.empty() || !server.password.empty()) {
    status = natsOptions_SetUserInfo(raw, server.user.c_str(), server.password.c_str());
  }
  if (status == NATS_OK && !options.credentials_file.empty()) {
    if (natsOptions_SetUserCredentialsFromFiles(raw, options.credentials_file.c_str(), nullptr) != NATS_OK) {
      return BadFile("nats_credentials_file", "credentials (JWT and seed)");
    }
  }
  if (status != NATS_OK) return ErrorOf(status, 0, "the credentials cannot be used");
  return {};
}

Result<Options> MakeOptions(const NatsOptions& options, const Server& server) {
  Options made;
  natsStatus s = natsOptions_Create(Out(made));
  natsOptions* raw = made.get();
  const std::string url = "nats://" + server.Name();
  if (s == NATS_OK) s = natsOptions_SetURL(raw, url.c_str());
  if (s == NATS_OK && !options.client_name.empty()) s = natsOptions_SetName(raw, options.client_name.c_str());
  if (s == NATS_OK) s = natsOptions_SetTimeout(raw, NatsSession::kConnectLimit.count());
  // A missed answer to a ping would close the connection on a thread that does not hold reading. Silence is the feed's
  // to notice.
  if (s == NATS_OK) s = natsOptions_SetPingInterval(raw, 0);
  if (s == NATS_OK) s = natsOptions_SetAllowReconnect(raw, false);
  if (s == NATS_OK) s = natsOptions_SetIgnoreDiscoveredServers(raw, true);
  if (s == NATS_OK) s = natsOptions_SetErrorHandler(raw, OnLibraryError, nullptr);
  if (s != NATS_OK) return ErrorOf(s, 0, "the connection cannot be set up");
  RETURN_IF_ERROR(SetTls(raw, options, server));
  RETURN_IF_ERROR(SetCredentials(raw, options, server));
  return made;
}

StreamState StateOf(const jsStreamInfo& info) {
  return {.created_ns = info.Created,
          .first = info.State.FirstSeq,
          .last = info.State.LastSeq,
          .messages = info.State.Msgs,
          .last_time_ns = info.State.LastTime};
}

}  // namespace

std::string_view HeaderOf(natsMsg& message, const char* name) {
  const char* value = nullptr;
  if (natsMsgHeader_Get(&message, name, &value) != NATS_OK || value == nullptr) return {};
  return value;
}

std::string_view BodyOf(const natsMsg& message) {
  const int length = natsMsg_GetDataLength(&message);
  if (length <= 0) return {};
  return {natsMsg_GetData(&message), static_cast<std::size_t>(length)};
}

Result<std::shared_ptr<NatsSession>> NatsSession::Connect(const NatsOptions& options, const Server& server) {
  ASSIGN_OR_RETURN(const Options made, MakeOptions(options, server));
  std::shared_ptr<NatsSession> session(new NatsSession());
  natsStatus s = session->loop_.UseIn(made.get());
  if (s == NATS_OK) {
    const auto reading = session->loop_.HoldReading();
    s = natsConnection_Connect(Out(session->connection_), made.get());
  }
  if (s != NATS_OK) {
    Error error = ErrorOf(s, 0, fmt::format("NATS server {} cannot be reached", server.Name()));
    if (error.code != Code::kFailedPrecondition) error.code = Code::kUnavailable;
    return error;
  }
  s = natsConnection_JetStream(Out(session->js_), session->connection_.get(), nullptr);
  if (s != NATS_OK) return ErrorOf(s, 0, "JetStream cannot be used");
  return session;
}

NatsSession::~NatsSession() {
  if (connection_) Close();
  loop_.Stop();
}

bool NatsSession::Alive() const { return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED; }

void NatsSession::Close() {
  const auto reading = loop_.HoldReading();
  natsConnection_Close(connection_.get());
}

void NatsSession::Forget(SubscriptionHandle subscription) {
  const auto reading = loop_.HoldReading();
  subscription.reset();
}

bool NatsSession::Answers(Millis limit) const {
  return natsConnection_FlushTimeout(connection_.get(), limit.count()) == NATS_OK;
}

// nats-server 2.9 in a cluster compares an expected sequence above 0 before it replicates the message, and not again
// when it stores it, so two swaps that are on their way at once may both pass. What it compares when it stores (an
// expected 0, a message's id) must not be used: each server counts by itself what it refused there, a server that was
// killed and replays its log counts differently, and then stores a message twice. From there on its sequences differ
// from the others' for good (seen with 2.9.10 on three servers).
Result<std::uint64_t> NatsSession::Publish(natsMsg& message, std::uint64_t expected, const CallLimit& limit) {
  if (expected != 0 && natsMsgHeader_Set(&message, kExpectedSequence, std::to_string(expected).c_str()) != NATS_OK) {
    return MakeError(Code::kInternal, "a message cannot be made");
  }
  return Store(message, Again::kIfRefused, limit);
}

Result<std::uint64_t> NatsSession::PutBarrier(const std::string& subject, Again again, const CallLimit& limit) {
  Message message;
  if (natsMsg_Create(Out(message), subject.c_str(), nullptr, nullptr, 0) != NATS_OK) {
    return MakeError(Code::kInternal, "a message cannot be made");
  }
  return Store(*message, again, limit);
}

Result<std::uint64_t> NatsSession::Store(natsMsg& message, Again again, const CallLimit& limit) {
  PubAck ack;
  RETURN_IF_ERROR(
      CallUntilAnswered(limit, again, "a message cannot be stored", [&](const jsOptions& options, jsErrCode& code) {
        jsPubOptions publish;
        jsPubOptions_Init(&publish);
        publish.MaxWait = options.Wait;
        return js_PublishMsg(Out(ack), js_.get(), &message, &publish, &code);
      }));
  return ack->Sequence;
}

Result<Message> NatsSession::Last(const std::string& stream, const std::string& subject, const CallLimit& limit) {
  Message message;
  RETURN_IF_ERROR(
      CallUntilAnswered(limit, Again::kIfEither, "a message cannot be read", [&](jsOptions& options, jsErrCode& code) {
        return js_GetLastMsg(Out(message), js_.get(), stream.c_str(), subject.c_str(), &options, &code);
      }));
  return message;
}

Result<Message> NatsSession::At(const std::string& stream, std::uint64_t sequence, const CallLimit& limit) {
  Message message;
  RETURN_IF_ERROR(
      CallUntilAnswered(limit, Again::kIfEither, "a message cannot be read", [&](jsOptions& options, jsErrCode& code) {
        return js_GetMsg(Out(message), js_.get(), stream.c_str(), sequence, &options, &code);
      }));
  return message;
}

// libnats asks this of any server that holds the stream only (direct get), so the request is made here.
Result<std::uint64_t> NatsSession::NextFrom(const std::string& stream, const std::string& subject,
                                            std::uint64_t sequence, const CallLimit& limit) {
  ASSIGN_OR_RETURN(const json::object answer,
                   Ask("$JS.API.STREAM.MSG.GET." + stream, {{"seq", sequence}, {"next_by_subj", subject}}, limit));
  const json::value* message = answer.if_contains("message");
  const json::value* found =
      message != nullptr && message->is_object() ? message->get_object().if_contains("seq") : nullptr;
  if (found == nullptr || !found->is_number()) return MakeError(Code::kUnavailable, "the server names no message");
  return found->to_number<std::uint64_t>();
}

Result<json::object> NatsSession::Ask(const std::string& address, const json::object& question,
                                      const CallLimit& limit) {
  const std::string text = ToJson(question);
  Result<json::object> told = json::object();
  RETURN_IF_ERROR(CallUntilAnswered(
      limit, Again::kIfEither, "the servers cannot be asked", [&](const jsOptions& options, jsErrCode& code) {
        Message answer;
        const natsStatus s =
            natsConnection_RequestString(Out(answer), connection_.get(), address.c_str(), text.c_str(), options.Wait);
        if (s != NATS_OK) return s;
        told = ParseJsonObject(BodyOf(*answer));
        const json::value* error = told ? told->if_contains("error") : nullptr;
        if (error == nullptr) return NATS_OK;
        const json::value* number = error->is_object() ? error->get_object().if_contains("err_code") : nullptr;
        const bool named = number != nullptr && number->is_number();
        code = named ? static_cast<jsErrCode>(number->to_number<std::int64_t>()) : JSClusterNotAvailErr;
        return NATS_ERR;
      }));
  return told;
}

Result<Message> NatsSession::LastFromAny(const std::string& stream, const std::string& subject,
                                         const CallLimit& limit) {
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = limit.Left();
  jsDirectGetMsgOptions which;
  jsDirectGetMsgOptions_Init(&which);
  which.LastBySubject = subject.c_str();
  Message message;
  const natsStatus s = js_DirectGetMsg(Out(message), js_.get(), stream.c_str(), &options, &which);
  if (s != NATS_OK) return ErrorOf(s, 0, "a message cannot be read");
  return message;
}

Result<StreamState> NatsSession::State(const std::string& stream, const CallLimit& limit) {
  StreamInfo info;
  RETURN_IF_ERROR(CallUntilAnswered(limit, Again::kIfEither,
                                    fmt::format("the state of stream {} cannot be read", stream),
                                    [&](jsOptions& options, jsErrCode& code) {
                                      return js_GetStreamInfo(Out(info), js_.get(), stream.c_str(), &options, &code);
                                    }));
  return StateOf(*info);
}

// A server names 100,000 subjects at once at most; libnats asks for the first of them only.
Result<std::vector<std::string>> NatsSession::Subjects(const std::string& stream, const std::string& filter,
                                                       const CallLimit& limit) {
  std::vector<std::string> subjects;
  for (;;) {
    ASSIGN_OR_RETURN(const json::object answer, Ask("$JS.API.STREAM.INFO." + stream,
                                                    {{"subjects_filter", filter}, {"offset", subjects.size()}}, limit));
    const auto state = ObjectField(answer, "state");
    if (!state || *state == nullptr) return MakeError(Code::kUnavailable, "the server tells nothing of its stream");
    const auto page = ObjectField(**state, "subjects");
    if (!page || *page == nullptr || (*page)->empty()) return subjects;
    for (const auto& [subject, count] : **page) subjects.emplace_back(subject);
    const json::value* total = answer.if_contains("total");
    if (total == nullptr || !total->is_number() || subjects.size() >= total->to_number<std::uint64_t>())
      return subjects;
  }
}

Status NatsSession::Remove(const std::string& stream, std::uint64_t sequence, const CallLimit& limit) {
  return CallUntilAnswered(limit, Again::kIfRefused, "a message cannot be removed",
                           [&](jsOptions& options, jsErrCode& code) {
                             return js_DeleteMsg(js_.get(), stream.c_str(), sequence, &options, &code);
                           });
}

}  // namespace mlnode::storage::nats
