// The reading half of a connection: one coroutine, from the first byte of a request to its handler.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/log.h"
#include "net/http_connection.h"
#include "net/http_exchange.h"
#include "net/http_wire.h"

namespace mlnode::net {
namespace {

namespace asio = boost::asio;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kHeadRoom = 8UL * 1024;
constexpr std::size_t kChunkRoom = 64UL * 1024;

bool IsGzip(std::string_view coding) {
  return EqualsIgnoringCase(coding, "gzip") || EqualsIgnoringCase(coding, "x-gzip");
}

}  // namespace

asio::awaitable<void> Connection::Run() {
  while (Reading()) {
    if (!HasRoomForAnother()) {
      co_await room_.async_wait(kAwait);
      continue;
    }
    auto slot = std::make_shared<Slot>(context_);
    if (!co_await ReadHead(slot) || !Admit(slot)) continue;
    if (slot->frame.HasBody() && !co_await ReadBody(slot)) continue;
    if (Reading()) Dispatch(slot);
  }
  co_await Discard();
}

bool Connection::HasRoomForAnother() const {
  const HttpServerOptions& options = context_->options;
  if (queue_.empty()) return true;
  return queue_.size() < options.max_pipelined && unsent_bytes_ <= static_cast<std::int64_t>(options.max_unsent_bytes);
}

// False when there is no request to go on with: then Reading() says whether to try the next.
asio::awaitable<bool> Connection::ReadHead(std::shared_ptr<Slot> slot) {
  phase_ = Phase::kIdle;
  parser_.Reset();
  if (in_.empty()) {
    in_.Shrink(kHeadRoom);
    if (queue_.empty()) SetReadDeadline(context_->options.idle_timeout);
  }
  if (context_->draining.load()) BeginDrain();
  while (Reading()) {
    // An empty line before a request is a leftover of the one before (RFC 9112 §2.2).
    while (phase_ == Phase::kIdle && in_.view().starts_with("\r\n")) in_.Consume(2);
    if (!in_.empty()) {
      const bool first = phase_ == Phase::kIdle;
      phase_ = Phase::kHead;
      if (ParseHead(*slot)) co_return true;
      if (!Reading()) break;
      if (first) SetReadDeadline(context_->options.header_timeout);
    }
    const std::size_t bytes = co_await Read(in_.Prepare(kHeadRoom));
    in_.Commit(bytes);
    fresh_ = false;
  }
  co_return false;
}

bool Connection::ParseHead(Slot& slot) {
  const auto step = parser_.ReadHead(in_.view(), slot.request);
  in_.Consume(step.consumed);
  if (step.refuse != 0) {
    Refuse(step.refuse, step.message, step.refuse == 431 ? RefusedFor::kHeader : RefusedFor::kMalformed);
    return false;
  }
  if (!step.done) return false;
  ClearReadDeadline();
  slot.frame = parser_.frame();
  slot.request.peer = peer_;
  slot.request.received = std::chrono::steady_clock::now();
  return true;
}

// False when the request was refused, or answered by its head alone.
bool Connection::Admit(const std::shared_ptr<Slot>& slot) {
  if (const auto expect = slot->request.headers.Find("Expect");
      expect && !EqualsIgnoringCase(*expect, "100-continue")) {
    Refuse(417, fmt::format("Expect: {} is not known here, only 100-continue", *expect), RefusedFor::kExpectation);
    return false;
  }
  if (auto refusal = context_->handler.CheckHead(slot->request)) {
    if (slot->frame.HasBody()) {
      RefuseWith(*std::move(refusal));
      return false;
    }
    slot->close = !slot->frame.keep_alive || context_->draining.load();
    last_read_ = slot->close;
    phase_ = Phase::kIdle;
    queue_.push_back(slot);
    Deliver(slot, *std::move(refusal));
    return false;
  }
  return !slot->frame.HasBody() || AdmitBody(*slot);
}

bool Connection::AdmitBody(const Slot& slot) {
  const auto coding = slot.request.headers.Find("Content-Encoding");
  if (coding && !IsGzip(*coding) && !EqualsIgnoringCase(*coding, "identity")) {
    Refuse(415, fmt::format("Content-Encoding: {} is not known here, only gzip", *coding), RefusedFor::kEncoding);
    return false;
  }
  const std::uint64_t announced = slot.frame.content_length.value_or(0);
  if (announced > context_->options.max_body_bytes) {
    Refuse(413,
           fmt::format("request body of {} bytes is larger than the limit of {} bytes", announced,
                       context_->options.max_body_bytes),
           RefusedFor::kBody);
    return false;
  }
  if (!context_->bodies.HasRoomFor(announced)) {
    Refuse(503,
           fmt::format("request bodies in progress hold {} of {} bytes: try again later", context_->bodies.used(),
                       context_->bodies.limit()),
           RefusedFor::kBudget);
    return false;
  }
  return true;
}

asio::awaitable<bool> Connection::ReadBody(std::shared_ptr<Slot> slot) {
  phase_ = Phase::kBody;
  if (!co_await SendContinue(slot)) co_return false;
  const auto coding = slot->request.headers.Find("Content-Encoding");
  const BodyReceiver::Limits limits{context_->options.max_body_bytes, context_->options.max_gzip_ratio};
  auto receiver = std::make_shared<BodyReceiver>(slot->request.body, slot->hold, limits, coding && IsGzip(*coding),
                                                 slot->frame.content_length);
  SetReadDeadline(reading_.Begin(std::chrono::steady_clock::now()));
  const bool complete = slot->frame.chunked ? co_await ReadChunked(receiver)
                                            : co_await ReadSized(receiver, slot->frame.content_length.value_or(0));
  ClearReadDeadline();
  if (!complete) co_return false;
  if (auto finished = receiver->Finish(); !finished) {
    RefuseBody(finished.error());
    co_return false;
  }
  co_return true;
}

// 100 (Continue) has its place in the order of answers too, so it waits for those before it.
asio::awaitable<bool> Connection::SendContinue(std::shared_ptr<Slot> slot) {
  if (slot->frame.old_version || !in_.empty() || !slot->request.headers.Find("Expect")) co_return true;
  auto interim = std::make_shared<Slot>(context_);
  interim->interim = interim->ready = true;
  interim->head = "HTTP/1.1 100 Continue\r\n\r\n";
  queue_.push_back(interim);
  Flush();
  while (!queue_.empty() && Reading()) co_await room_.async_wait(kAwait);
  co_return Reading();
}

asio::awaitable<bool> Connection::ReadChunked(std::shared_ptr<BodyReceiver> receiver) {
  Status stored;
  const RequestParser::Sink sink = [&stored, &receiver](std::string_view piece) {
    stored = receiver->Append(piece);
    return stored;
  };
  for (;;) {
    const auto step = parser_.ReadChunked(in_.view(), sink);
    in_.Consume(step.consumed);
    if (!stored) {
      RefuseBody(stored.error());
      co_return false;
    }
    if (step.refuse != 0) {
      Refuse(step.refuse, step.message, RefusedFor::kMalformed);
      co_return false;
    }
    if (step.done) co_return true;
    const auto room = in_.Prepare(kChunkRoom);
    if (room.empty()) {
      Refuse(400, fmt::format("a chunk's head or the trailer is larger than {} bytes", in_.view().size()),
             RefusedFor::kMalformed);
      co_return false;
    }
    const std::size_t bytes = co_await Read(room);
    if (bytes == 0) co_return false;
    BodyMoved(bytes);
    in_.Commit(bytes);
  }
}

asio::awaitable<bool> Connection::ReadSized(std::shared_ptr<BodyReceiver> receiver, std::uint64_t bytes) {
  const bool direct = receiver->plain();
  while (bytes > 0) {
    if (!in_.empty()) {
      const auto piece = in_.view().substr(0, std::min<std::uint64_t>(bytes, in_.view().size()));
      if (auto stored = receiver->Append(piece); !stored) {
        RefuseBody(stored.error());
        co_return false;
      }
      bytes -= piece.size();
      in_.Consume(piece.size());
      continue;
    }
    if (!direct) {
      const std::size_t got = co_await Read(in_.Prepare(kChunkRoom));
      if (got == 0) co_return false;
      BodyMoved(got);
      in_.Commit(got);
      continue;
    }
    auto room = receiver->Prepare(bytes);
    if (!room) {
      RefuseBody(room.error());
      co_return false;
    }
    const std::size_t got = co_await Read(*room);
    if (got == 0) co_return false;
    BodyMoved(got);
    receiver->Commit(got);
    bytes -= got;
  }
  co_return true;
}

void Connection::BodyMoved(std::size_t bytes) {
  SetReadDeadline(reading_.Moved(bytes, std::chrono::steady_clock::now()));
}

// 0 when nothing more is to be read: the client left, or a deadline has refused the request meanwhile.
asio::awaitable<std::size_t> Connection::Read(std::span<char> into) {
  const auto [error, bytes] = co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), kAwait);
  if (closed_) co_return 0;
  if (error) {
    OnReadFailed(error);
    co_return 0;
  }
  co_return Reading() ? bytes : 0;
}

// What comes after the last request is read and thrown away: so the end of the connection is noticed, and the client
// gets to read the answer although it is still sending.
asio::awaitable<void> Connection::Discard() {
  std::array<char, 4096> waste;
  while (!closed_ && !input_ended_) {
    const auto [error, bytes] = co_await socket_.async_read_some(asio::buffer(waste), kAwait);
    if (error && !closed_) OnReadFailed(error);
  }
}

void Connection::Dispatch(const std::shared_ptr<Slot>& slot) {
  slot->request.body_received = std::chrono::steady_clock::now();
  slot->close = !slot->frame.keep_alive || context_->draining.load();
  last_read_ = slot->close;
  phase_ = Phase::kIdle;
  queue_.push_back(slot);
  auto exchange = std::make_shared<ConnectionExchange>(shared_from_this(), slot);
  try {
    context_->handler.Handle(std::move(exchange));
  } catch (const std::exception& e) {
    LOG_ERROR("net", "the handler of {} {} failed: {}", slot->request.method, slot->request.target, e.what());
  }
}

}  // namespace mlnode::net
