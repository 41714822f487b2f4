#include "net/curl_transfer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>
#include "core/sha256.h"
#include "net/http_wire.h"

namespace mlnode::net {
namespace {

constexpr const char* kProtocols = "http,https";
constexpr std::size_t kMaxHeaderBytes = 256UL * 1024;
constexpr std::size_t kKeptErrorBody = 64UL * 1024;
constexpr long kReadPiece = 64L * 1024;
// Of a kept connection, for what must not be sent twice: less than servers wait before they close one (5 s are the
// default of uvicorn and Node.js, 60 s or more of most others).
constexpr long kFreshSeconds = 4;

// curl_easy_setopt is variadic; a typed door to it.
template <class T>
void Set(CURL* easy, CURLoption option, T value) {
  curl_easy_setopt(easy, option, value);
}

long Millis(std::chrono::milliseconds time) { return static_cast<long>(std::max<std::int64_t>(time.count(), 1)); }

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The address in a form that sockets have; family AF_UNSPEC when the text is none.
sockaddr_storage ParseAddress(const char* ip) {
  sockaddr_storage address{};
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  }
  return address;
}

// Fields that the client writes itself (RFC 9112 §6, §7 and §9).
bool FramesMessage(std::string_view name) {
  constexpr std::string_view kNames[] = {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
                                         "Expect",         "Proxy-Connection",  "TE",         "Trailer",
                                         "Upgrade"};
  return std::ranges::any_of(kNames, [name](std::string_view known) { return EqualsIgnoringCase(name, known); });
}

// libcurl shares a connection, and resumes a TLS session, between requests whose certificates are equal byte by byte;
// it does not look at the key or the password. A certificate is public, so somebody who has it and no key could speak
// over a connection that its owner opened. Hence the certificate carries a digest of all of the identity, where the
// format ignores it: as text before PEM's first block, as bytes after PKCS#12's outermost value.
std::string Digest(const ClientCertificate& identity) {
  Sha256 digest;
  for (const auto* part :
       {&identity.certificate, &identity.key, &identity.authorities, &identity.pkcs12, &identity.password}) {
    digest.Update(fmt::format("{}:", part->size()));
    digest.Update(*part);
  }
  return digest.HexDigest();
}

}  // namespace

Status CurlTransfer::Prepare() {
  easy_.reset(curl_easy_init());
  if (easy_ == nullptr) return MakeError(Code::kResourceExhausted, "no memory for another HTTP request");
  CURL* const easy = easy_.get();
  Set(easy, CURLOPT_PRIVATE, this);
  Set(easy, CURLOPT_URL, request_.url.c_str());
  Set(easy, CURLOPT_PATH_AS_IS, request_.path_as_is ? 1L : 0L);
  Set(easy, CURLOPT_PROTOCOLS_STR, kProtocols);
  Set(easy, CURLOPT_REDIR_PROTOCOLS_STR, kProtocols);
  Set(easy, CURLOPT_PROXY, "");     // the environment's proxies too
  Set(easy, CURLOPT_NOPROXY, "*");  // a proxy would connect where the guard cannot see
  Set(easy, CURLOPT_NOSIGNAL, 1L);
  Set(easy, CURLOPT_QUICK_EXIT, 1L);  // a slow name server must not hold up the client's thread when a request ends
  Set(easy, CURLOPT_FOLLOWLOCATION, request_.max_redirects > 0 ? 1L : 0L);
  Set(easy, CURLOPT_MAXREDIRS, static_cast<long>(request_.max_redirects));
  Set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  Set(easy, CURLOPT_BUFFERSIZE, kReadPiece);
  Set(easy, CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::OpenSocket);
  Set(easy, CURLOPT_OPENSOCKETDATA, this);
  Set(easy, CURLOPT_PREREQFUNCTION, &CurlTransfer::BeforeRequest);
  Set(easy, CURLOPT_PREREQDATA, this);
  Set(easy, CURLOPT_HEADERFUNCTION, &CurlTransfer::OnHeader);
  Set(easy, CURLOPT_HEADERDATA, this);
  Set(easy, CURLOPT_WRITEFUNCTION, &CurlTransfer::OnBody);
  Set(easy, CURLOPT_WRITEDATA, this);
  SetLimits();
  SetMethod();
  RETURN_IF_ERROR(SetTls());
  return SetHeaders();
}

void CurlTransfer::SetBlob(CURLoption option, const std::string& bytes) {
  // curl's type is not const; it copies what the flag says.
  curl_blob blob{const_cast<char*>(bytes.data()), bytes.size(), CURL_BLOB_COPY};
  Set(easy_.get(), option, &blob);
}

Status CurlTransfer::SetTls() {
  CURL* const easy = easy_.get();
  Set(easy, CURLOPT_SSL_VERIFYPEER, request_.verify_tls ? 1L : 0L);
  Set(easy, CURLOPT_SSL_VERIFYHOST, request_.verify_tls ? 2L : 0L);
  if (!request_.identity) return {};
  const ClientCertificate& identity = *request_.identity;
  if (!identity.authorities.empty()) {  // instead of the system's, not besides
    SetBlob(CURLOPT_CAINFO_BLOB, identity.authorities);
    Set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  if (!identity.pkcs12.empty()) {
    Set(easy, CURLOPT_SSLCERTTYPE, "P12");
    SetBlob(CURLOPT_SSLCERT_BLOB, identity.pkcs12 + Digest(identity));
    Set(easy, CURLOPT_KEYPASSWD, identity.password.c_str());
    return {};
  }
  if (identity.certificate.empty() != identity.key.empty()) {
    return MakeError(Code::kInvalidArgument, "a client certificate needs both the certificate and its key");
  }
  if (identity.certificate.empty()) return {};
  SetBlob(CURLOPT_SSLCERT_BLOB, fmt::format("# {}\n{}", Digest(identity), identity.certificate));
  SetBlob(CURLOPT_SSLKEY_BLOB, identity.key);
  if (!identity.password.empty()) Set(easy, CURLOPT_KEYPASSWD, identity.password.c_str());
  return {};
}

void CurlTransfer::SetLimits() {
  CURL* const easy = easy_.get();
  Set(easy, CURLOPT_CONNECTTIMEOUT_MS, Millis(request_.connect_timeout));
  Set(easy, CURLOPT_TIMEOUT_MS, Millis(request_.total_timeout));
  Set(easy, CURLOPT_NOPROGRESS, 0L);
  Set(easy, CURLOPT_XFERINFOFUNCTION, &CurlTransfer::OnProgress);
  Set(easy, CURLOPT_XFERINFODATA, this);
  if (!request_.may_resend) Set(easy, CURLOPT_MAXAGE_CONN, kFreshSeconds);
}

void CurlTransfer::SetMethod() {
  CURL* const easy = easy_.get();
  if (request_.method == "HEAD") {
    Set(easy, CURLOPT_NOBODY, 1L);
  } else if (request_.method == "POST" || !Body().empty()) {
    Set(easy, CURLOPT_POST, 1L);
    Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(Body().size()));
    // A null pointer would make curl ask a callback for the body.
    Set(easy, CURLOPT_POSTFIELDS, Body().empty() ? "" : Body().data());
  }
  if (request_.method != "GET" && request_.method != "POST" && request_.method != "HEAD") {
    Set(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  } else if (request_.method == "GET" && !Body().empty()) {
    Set(easy, CURLOPT_CUSTOMREQUEST, "GET");
  }
}

void CurlTransfer::AddHeader(std::string_view line) {
  auto* const lines = header_lines_.release();
  auto* const grown = curl_slist_append(lines, std::string(line).c_str());
  header_lines_.reset(grown == nullptr ? lines : grown);
}

Status CurlTransfer::SetHeaders() {
  if (!IsToken(request_.method)) {
    return MakeError(Code::kInvalidArgument, fmt::format("\"{}\" is no HTTP method", request_.method));
  }
  for (const auto& [name, value] : request_.headers.fields()) {
    if (!IsToken(name) || !IsFieldValue(value)) {
      return MakeError(Code::kInvalidArgument,
                       fmt::format("header \"{}\" cannot be sent: its name is malformed, or its value has a line break",
                                   IsToken(name) ? name : "?"));
    }
    if (FramesMessage(name)) continue;
    AddHeader(value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));  // curl: "name;" = empty
  }
  AddHeader("Expect:");  // large bodies are sent at once: the second that curl waits is worth more
  if (!request_.headers.Find("Content-Type")) AddHeader("Content-Type:");
  Set(easy_.get(), CURLOPT_HTTPHEADER, header_lines_.get());
  return {};
}

Status CurlTransfer::CheckPeer(const sockaddr* address) const {
  RETURN_IF_ERROR(CheckAddress(address, request_.addresses));
  return request_.check_address ? request_.check_address(address) : Status();
}

curl_socket_t CurlTransfer::OpenSocket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  if (auto allowed = transfer.CheckPeer(&address->addr); !allowed) {
    transfer.guarded_ = allowed.error();
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// A connection kept from an earlier request opened no socket, and that request may have been allowed more.
int CurlTransfer::BeforeRequest(void* self, char* primary_ip, char*, int, int) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const sockaddr_storage peer = ParseAddress(primary_ip);
  if (auto allowed = transfer.CheckPeer(reinterpret_cast<const sockaddr*>(&peer)); !allowed) {
    transfer.failure_ = allowed.error();
    return CURL_PREREQFUNC_ABORT;
  }
  if (std::exchange(transfer.unanswered_, true) && !transfer.request_.may_resend) {
    transfer.failure_ = MakeError(Code::kUpstream, "the remote server closed the connection without an answer");
    return CURL_PREREQFUNC_ABORT;
  }
  transfer.connected_ = true;
  transfer.Touch();
  return CURL_PREREQFUNC_OK;
}

std::size_t CurlTransfer::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  transfer.Touch();
  if (auto taken = transfer.TakeHeader({data, size * count}); !taken) {
    transfer.failure_ = taken.error();
    return 0;
  }
  return size * count;
}

Status CurlTransfer::TakeHeader(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) {
    return MakeError(Code::kTooLarge, fmt::format("the reply's header is larger than {} bytes", kMaxHeaderBytes));
  }
  if (line.starts_with("HTTP/")) {  // of a further reply: after 100 (Continue) or a redirect
    reply_ = {};
    body_bytes_ = header_bytes_ = 0;
    unanswered_ = false;
    if (!std::exchange(answered_, true) && request_.on_answer) request_.on_answer();
    return {};
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  auto value = Trim(line.substr(colon + 1));
  if (EqualsIgnoringCase(line.substr(0, colon), "Content-Length") && value.size() < 19) {
    const bool number = !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    if (request_.method != "HEAD" && number && std::stoull(std::string(value)) > request_.max_response_bytes) {
      return MakeError(Code::kTooLarge, fmt::format("the reply of {} bytes is larger than the limit of {} bytes", value,
                                                    request_.max_response_bytes));
    }
  }
  reply_.headers.Add(std::string(line.substr(0, colon)), std::string(value));
  return {};
}

std::size_t CurlTransfer::OnBody(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  transfer.Touch();
  if (auto taken = transfer.TakeBody({data, size * count}); !taken) {
    transfer.failure_ = taken.error();
    return 0;
  }
  return size * count;
}

Status CurlTransfer::TakeBody(std::string_view piece) {
  body_bytes_ += piece.size();
  if (body_bytes_ > request_.max_response_bytes) {
    return MakeError(Code::kTooLarge,
                     fmt::format("the reply is larger than the limit of {} bytes", request_.max_response_bytes));
  }
  if (!request_.body_sink) {
    reply_.body += piece;
    return {};
  }
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return request_.body_sink(piece);
  reply_.body += piece.substr(0, kKeptErrorBody - std::min(kKeptErrorBody, reply_.body.size()));
  return {};
}

int CurlTransfer::OnProgress(void* self, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  if (down + up != transfer.moved_) transfer.Touch();
  transfer.moved_ = down + up;
  return 0;
}

CurlTransfer::Time CurlTransfer::IdleDeadline() const {
  return connected_ ? last_activity_ + request_.idle_timeout : Time::max();
}

Error CurlTransfer::IdleError() const {
  return MakeError(Code::kDeadlineExceeded,
                   fmt::format("no byte came from the remote server for {} ms", request_.idle_timeout.count()));
}

void CurlTransfer::Fail(Error error) {
  if (done_) done_(Result<ClientReply>(std::move(error)));
}

void CurlTransfer::Finish(CURLcode code) {
  if (code != CURLE_OK) return Fail(Explain(code));
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  reply_.status = static_cast<int>(status);
  if (done_) done_(std::move(reply_));
}

// What goes wrong before a request goes out is kUnavailable, whoever hears that may send it elsewhere; afterwards the
// server may have begun it, even if it was a further connection that could not be made.
Error CurlTransfer::Explain(CURLcode code) {
  if (failure_) return *std::move(failure_);
  if (code == CURLE_COULDNT_CONNECT && guarded_) return *std::move(guarded_);
  Error error;
  error.detail = fmt::format("curl {}: {}", static_cast<int>(code), curl_easy_strerror(code));
  Describe(code, request_, error);
  if (code == CURLE_OPERATION_TIMEDOUT && !connected_) {
    error.code = Code::kUnavailable;
    error.message = kNotConnectedInTime;
  }
  if (error.code == Code::kUnavailable && connected_) error.code = Code::kUpstream;
  return error;
}

void CurlTransfer::Describe(CURLcode code, const ClientRequest& request, Error& error) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      error.code = Code::kInvalidArgument;
      error.message = "the URL is malformed, or its scheme is neither http nor https";
      break;
    case CURLE_COULDNT_RESOLVE_HOST:
      error.code = Code::kUnavailable;
      error.message = "the host name of the remote server cannot be resolved";
      break;
    case CURLE_COULDNT_CONNECT:
      error.code = Code::kUnavailable;
      error.message = "the remote server cannot be reached";
      break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
      error.code = Code::kUnavailable;
      error.message = kTlsRefused;
      break;
    case CURLE_OPERATION_TIMEDOUT:
      error.code = Code::kDeadlineExceeded;
      error.message = fmt::format("the remote server did not answer in time (limits: {} ms to connect, {} ms in all)",
                                  request.connect_timeout.count(), request.total_timeout.count());
      break;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      error.code = Code::kInvalidArgument;
      error.message = "the client certificate, its key, its password or the authorities cannot be read";
      break;
    case CURLE_TOO_MANY_REDIRECTS:
      error.code = Code::kUpstream;
      error.message = fmt::format("the remote server redirects more than {} times", request.max_redirects);
      break;
    case CURLE_OUT_OF_MEMORY:
      error.code = Code::kResourceExhausted;
      error.message = "no memory for an HTTP request";
      break;
    default:
      error.code = Code::kUpstream;
      error.message = fmt::format("the exchange with the remote server broke: {}", curl_easy_strerror(code));
  }
}

}  // namespace mlnode::net
