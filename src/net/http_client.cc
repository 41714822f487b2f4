#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/guarded.h"
#include "core/log.h"
#include "net/curl_transfer.h"

namespace mlnode::net {
namespace {

constexpr std::chrono::milliseconds kLongestPoll{1'000};  // curl asks for less when it has something to time

Error Cancelled(const char* why) { return MakeError(Code::kCancelled, why); }

class CurlClient final : public HttpClient {
 public:
  CurlClient() {
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    multi_ = global == CURLE_OK ? curl_multi_init() : nullptr;
    if (multi_ == nullptr) {
      LOG_ERROR("net", "the HTTP client cannot start: {}", curl_easy_strerror(global));
      std::abort();
    }
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    // By default curl keeps four for each request under way, so that a burst's connections go as the burst does.
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kKeptConnections));
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "net-client");
  }
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;

  ~CurlClient() override {
    CurlClient::Stop();
    curl_multi_cleanup(multi_);
  }

  void Stop() override {
    if (!thread_.joinable()) return;
    inbox_.Lock()->stopping = true;
    curl_multi_wakeup(multi_);
    thread_.join();
  }

  std::uint64_t Send(ClientRequest request, Done done) override {
    const std::uint64_t token = next_token_.fetch_add(1);
    auto transfer = std::make_unique<CurlTransfer>(token, std::move(request), std::move(done));
    if (Enqueue(transfer)) {
      // A callback's request waits for no poll: the loop looks into the inbox before.
      if (std::this_thread::get_id() != thread_.get_id()) curl_multi_wakeup(multi_);
    } else {
      transfer->Fail(Cancelled("the HTTP client is stopping"));
    }
    return token;
  }

  void Cancel(std::uint64_t token) override {
    inbox_.Lock()->cancelled.push_back(token);
    curl_multi_wakeup(multi_);
  }

 private:
  using Time = CurlTransfer::Time;
  struct Inbox {
    std::vector<std::unique_ptr<CurlTransfer>> added;
    std::vector<std::uint64_t> cancelled;
    bool stopping = false;
  };

  bool Enqueue(std::unique_ptr<CurlTransfer>& transfer) {
    const auto inbox = inbox_.Lock();
    if (inbox->stopping) return false;
    inbox->added.push_back(std::move(transfer));
    return true;
  }

  bool HasMail() {
    const auto inbox = inbox_.Lock();
    return !inbox->added.empty() || !inbox->cancelled.empty() || inbox->stopping;
  }

  void Run() {
    for (;;) {
      Inbox inbox;
      {
        const auto locked = inbox_.Lock();
        inbox.added.swap(locked->added);
        inbox.cancelled.swap(locked->cancelled);
        inbox.stopping = locked->stopping;
      }
      for (auto& transfer : inbox.added) Begin(std::move(transfer));
      for (const auto token : inbox.cancelled) End(token, Cancelled("the HTTP request was cancelled"));
      if (inbox.stopping) break;
      int running = 0;
      curl_multi_perform(multi_, &running);
      FinishCompleted();
      const auto wait = FailIdle();
      if (HasMail()) continue;
      curl_multi_poll(multi_, nullptr, 0, static_cast<int>(wait.count()), nullptr);
    }
    while (!running_.empty()) End(running_.begin()->first, Cancelled("the HTTP client is stopping"));
  }

  void Begin(std::unique_ptr<CurlTransfer> transfer) {
    if (auto ready = transfer->Prepare(); !ready) return transfer->Fail(std::move(ready).error());
    if (curl_multi_add_handle(multi_, transfer->easy()) != CURLM_OK) {
      return transfer->Fail(MakeError(Code::kResourceExhausted, "the HTTP client takes no further request"));
    }
    const auto token = transfer->token();
    running_.emplace(token, std::move(transfer));
  }

  std::unique_ptr<CurlTransfer> Remove(std::uint64_t token) {
    const auto found = running_.find(token);
    if (found == running_.end()) return nullptr;
    auto transfer = std::move(found->second);
    running_.erase(found);
    curl_multi_remove_handle(multi_, transfer->easy());
    return transfer;
  }

  void End(std::uint64_t token, Error error) {
    if (auto transfer = Remove(token)) transfer->Fail(std::move(error));
  }

  void FinishCompleted() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;  // before the handle is removed, which frees the message
      char* owner = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
      const auto token = reinterpret_cast<CurlTransfer*>(owner)->token();
      if (auto transfer = Remove(token)) transfer->Finish(code);
    }
  }

  // Ends the transfers that were idle for too long; how long none will be.
  std::chrono::milliseconds FailIdle() {
    const Time now = std::chrono::steady_clock::now();
    Time next = now + kLongestPoll;
    std::vector<std::uint64_t> idle;
    for (const auto& [token, transfer] : running_) {
      const Time deadline = transfer->IdleDeadline();
      if (deadline <= now) idle.push_back(token);
      next = std::min(next, deadline);
    }
    for (const auto token : idle) End(token, running_.at(token)->IdleError());
    return std::max(std::chrono::milliseconds::zero(), std::chrono::ceil<std::chrono::milliseconds>(next - now));
  }

  CURLM* multi_ = nullptr;
  std::atomic<std::uint64_t> next_token_{1};
  Guarded<Inbox> inbox_;
  std::unordered_map<std::uint64_t, std::unique_ptr<CurlTransfer>> running_;  // client's thread only
  std::thread thread_;
};

}  // namespace

std::unique_ptr<HttpClient> HttpClient::Create() { return std::make_unique<CurlClient>(); }

Result<ClientReply> HttpClient::Call(ClientRequest request, const std::function<Status()>& keep_going) {
  std::promise<Result<ClientReply>> answered;
  auto answer = answered.get_future();
  const std::uint64_t token =
      Send(std::move(request), [&answered](Result<ClientReply> reply) { answered.set_value(std::move(reply)); });
  while (keep_going && answer.wait_for(kAskEvery) != std::future_status::ready) {
    if (Status going = keep_going(); !going) {
      Cancel(token);
      answer.wait();  // what the request refers to may be in use until then; the client's thread answers at once
      return std::move(going).error();
    }
  }
  return answer.get();
}

}  // namespace mlnode::net
