// net/http_connection.h: one client connection of the server: reads requests, keeps their answers in order, times both.
// Threads: everything on the connection's IoLoop, one thread, which is its strand; Deliver, Drop and gone: any.
// Owner: IoLoop::open while the socket is open; exchanges keep the object, not the socket, longer.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/body/body_receiver.h"
#include "net/http_server.h"
#include "net/input_buffer.h"
#include "net/progress_window.h"
#include "net/request_parser.h"

namespace mlnode::net {

class Connection;

// One io thread. Its connections run on it alone, so they need no lock; work from elsewhere is posted to it.
struct IoLoop {
  boost::asio::io_context io{1};  // 1 = one thread runs it; posting stays safe from all
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work = boost::asio::make_work_guard(io);
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> open;  // by Connection::id_; on the loop only
  std::uint64_t next_id = 0;                                            // on the loop only
};

enum class RefusedFor : std::uint8_t {
  kMalformed,
  kSlow,
  kBody,
  kHeader,
  kEncoding,
  kExpectation,
  kBudget,
  kConnections
};
inline constexpr int kRefusedForCount = 8;

// What all connections of a server share. `handler` and the metrics are touched on io threads only, so they may go once
// the server has stopped, although an exchange is still held.
struct ServerContext {
  ServerContext(HttpServerOptions server_options, HttpHandler& server_handler, Metrics& metrics);
  void Opened(bool refused);
  void Closed(bool refused);

  const HttpServerOptions options;
  HttpHandler& handler;
  Gauge& connections;
  Gauge& unsent_bytes;
  std::array<Counter*, kRefusedForCount> refused{};
  BodyBudget bodies;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> admitted{0};     // open connections that are served
  std::atomic<std::size_t> turned_away{0};  // open connections that are only told 503
  std::mutex mutex;                         // with all_closed: for Stop
  std::condition_variable all_closed;
};

// One answer to be written, in the order of the requests. Filled by whoever answers, then read on the loop only.
struct Slot {
  explicit Slot(std::shared_ptr<ServerContext> server) : context(std::move(server)), hold(context->bodies) {}
  std::shared_ptr<ServerContext> context;
  BudgetHold hold;
  HttpRequest request;
  RequestFrame frame;
  bool close = false;          // the connection ends after this answer
  bool interim = false;        // 100 (Continue): no Connection line
  bool ready = false;          // on the loop
  std::size_t head_bytes = 0;  // of `head` as it was encoded
  std::string head;
  std::string body;
  // Of an answer that comes in pieces; all but `waiting` on the loop only.
  bool streamed = false;
  bool chunked = false;
  bool head_done = false;               // `head` has its Connection line, or is written
  bool ended = false;                   // all pieces are in `next`
  std::string next;                     // pieces, coded, that go out behind `body`
  std::atomic<std::size_t> waiting{0};  // bytes of pieces that the client has not taken

  // Nothing of it is left to be sent now, and more is to come.
  bool Idle() const { return streamed && !ended && head_done && next.empty(); }
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerContext> context, std::shared_ptr<IoLoop> loop, boost::asio::ip::tcp::socket socket);

  // Serves until closed. `turn_away`: answers 503 and closes, because too many are open.
  void Start(bool turn_away);
  // Closes when idle, else once the requests read so far are answered. One that has not been asked anything yet answers
  // a request that comes within half a second: who connected before the stop has it on its way.
  void BeginDrain();
  void Close();

  // Writes `reply` out to text in the calling thread, then hands it to the loop.
  void Deliver(std::shared_ptr<Slot> slot, HttpReply reply);
  // The same for an answer in pieces: its head, then the pieces; `ended` with the last.
  void DeliverStream(std::shared_ptr<Slot> slot, const HttpReply& reply);
  void DeliverPiece(std::shared_ptr<Slot> slot, std::string coded, bool ended);
  void CutStream();
  std::size_t max_unsent_bytes() const { return context_->options.max_unsent_bytes; }
  // The exchange was dropped without an answer.
  void Drop(std::shared_ptr<Slot> slot);
  bool gone() const { return gone_.load(std::memory_order_relaxed); }

 private:
  enum class Phase : std::uint8_t { kIdle, kHead, kBody, kLinger };
  using Time = std::chrono::steady_clock::time_point;

  // http_connection_read.cc
  boost::asio::awaitable<void> Run();
  boost::asio::awaitable<bool> ReadHead(std::shared_ptr<Slot> slot);
  boost::asio::awaitable<bool> ReadBody(std::shared_ptr<Slot> slot);
  boost::asio::awaitable<bool> ReadChunked(std::shared_ptr<BodyReceiver> receiver);
  boost::asio::awaitable<bool> ReadSized(std::shared_ptr<BodyReceiver> receiver, std::uint64_t bytes);
  boost::asio::awaitable<bool> SendContinue(std::shared_ptr<Slot> slot);
  boost::asio::awaitable<std::size_t> Read(std::span<char> into);
  boost::asio::awaitable<void> Discard();
  bool ParseHead(Slot& slot);
  bool Admit(const std::shared_ptr<Slot>& slot);
  bool AdmitBody(const Slot& slot);
  void Dispatch(const std::shared_ptr<Slot>& slot);
  void BodyMoved(std::size_t bytes);
  bool Reading() const { return !closed_ && !refused_ && !last_read_; }
  bool HasRoomForAnother() const;

  // http_connection.cc
  void Refuse(int status, const std::string& message, RefusedFor reason);
  void RefuseBody(const Error& error);
  void RefuseWith(HttpReply reply);
  void OnReady(const std::shared_ptr<Slot>& slot);
  void Flush();
  void AppendOut(Slot& slot, bool last_in_queue);
  void OnStreamWritten(Slot& slot);
  void OnWritten(const boost::system::error_code& error, std::size_t answers);
  void AfterLastAnswer();
  void OnReadFailed(const boost::system::error_code& error);
  void CountUnsent(std::int64_t bytes);
  void SetReadDeadline(std::chrono::milliseconds from_now);
  void SetReadDeadline(Time at);
  void ClearReadDeadline() { read_deadline_ = Time::max(); }
  void ArmTimer();
  void OnTimer();
  void OnReadTimeout();

  const std::shared_ptr<ServerContext> context_;
  const std::shared_ptr<IoLoop> loop_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;  // runs to the earlier deadline, or earlier still: moving one later costs nothing
  boost::asio::steady_timer room_;   // never expires; cancelled when answers were written, which wakes the reader
  Time timer_at_ = Time::max();
  Time read_deadline_ = Time::max();
  Time write_deadline_ = Time::max();
  std::string peer_;
  std::uint64_t id_ = 0;  // in IoLoop::open
  InputBuffer in_;
  RequestParser parser_;
  ProgressWindow reading_;
  ProgressWindow writing_progress_;
  std::deque<std::shared_ptr<Slot>> queue_;
  std::int64_t unsent_bytes_ = 0;  // heads and bodies of the ready answers in queue_
  std::vector<boost::asio::const_buffer> out_;
  Phase phase_ = Phase::kIdle;
  bool fresh_ = true;  // no byte of it was read
  bool turn_away_ = false;
  bool writing_ = false;
  bool close_after_write_ = false;
  bool refused_ = false;    // an answer that refuses input was queued: what is read from now on is thrown away
  bool last_read_ = false;  // the client wants no further request, or the server is draining
  bool input_ended_ = false;
  bool closed_ = false;
  std::atomic<bool> gone_{false};
};

}  // namespace mlnode::net
