#include "connectors/testing/provider_session.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <utility>

#include "net/http_wire.h"

namespace mlnode::connectors {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kMaxRequest = 64UL * 1024 * 1024;
constexpr std::size_t kHugePiece = 256UL * 1024;

ReceivedRequest ParseHead(std::string_view head) {
  ReceivedRequest request;
  const auto line = head.substr(0, head.find("\r\n"));
  head.remove_prefix(line.size() + 2);
  const auto space = line.find(' ');
  const auto second = line.rfind(' ');
  request.method = std::string(line.substr(0, space));
  if (second > space) request.target = std::string(line.substr(space + 1, second - space - 1));
  while (head.size() > 2) {
    const auto field = head.substr(0, head.find("\r\n"));
    head.remove_prefix(field.size() + 2);
    const auto colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    auto value = field.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    request.headers.Add(std::string(field.substr(0, colon)), std::string(value));
  }
  return request;
}

std::size_t ContentLength(const net::Headers& headers) {
  const auto text = headers.Find("Content-Length").value_or("0");
  std::size_t length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  return length;
}

std::string Chunk(std::string_view bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

std::string Head(int status, std::string_view content_type, std::string_view fields, std::string_view framing) {
  return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{}{}\r\n\r\n", status, net::ReasonPhrase(status),
                     content_type, fields, framing);
}

std::string ErrorBody(std::string_view message) { return fmt::format(R"({{"error":{{"message":"{}"}}}})", message); }

}  // namespace

ProviderSession::~ProviderSession() {
  if (busy_) host_->Answered();
}

void ProviderSession::ReadNext() {
  asio::async_read_until(socket_, asio::dynamic_buffer(in_, kMaxRequest), "\r\n\r\n",
                         [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
                           if (!error) self->ReadBody(bytes);
                         });
}

void ProviderSession::ReadBody(std::size_t head_bytes) {
  request_ = ParseHead(std::string_view(in_).substr(0, head_bytes));
  in_.erase(0, head_bytes);
  const std::size_t length = ContentLength(request_.headers);
  if (length > kMaxRequest) return Close();
  const std::size_t missing = length - std::min(length, in_.size());
  asio::async_read(socket_, asio::dynamic_buffer(in_, kMaxRequest), asio::transfer_exactly(missing),
                   [self = shared_from_this(), length](const ErrorCode& error, std::size_t) {
                     if (error) return;
                     self->request_.body = self->in_.substr(0, length);
                     self->in_.erase(0, length);
                     self->Handle();
                   });
}

void ProviderSession::Handle() {
  busy_ = true;
  fault_ = host_->Receive(request_);
  After(fault_ == Fault::kSlow ? host_->options().slow : host_->options().delay, &ProviderSession::Act);
}

void ProviderSession::After(std::chrono::milliseconds delay, void (ProviderSession::*step)()) {
  if (delay.count() == 0) return ((*this).*step)();
  timer_.expires_after(delay);
  timer_.async_wait([self = shared_from_this(), step](const ErrorCode& error) {
    if (!error) ((*self).*step)();
  });
}

void ProviderSession::Act() {
  constexpr std::string_view kJson = "application/json";
  const auto& options = host_->options();
  switch (fault_) {
    case Fault::kNone:
    case Fault::kSlow:
    case Fault::kCutWithinBody:
      return ReplyWith(
          AnswerAsProvider(std::string_view(request_.target).substr(0, request_.target.find('?')), request_.body));
    case Fault::kTooMany:
      return Reply(429, kJson, fmt::format("Retry-After: {}\r\n", options.retry_after),
                   ErrorBody("rate limit reached"));
    case Fault::kServerError:
      return Reply(500, kJson, {}, ErrorBody("internal error"));
    case Fault::kUnavailable:
      return Reply(503, kJson, {}, ErrorBody("overloaded"));
    case Fault::kThrottled:
      return Reply(400, kJson, "x-amzn-ErrorType: ThrottlingException:http://internal.amazon.com/coral/\r\n",
                   R"({"message":"Too many requests"})");
    case Fault::kUnauthorized:
      return Reply(401, kJson, {}, ErrorBody("Incorrect API key provided"));
    case Fault::kBadJson:
      return Reply(200, kJson, {}, R"({"data":[{"embedding":[0.1,)");
    case Fault::kEmpty:
      return Reply(200, kJson, {}, {});
    case Fault::kRedirect:
      return Reply(302, kJson, fmt::format("Location: {}\r\n", options.redirect_to), {});
    case Fault::kHuge:
      huge_left_ = options.huge_bytes;
      out_.push_back(Head(200, kJson, {}, "Transfer-Encoding: chunked") + Chunk("["));
      return SendHuge();
    case Fault::kCut:
      return Close();
    case Fault::kSilent:
      break;
  }
  // Silent: one byte more, or the end, releases the connection.
  asio::async_read(socket_, asio::dynamic_buffer(in_, kMaxRequest), asio::transfer_at_least(1),
                   [self = shared_from_this()](const ErrorCode&, std::size_t) { self->Close(); });
}

void ProviderSession::Reply(int status, std::string_view content_type, std::string_view fields, std::string body) {
  out_.push_back(Head(status, content_type, fields, fmt::format("Content-Length: {}", body.size())) + body);
  SendPieces();
}

void ProviderSession::ReplyWith(ProviderAnswer answer) {
  if (fault_ == Fault::kCutWithinBody) {
    const std::string& whole = answer.pieces.front();
    close_after_ = true;
    out_.push_back(Head(answer.status, answer.content_type, {}, fmt::format("Content-Length: {}", whole.size())) +
                   whole.substr(0, whole.size() / 2));
    return SendPieces();
  }
  if (answer.pieces.size() == 1) return Reply(answer.status, answer.content_type, {}, std::move(answer.pieces.front()));
  out_.push_back(Head(answer.status, answer.content_type, {}, "Transfer-Encoding: chunked"));
  for (const auto& piece : answer.pieces) out_.push_back(Chunk(piece));
  out_.back() += "0\r\n\r\n";
  SendPieces();
}

void ProviderSession::SendHuge() {
  if (out_.empty()) {
    if (huge_left_ == 0) return Close();
    const std::size_t piece = std::min(huge_left_, kHugePiece);
    huge_left_ -= piece;
    out_.push_back(Chunk(std::string(piece, ' ')));
  }
  asio::async_write(socket_, asio::buffer(out_.front()),
                    [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                      if (error) return self->Close();
                      self->out_.pop_front();
                      self->SendHuge();
                    });
}

void ProviderSession::SendPieces() {
  asio::async_write(socket_, asio::buffer(out_.front()),
                    [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                      if (error) return self->Close();
                      self->out_.pop_front();
                      if (!self->out_.empty())
                        return self->After(self->host_->options().stream_gap, &ProviderSession::SendPieces);
                      if (std::exchange(self->close_after_, false)) return self->Close();
                      self->busy_ = false;
                      self->host_->Answered();
                      self->ReadNext();
                    });
}

void ProviderSession::Close() {
  ErrorCode ignored;
  socket_.close(ignored);
}

}  // namespace mlnode::connectors
