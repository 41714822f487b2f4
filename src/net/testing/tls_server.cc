#include "net/testing/tls_server.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <string_view>
#include <utility>

#include "core/executor.h"

namespace mlnode::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

struct Seen {
  std::atomic<int> connections{0};
  std::atomic<bool> http2{false};
};

// Answers http/1.1, and notes whether h2 stood in the list (RFC 7301: each name after its length).
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_bytes, const unsigned char* in,
                   unsigned int bytes, void* seen) {
  const std::string_view offered(reinterpret_cast<const char*>(in), bytes);
  if (offered.find("\x02h2") != std::string_view::npos) static_cast<Seen*>(seen)->http2 = true;
  const auto at = offered.find("\x08http/1.1");
  if (at == std::string_view::npos) return SSL_TLSEXT_ERR_NOACK;
  *out = in + at + 1;
  *out_bytes = 8;
  return SSL_TLSEXT_ERR_OK;
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, asio::ssl::context& context, std::shared_ptr<Seen> seen)
      : stream_(std::move(socket), context), seen_(std::move(seen)) {}

  void Begin() {
    stream_.async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](const ErrorCode& error) {
      if (error) return;
      ++self->seen_->connections;
      self->Read();
    });
  }

 private:
  void Read() {
    asio::async_read_until(stream_, asio::dynamic_buffer(in_), "\r\n\r\n",
                           [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
                             if (error) return;
                             self->in_.erase(0, bytes);
                             self->Answer();
                           });
  }
  void Answer() {
    const std::string name = ClientName();
    out_ = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", name.size(), name);
    asio::async_write(stream_, asio::buffer(out_), [self = shared_from_this()](const ErrorCode& error, std::size_t) {
      if (!error) self->Read();
    });
  }
  std::string ClientName() {
    X509* const certificate = SSL_get1_peer_certificate(stream_.native_handle());
    if (certificate == nullptr) return "nobody";
    std::array<char, 256> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                              static_cast<int>(name.size()));
    X509_free(certificate);
    return name.data();
  }

  asio::ssl::stream<Tcp::socket> stream_;
  const std::shared_ptr<Seen> seen_;
  std::string in_, out_;
};

class AsioTlsServer final : public TlsServer {
 public:
  AsioTlsServer(const KeyAndCertificate& identity, const std::string& client_authorities) {
    context_.use_certificate_chain(asio::buffer(identity.certificate));
    context_.use_private_key(asio::buffer(identity.key), asio::ssl::context::pem);
    SSL_CTX_set_alpn_select_cb(context_.native_handle(), &ChooseProtocol, seen_.get());
    if (!client_authorities.empty()) {
      context_.add_certificate_authority(asio::buffer(client_authorities));
      context_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
      constexpr std::string_view kSessions = "tls_server";  // OpenSSL resumes none of a client that it verified without
      SSL_CTX_set_session_id_context(context_.native_handle(), reinterpret_cast<const unsigned char*>(kSessions.data()),
                                     static_cast<unsigned>(kSessions.size()));
    }
    Accept();
    if (!pool_.Post([this] { io_.run(); })) std::abort();
  }
  AsioTlsServer(const AsioTlsServer&) = delete;
  AsioTlsServer& operator=(const AsioTlsServer&) = delete;
  ~AsioTlsServer() override {
    io_.stop();
    pool_.Stop();
  }

  std::string Url(const std::string& target) const override {
    return fmt::format("https://127.0.0.1:{}{}", acceptor_.local_endpoint().port(), target);
  }
  int connections() const override { return seen_->connections; }
  bool http2_was_offered() const override { return seen_->http2; }

 private:
  void Accept() {
    acceptor_.async_accept([this](const ErrorCode& error, Tcp::socket socket) {
      if (error) return;
      std::make_shared<Session>(std::move(socket), context_, seen_)->Begin();
      Accept();
    });
  }

  const std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
  asio::ssl::context context_{asio::ssl::context::tls_server};
  asio::io_context io_{1};
  Tcp::acceptor acceptor_{io_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  ThreadPool pool_{{.name = "tls-server", .threads = 1, .queue = 1}};
};

}  // namespace

std::unique_ptr<TlsServer> TlsServer::Start(const KeyAndCertificate& identity, const std::string& client_authorities) {
  return std::make_unique<AsioTlsServer>(identity, client_authorities);
}

}  // namespace mlnode::net
