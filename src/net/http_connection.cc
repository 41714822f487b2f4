// The writing half of a connection, its deadlines and its end. The reading half is http_connection_read.cc.
#include "net/http_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "core/log.h"
#include "net/body/gzip.h"
#include "net/http_wire.h"

namespace mlnode::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kInputRoom = 64UL * 1024;
constexpr std::size_t kAnswersAtOnce = 16;
constexpr std::size_t kWriteStep = 1024UL * 1024;  // how often a long answer shows its progress to the write deadline
// A refused client may still be sending; closing at once would take its answer away with a reset. So long it may go on.
constexpr std::chrono::milliseconds kLinger{2'000};
// Of a server that stops: a client writes its request as soon as it is connected.
constexpr std::chrono::milliseconds kFirstRequestGrace{500};

constexpr std::array<const char*, kRefusedForCount> kReasonLabels = {
    "malformed", "slow", "body_too_large", "header_too_large", "encoding", "expectation", "body_budget", "connections"};

std::string PeerName(const asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return {};
  const auto address = peer.address().to_string();
  return peer.address().is_v6() ? fmt::format("[{}]:{}", address, peer.port())
                                : fmt::format("{}:{}", address, peer.port());
}

// The answer as bytes, but for the Connection line.
void Encode(Slot& slot, HttpReply reply) {
  if (reply.status < 200 || reply.status > 599) {
    LOG_ERROR("net", "the handler answered {} {} with status {}, which is no final answer: 500 is sent",
              slot.request.method, slot.request.target, reply.status);
    reply.status = 500;
  }
  const bool head_only = slot.request.method == "HEAD";
  bool gzipped = false;
  if (!head_only && !IsBodiless(reply.status) && reply.body.size() >= slot.context->options.gzip_min_bytes &&
      AcceptsGzip(slot.request.headers) && !reply.headers.Find("Content-Encoding")) {
    auto packed = Gzip(reply.body);
    gzipped = !packed.empty() && packed.size() < reply.body.size();
    if (gzipped) reply.body = std::move(packed);
  }
  slot.head = SerializeHead(reply, reply.body.size(), gzipped);
  slot.head_bytes = slot.head.size();
  if (!head_only && !IsBodiless(reply.status)) slot.body = std::move(reply.body);
}

// Without the Connection line, which is added last.
std::size_t UnsentBytes(const Slot& slot) { return slot.head_bytes + slot.body.size() + slot.next.size(); }

}  // namespace

ServerContext::ServerContext(HttpServerOptions server_options, HttpHandler& server_handler, Metrics& metrics)
    : options(std::move(server_options)),
      handler(server_handler),
      connections(metrics.GetGauge("mlnode_http_connections", "Open client connections that are served.")),
      unsent_bytes(metrics.GetGauge("mlnode_http_unsent_bytes", "Answers in memory that clients have not taken yet.")),
      bodies(options.body_budget_bytes) {
  for (std::size_t i = 0; i < refused.size(); ++i) {
    refused[i] = &metrics.GetCounter("mlnode_http_refused_total", "Requests refused before their handler, by reason.",
                                     {{"reason", kReasonLabels[i]}});
  }
}

void ServerContext::Opened(bool refused_at_once) {
  (refused_at_once ? turned_away : admitted).fetch_add(1);
  if (!refused_at_once) connections.Add(1);
}

void ServerContext::Closed(bool refused_at_once) {
  if (!refused_at_once) connections.Add(-1);
  const std::lock_guard lock(mutex);
  (refused_at_once ? turned_away : admitted).fetch_sub(1);
  if (admitted.load() + turned_away.load() == 0) all_closed.notify_all();
}

Connection::Connection(std::shared_ptr<ServerContext> context, std::shared_ptr<IoLoop> loop,
                       asio::ip::tcp::socket socket)
    : context_(std::move(context)),
      loop_(std::move(loop)),
      socket_(std::move(socket)),
      timer_(loop_->io),
      room_(loop_->io, asio::steady_timer::time_point::max()),
      in_(std::max(kInputRoom, context_->options.max_header_bytes * 2)),
      parser_(context_->options.max_header_bytes),
      reading_(context_->options.min_progress_bytes, context_->options.read_timeout),
      writing_progress_(context_->options.min_progress_bytes, context_->options.write_timeout) {}

void Connection::Start(bool turn_away) {
  turn_away_ = turn_away;
  context_->Opened(turn_away_);
  id_ = loop_->next_id++;
  loop_->open.emplace(id_, shared_from_this());
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  peer_ = PeerName(socket_);
  if (turn_away_) {
    const auto limit = context_->options.max_connections;
    Refuse(503, fmt::format("all {} connections are taken: try again later", limit), RefusedFor::kConnections);
  }
  asio::co_spawn(loop_->io, Run(), [self = shared_from_this()](const std::exception_ptr& failure) {
    if (failure == nullptr) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      LOG_ERROR("net", "connection of {} failed: {}", self->peer_, e.what());
    }
    self->Close();
  });
}

void Connection::Deliver(std::shared_ptr<Slot> slot, HttpReply reply) {
  Encode(*slot, std::move(reply));
  // Weak: a handler left over in a loop that has ended must not keep the connection, which keeps the loop.
  asio::dispatch(loop_->io, [weak = weak_from_this(), slot = std::move(slot)] {
    if (const auto self = weak.lock()) self->OnReady(slot);
  });
}

void Connection::DeliverStream(std::shared_ptr<Slot> slot, const HttpReply& reply) {
  slot->streamed = true;
  slot->chunked = !slot->frame.old_version;
  if (!slot->chunked) slot->close = true;
  slot->head = SerializeStreamHead(reply, slot->chunked);
  slot->head_bytes = slot->head.size();
  asio::dispatch(loop_->io, [weak = weak_from_this(), slot = std::move(slot)] {
    if (const auto self = weak.lock()) self->OnReady(slot);
  });
}

void Connection::DeliverPiece(std::shared_ptr<Slot> slot, std::string coded, bool ended) {
  asio::dispatch(loop_->io, [weak = weak_from_this(), slot = std::move(slot), coded = std::move(coded), ended] {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    self->CountUnsent(static_cast<std::int64_t>(coded.size()));
    slot->next += coded;
    slot->ended = ended;
    self->Flush();
  });
}

void Connection::CutStream() {
  asio::dispatch(loop_->io, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Close();
  });
}

void Connection::Drop(std::shared_ptr<Slot> slot) {
  asio::dispatch(loop_->io, [weak = weak_from_this(), slot = std::move(slot)] {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    if (!self->gone()) {
      LOG_ERROR("net", "{} {} was dropped without an answer: 500 is sent", slot->request.method, slot->request.target);
    }
    Encode(*slot, self->context_->handler.Refusal(500, "the request was dropped without an answer"));
    self->OnReady(slot);
  });
}

void Connection::Refuse(int status, const std::string& message, RefusedFor reason) {
  context_->refused[static_cast<std::size_t>(reason)]->Add();
  RefuseWith(context_->handler.Refusal(status, message));
}

void Connection::RefuseBody(const Error& error) {
  switch (error.code) {
    case Code::kTooLarge:
      return Refuse(413, error.message, RefusedFor::kBody);
    case Code::kResourceExhausted:
      return Refuse(503, error.message, RefusedFor::kBudget);
    default:
      return Refuse(400, error.message, RefusedFor::kMalformed);
  }
}

void Connection::RefuseWith(HttpReply reply) {
  ClearReadDeadline();
  refused_ = true;
  auto slot = std::make_shared<Slot>(context_);
  Encode(*slot, std::move(reply));
  slot->close = true;
  queue_.push_back(slot);
  OnReady(slot);
}

void Connection::OnReady(const std::shared_ptr<Slot>& slot) {
  if (closed_) return;
  slot->ready = true;
  CountUnsent(static_cast<std::int64_t>(UnsentBytes(*slot)));
  Flush();
}

void Connection::CountUnsent(std::int64_t bytes) {
  unsent_bytes_ += bytes;
  context_->unsent_bytes.Add(static_cast<double>(bytes));
}

// Head and body of one answer, or what there is of it now, to what goes out next.
void Connection::AppendOut(Slot& slot, bool last_in_queue) {
  const bool whole = !slot.streamed || slot.ended;
  if (!slot.interim && !slot.head_done) {
    const bool drained = context_->draining.load() && phase_ == Phase::kIdle && last_in_queue;
    slot.close = slot.close || drained;
    slot.head += slot.close               ? "Connection: close\r\n\r\n"
                 : slot.frame.old_version ? "Connection: keep-alive\r\n\r\n"
                                          : "\r\n";
  }
  slot.head_done = true;
  close_after_write_ = whole && slot.close;
  if (slot.streamed) slot.body = std::exchange(slot.next, {});
  if (!slot.head.empty()) out_.emplace_back(slot.head.data(), slot.head.size());
  if (!slot.body.empty()) out_.emplace_back(slot.body.data(), slot.body.size());
}

// Writes the answers that are ready, head and body of several in one system call, as far as order allows: nothing goes
// out behind an answer that still comes in pieces.
void Connection::Flush() {
  if (writing_ || closed_) return;
  out_.clear();
  std::size_t answers = 0;
  for (const auto& slot : queue_) {
    if (!slot->ready || answers == kAnswersAtOnce || close_after_write_ || slot->Idle()) break;
    ++answers;
    AppendOut(*slot, answers == queue_.size());
    if (slot->streamed && !slot->ended) break;
  }
  if (answers == 0) return;
  writing_ = true;
  write_deadline_ = writing_progress_.Begin(std::chrono::steady_clock::now());
  const auto progress = [this, seen = std::size_t{0}](const boost::system::error_code& error,
                                                      std::size_t written) mutable -> std::size_t {
    if (error) return 0;
    write_deadline_ = writing_progress_.Moved(written - std::exchange(seen, written), std::chrono::steady_clock::now());
    return kWriteStep;
  };
  // A span, because async_write copies what it is given; the buffers stay in out_ until OnWritten.
  asio::async_write(socket_, std::span<const asio::const_buffer>(out_), progress,
                    [self = shared_from_this(), answers](const boost::system::error_code& error, std::size_t) {
                      self->OnWritten(error, answers);
                    });
  ArmTimer();
}

void Connection::OnWritten(const boost::system::error_code& error, std::size_t answers) {
  writing_ = false;
  write_deadline_ = Time::max();
  if (error && !closed_) Close();
  if (closed_) {
    queue_.clear();
    return;
  }
  for (; answers > 0; --answers) {
    Slot& slot = *queue_.front();
    if (slot.streamed) OnStreamWritten(slot);
    if (slot.streamed && (!slot.ended || !slot.next.empty())) break;  // more of it is to come
    CountUnsent(-static_cast<std::int64_t>(UnsentBytes(slot)));
    // It may have ended while its last piece was on its way.
    close_after_write_ = close_after_write_ || (slot.streamed && slot.close);
    queue_.pop_front();
  }
  if (close_after_write_) return AfterLastAnswer();
  room_.cancel();
  if (queue_.empty()) {
    if (input_ended_ || last_read_) return Close();
    if (phase_ == Phase::kIdle) SetReadDeadline(context_->options.idle_timeout);
  }
  Flush();
}

// What was written of an answer in pieces is forgotten.
void Connection::OnStreamWritten(Slot& slot) {
  CountUnsent(-static_cast<std::int64_t>(slot.head_bytes + slot.body.size()));
  slot.waiting.fetch_sub(slot.body.size(), std::memory_order_relaxed);
  slot.head.clear();
  slot.head_bytes = 0;
  slot.body.clear();
}

void Connection::AfterLastAnswer() {
  if (!refused_ || input_ended_) return Close();
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  phase_ = Phase::kLinger;
  room_.cancel();
  SetReadDeadline(kLinger);
}

void Connection::OnReadFailed(const boost::system::error_code& error) {
  gone_.store(true, std::memory_order_relaxed);
  input_ended_ = last_read_ = true;
  ClearReadDeadline();
  // A client that ended only its own direction still reads: what was asked is answered, then the connection closes.
  const bool answers_wanted = error == asio::error::eof && !queue_.empty();
  if (!answers_wanted) Close();
}

void Connection::BeginDrain() {
  if (phase_ != Phase::kIdle) return;
  if (fresh_) return SetReadDeadline(kFirstRequestGrace);
  last_read_ = true;
  if (queue_.empty()) Close();
}

void Connection::Close() {
  if (closed_) return;
  closed_ = true;
  gone_.store(true, std::memory_order_relaxed);
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  room_.cancel();
  CountUnsent(-unsent_bytes_);
  if (!writing_) queue_.clear();
  const auto self = shared_from_this();
  loop_->open.erase(id_);
  context_->Closed(turn_away_);
}

void Connection::SetReadDeadline(std::chrono::milliseconds from_now) {
  SetReadDeadline(std::chrono::steady_clock::now() + from_now);
}

void Connection::SetReadDeadline(Time at) {
  read_deadline_ = at;
  ArmTimer();
}

void Connection::ArmTimer() {
  const Time next = std::min(read_deadline_, write_deadline_);
  if (next >= timer_at_ || closed_) return;
  timer_at_ = next;
  timer_.expires_at(next);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->OnTimer();
  });
}

void Connection::OnTimer() {
  if (closed_) return;
  timer_at_ = Time::max();
  const Time now = std::chrono::steady_clock::now();
  if (write_deadline_ <= now) return Close();
  if (read_deadline_ <= now) OnReadTimeout();
  ArmTimer();
}

void Connection::OnReadTimeout() {
  ClearReadDeadline();
  switch (phase_) {
    case Phase::kIdle:
      if (queue_.empty()) Close();
      return;
    case Phase::kLinger:
      return Close();
    case Phase::kHead:
      return Refuse(
          408, fmt::format("the request header was not complete after {} ms", context_->options.header_timeout.count()),
          RefusedFor::kSlow);
    case Phase::kBody:
      return Refuse(408,
                    fmt::format("the request body comes too slowly: less than {} bytes in {} ms",
                                context_->options.min_progress_bytes, context_->options.read_timeout.count()),
                    RefusedFor::kSlow);
  }
}

}  // namespace mlnode::net
