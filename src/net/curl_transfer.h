// net/curl_transfer.h: one HTTP exchange of the client on a curl easy handle: its options, callbacks and outcome.
// Threads: the client's thread only.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.h"

namespace mlnode::net {

class CurlTransfer {
 public:
  using Time = std::chrono::steady_clock::time_point;

  CurlTransfer(std::uint64_t token, ClientRequest request, HttpClient::Done done)
      : token_(token), request_(std::move(request)), done_(std::move(done)) {}
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  // Makes the easy handle. kInvalidArgument for a method or header that cannot be written in HTTP.
  Status Prepare();
  CURL* easy() const { return easy_.get(); }
  std::uint64_t token() const { return token_; }
  // When the idle limit strikes; it runs from the moment the connection stands. Time::max() before.
  Time IdleDeadline() const;
  Error IdleError() const;
  // Calls done, once, with what became of it.
  void Finish(CURLcode code);
  void Fail(Error error);

 private:
  static curl_socket_t OpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int BeforeRequest(void* self, char* primary_ip, char* local_ip, int primary_port, int local_port);
  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* self);
  static int OnProgress(void* self, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up);

  std::string_view Body() const { return request_.borrowed_owner ? request_.borrowed_body : request_.body; }
  void SetLimits();
  void SetMethod();
  Status SetTls();
  void SetBlob(CURLoption option, const std::string& bytes);
  Status CheckPeer(const sockaddr* address) const;
  Status SetHeaders();
  void AddHeader(std::string_view line);
  Status TakeHeader(std::string_view line);
  Status TakeBody(std::string_view piece);
  void Touch() { last_activity_ = std::chrono::steady_clock::now(); }
  Error Explain(CURLcode code);
  static void Describe(CURLcode code, const ClientRequest& request, Error& error);

  struct EasyDeleter {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  const std::uint64_t token_;
  const ClientRequest request_;
  HttpClient::Done done_;
  ClientReply reply_;
  std::unique_ptr<curl_slist, ListDeleter> header_lines_;
  std::optional<Error> failure_;  // why a callback stopped the transfer
  std::optional<Error> guarded_;  // the last address that was refused; counts when no other was reached
  std::size_t body_bytes_ = 0;
  std::size_t header_bytes_ = 0;
  curl_off_t moved_ = 0;
  bool connected_ = false;   // the request, or a copy of it, went out
  bool unanswered_ = false;  // one went out whose answer has not begun
  bool answered_ = false;    // on_answer was called
  Time last_activity_{};
  std::unique_ptr<CURL, EasyDeleter> easy_;  // last: goes first, while what it points to is there
};

}  // namespace mlnode::net
