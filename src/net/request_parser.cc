#include "net/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "net/http_wire.h"

namespace mlnode::net {
namespace {

namespace http = boost::beast::http;
using BeastError = boost::beast::error_code;
using BeastView = boost::beast::string_view;

std::string_view View(BeastView text) { return {text.data(), text.size()}; }

// What Beast accepts and this server does not.
class StrictFields {
 public:
  // Empty, or why the field is refused.
  std::string_view Check(http::field field, std::string_view value) {
    switch (field) {
      case http::field::content_length:
        if (++content_lengths_ > 1 || value.empty() || !std::ranges::all_of(value, IsDigit)) {
          return "Content-Length must be one decimal number, given once";
        }
        return {};
      case http::field::transfer_encoding:
        if (++transfer_encodings_ > 1 || !EqualsIgnoringCase(value, "chunked")) {
          return "Transfer-Encoding must be \"chunked\", given once";
        }
        return {};
      case http::field::host:
        return ++hosts_ > 1 ? "Host must be given once" : std::string_view();
      default:
        return {};
    }
  }
  bool has_host() const { return hosts_ > 0; }
  bool ambiguous_length() const { return content_lengths_ > 0 && transfer_encodings_ > 0; }
  bool has_transfer_encoding() const { return transfer_encodings_ > 0; }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
  int hosts_ = 0;
};

std::string_view Explain(const BeastError& error) {
  using enum http::error;
  if (error == bad_method) return "the method is malformed";
  if (error == bad_target) return "the request target is malformed";
  if (error == bad_version) return "the HTTP version is neither HTTP/1.0 nor HTTP/1.1";
  if (error == bad_field || error == bad_value) return "a header field is malformed";
  if (error == bad_line_ending) return "a line does not end with CRLF";
  if (error == bad_content_length || error == multiple_content_length)
    return "Content-Length is malformed or ambiguous";
  if (error == bad_transfer_encoding) return "Transfer-Encoding is malformed or ambiguous";
  if (error == bad_chunk || error == bad_chunk_extension) return "a chunk of the body is malformed";
  return "the request is malformed";
}

}  // namespace

class RequestParser::Grammar {
 public:
  explicit Grammar(std::size_t max_header_bytes) : max_header_bytes_(max_header_bytes) {
    beast_.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(max_header_bytes_, UINT32_MAX)));
    beast_.body_limit(boost::none);  // BodyReceiver counts, and says the limit
  }

  Step ReadHead(std::string_view input, HttpRequest& head) {
    head_ = &head;
    Step step = Put(input);
    head_ = nullptr;
    header_bytes_ += step.consumed;
    step.done = beast_.is_header_done();
    const std::size_t seen = header_bytes_ + (step.done ? 0 : input.size() - step.consumed);
    if (step.refuse == 0 && seen > max_header_bytes_) RefuseLongHeader(step);
    if (step.refuse == 0 && step.done) FinishHead(step);
    return step;
  }

  Step ReadChunked(std::string_view input, const Sink& sink) {
    sink_ = &sink;
    beast_.eager(true);
    Step step = Put(input);
    sink_ = nullptr;
    step.done = beast_.is_done();
    return step;
  }

  const RequestFrame& frame() const { return frame_; }

 private:
  class Beast final : public http::basic_parser<true> {
   public:
    explicit Beast(Grammar& grammar) : grammar_(grammar) {}

   private:
    void on_request_impl(http::verb, BeastView method, BeastView target, int version, BeastError&) override {
      grammar_.head_->method = View(method);
      grammar_.head_->target = View(target);
      grammar_.frame_.old_version = version == 10;  // 10 or 11: Beast refuses others
    }
    void on_response_impl(int, BeastView, int, BeastError&) override {}
    void on_field_impl(http::field field, BeastView name, BeastView value, BeastError& error) override {
      if (grammar_.head_ == nullptr) return;  // a trailer: read over
      const auto complaint = grammar_.fields_.Check(field, View(value));
      if (!complaint.empty()) return grammar_.Refuse(400, complaint, error);
      grammar_.head_->headers.Add(std::string(View(name)), std::string(View(value)));
    }
    void on_header_impl(BeastError&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
    std::size_t on_body_impl(BeastView, BeastError&) override { return 0; }  // sized bodies do not come through here
    void on_chunk_header_impl(std::uint64_t, BeastView, BeastError&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, BeastView piece, BeastError& error) override {
      if (!(*grammar_.sink_)(View(piece))) grammar_.Refuse(kSinkFailed, {}, error);
      return piece.size();
    }
    void on_finish_impl(BeastError&) override {}

    Grammar& grammar_;
  };

  void Refuse(int status, std::string_view message, BeastError& error) {
    refuse_ = status;
    message_ = message;
    error = http::error::bad_value;
  }

  void RefuseLongHeader(Step& step) const {
    step.refuse = 431;
    step.message = fmt::format("the request header is larger than the limit of {} bytes", max_header_bytes_);
  }

  Step Put(std::string_view input) {
    Step step;
    BeastError error;
    step.consumed = beast_.put(boost::asio::const_buffer(input.data(), input.size()), error);
    if (!error || error == http::error::need_more) return step;
    if (error == http::error::header_limit) {
      RefuseLongHeader(step);
    } else {
      step.refuse = refuse_ != 0 ? refuse_ : 400;
      step.message = refuse_ != 0 ? message_ : Explain(error);
    }
    return step;
  }

  void FinishHead(Step& step) {
    frame_.keep_alive = beast_.keep_alive();
    frame_.chunked = beast_.chunked();
    if (const auto length = beast_.content_length(); length && !frame_.chunked) frame_.content_length = *length;
    if (fields_.ambiguous_length()) {
      step.refuse = 400;
      step.message = "Content-Length and Transfer-Encoding exclude each other";
    } else if (frame_.old_version && fields_.has_transfer_encoding()) {
      step.refuse = 400;
      step.message = "HTTP/1.0 has no Transfer-Encoding";
    } else if (!frame_.old_version && !fields_.has_host()) {
      step.refuse = 400;
      step.message = "HTTP/1.1 requires a Host header";
    }
  }

  const std::size_t max_header_bytes_;
  Beast beast_{*this};
  StrictFields fields_;
  RequestFrame frame_;
  HttpRequest* head_ = nullptr;  // during ReadHead
  const Sink* sink_ = nullptr;   // during ReadChunked
  int refuse_ = 0;
  std::string_view message_;  // of constants
  std::size_t header_bytes_ = 0;
};

RequestParser::RequestParser(std::size_t max_header_bytes) : max_header_bytes_(max_header_bytes) { Reset(); }
RequestParser::~RequestParser() = default;
void RequestParser::Reset() { grammar_ = std::make_unique<Grammar>(max_header_bytes_); }
RequestParser::Step RequestParser::ReadHead(std::string_view input, HttpRequest& head) {
  return grammar_->ReadHead(input, head);
}
const RequestFrame& RequestParser::frame() const { return grammar_->frame(); }
RequestParser::Step RequestParser::ReadChunked(std::string_view input, const Sink& sink) {
  return grammar_->ReadChunked(input, sink);
}

}  // namespace mlnode::net
