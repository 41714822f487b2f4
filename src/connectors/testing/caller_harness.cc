#include "connectors/testing/caller_harness.h"

#include <filesystem>
#include <future>
#include <iterator>

namespace mlnode::connectors {

OutgoingRequest CallerHarness::PostRequest(const std::string& url, const std::string& body) {
  OutgoingRequest request;
  request.method = "POST";
  request.url = url;
  request.body = body;
  request.headers.Add("Content-Type", "application/json");
  return request;
}

Result<net::ClientReply> CallerHarness::Call(OutgoingRequest request) {
  auto answered = std::make_shared<std::promise<Result<net::ClientReply>>>();
  auto answer = answered->get_future();
  caller->Send(std::move(request), options,
               [answered](Result<net::ClientReply> reply) { answered->set_value(std::move(reply)); });
  if (answer.wait_for(kPatience) != std::future_status::ready) {
    return MakeError(Code::kDeadlineExceeded, "the test's patience");
  }
  return answer.get();
}

Result<net::ClientReply> CallerHarness::Post(const std::string& url, const std::string& body) {
  return Call(PostRequest(url, body));
}

std::size_t OpenDescriptors() {
  const std::filesystem::directory_iterator folder("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

}  // namespace mlnode::connectors
