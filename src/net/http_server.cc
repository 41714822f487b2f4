#include "net/http_server.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.h"
#include "net/http_connection.h"

namespace mlnode::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

// How many clients may at once be being told that there is no room; more are closed without a word.
constexpr std::size_t kTurnedAwayAtOnce = 64;
constexpr std::chrono::milliseconds kAcceptPause{50};  // after a failed accept, which is mostly "too many open files"

Status ListenError(const HttpServerOptions& options, const boost::system::error_code& error) {
  const auto place = fmt::format("{}:{}", options.address, options.port);
  if (error == asio::error::address_in_use) {
    return MakeError(Code::kFailedPrecondition,
                     fmt::format("port {} is taken by another program; `ss -ltnp 'sport = :{}'` shows by which", place,
                                 options.port));
  }
  return MakeError(Code::kInvalidArgument, fmt::format("cannot listen on {}: {}", place, error.message()));
}

class AsioServer final : public HttpServer {
 public:
  AsioServer(HttpServerOptions options, HttpHandler& handler, Metrics& metrics)
      : context_(std::make_shared<ServerContext>(std::move(options), handler, metrics)),
        loops_(MakeLoops(context_->options.threads)),
        acceptor_(loops_.front()->io),
        pause_(loops_.front()->io) {}
  AsioServer(const AsioServer&) = delete;
  AsioServer& operator=(const AsioServer&) = delete;
  // NOLINTNEXTLINE(bugprone-exception-escape): only for want of memory, which ends the process
  ~AsioServer() override { Stop(std::chrono::milliseconds::zero()); }

  Status Listen() {
    const auto& options = context_->options;
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) {
      return MakeError(Code::kInvalidArgument,
                       fmt::format("address \"{}\" is not an IPv4 or IPv6 address", options.address));
    }
    const Tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return ListenError(options, error);
    port_ = acceptor_.local_endpoint().port();
    return {};
  }

  void Run() {
    Accept();
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      threads_.emplace_back([loop = loops_[i]] { RunLoop(*loop); });
      pthread_setname_np(threads_.back().native_handle(), fmt::format("net-io-{}", i).c_str());
    }
  }

  std::uint16_t port() const override { return port_; }

  void Stop(std::chrono::milliseconds drain) override {
    if (std::exchange(stopped_, true) || threads_.empty()) return;
    context_->draining.store(true);
    EndAccepting();
    ForEachConnection(&Connection::BeginDrain);
    const auto all_closed = [this] { return context_->admitted.load() + context_->turned_away.load() == 0; };
    {
      std::unique_lock lock(context_->mutex);
      context_->all_closed.wait_for(lock, drain, all_closed);
    }
    ForEachConnection(&Connection::Close);
    for (const auto& loop : loops_) loop->work.reset();
    for (auto& thread : threads_) thread.join();
  }

 private:
  // Waits, so that every connection accepted so far is on its loop before the loops are told to close theirs.
  void EndAccepting() {
    std::promise<void> ended;
    asio::post(loops_.front()->io, [this, &ended] {
      boost::system::error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
      ended.set_value();
    });
    ended.get_future().wait();
  }

  static std::vector<std::shared_ptr<IoLoop>> MakeLoops(int threads) {
    std::vector<std::shared_ptr<IoLoop>> loops;
    for (int i = 0; i < std::max(threads, 1); ++i) loops.push_back(std::make_shared<IoLoop>());
    return loops;
  }

  static void RunLoop(IoLoop& loop) {
    for (;;) {
      try {
        loop.io.run();
        return;
      } catch (const std::exception& e) {
        LOG_ERROR("net", "a socket operation failed: {}", e.what());
      }
    }
  }

  void ForEachConnection(void (Connection::*action)()) {
    for (const auto& loop : loops_) {
      asio::post(loop->io, [loop, action] {
        const auto open = loop->open;  // a copy: the action may take connections out
        for (const auto& [_, connection] : open) ((*connection).*action)();
      });
    }
  }

  void Accept() {
    const auto& loop = loops_[next_loop_++ % loops_.size()];
    acceptor_.async_accept(loop->io, [this, loop](const boost::system::error_code& error, Tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (error) {
        LOG_WARN("net", "accepting a connection failed: {}", error.message());
        pause_.expires_after(kAcceptPause);
        pause_.async_wait([this](const boost::system::error_code& cancelled) {
          if (!cancelled && acceptor_.is_open()) Accept();
        });
        return;
      }
      Admit(loop, std::move(socket));
      Accept();
    });
  }

  void Admit(const std::shared_ptr<IoLoop>& loop, Tcp::socket socket) {
    auto connection = std::make_shared<Connection>(context_, loop, std::move(socket));
    asio::post(loop->io, [connection = std::move(connection), context = context_] {
      const bool full = context->admitted.load() >= context->options.max_connections;
      if (full && context->turned_away.load() >= kTurnedAwayAtOnce) return;
      connection->Start(full);
    });
  }

  const std::shared_ptr<ServerContext> context_;
  const std::vector<std::shared_ptr<IoLoop>> loops_;
  Tcp::acceptor acceptor_;    // on the first loop
  asio::steady_timer pause_;  // on the first loop
  std::size_t next_loop_ = 0;
  std::vector<std::thread> threads_;
  std::uint16_t port_ = 0;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options, HttpHandler& handler,
                                                      Metrics& metrics) {
  auto server = std::make_unique<AsioServer>(std::move(options), handler, metrics);
  RETURN_IF_ERROR(server->Listen());
  server->Run();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace mlnode::net
