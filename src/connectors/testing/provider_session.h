// connectors/testing/provider_session.h: one connection of a ProviderDouble. Threads: the double's.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>

#include "connectors/testing/provider_answers.h"
#include "connectors/testing/provider_double.h"

namespace mlnode::connectors {

// What the sessions of one double share.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  virtual const ProviderDouble::Options& options() const = 0;
  // Remembers the request; the fault that it meets, its target without the prefix that asks for one.
  virtual Fault Receive(ReceivedRequest& request) = 0;
  virtual void Answered() = 0;
};

class ProviderSession : public std::enable_shared_from_this<ProviderSession> {
 public:
  ProviderSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<SessionHost> host)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), host_(std::move(host)) {}
  ProviderSession(const ProviderSession&) = delete;
  ProviderSession& operator=(const ProviderSession&) = delete;
  ~ProviderSession();
  void ReadNext();

 private:
  void ReadBody(std::size_t head_bytes);
  void Handle();
  void After(std::chrono::milliseconds delay, void (ProviderSession::*step)());
  void Act();
  void Reply(int status, std::string_view content_type, std::string_view fields, std::string body);
  void ReplyWith(ProviderAnswer answer);
  void SendHuge();
  void SendPieces();
  void Close();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  const std::shared_ptr<SessionHost> host_;
  std::string in_;
  ReceivedRequest request_;
  Fault fault_ = Fault::kNone;
  bool busy_ = false;
  std::deque<std::string> out_;  // pieces still to be written
  bool close_after_ = false;
  std::size_t huge_left_ = 0;
};

}  // namespace mlnode::connectors
