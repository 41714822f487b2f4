// connectors/testing/remote_caller_fixture.h: a RemoteCaller on virtual time, against an HTTP client whose answers the
// test gives.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "connectors/transport/remote_caller.h"
#include "core/testing/manual_executor.h"

namespace mlnode::connectors {

class AnsweringClient final : public net::HttpClient {
 public:
  std::uint64_t Send(net::ClientRequest request, Done done) override {
    sent.push_back(std::move(request));
    open.emplace(sent.size(), std::move(done));
    return sent.size();
  }
  void Cancel(std::uint64_t token) override {
    if (open.contains(token)) Answer(token, MakeError(Code::kCancelled, "cancelled"));
  }
  // Answers the request of this number, from 1.
  void Answer(std::uint64_t token, Result<net::ClientReply> reply) {
    Done done = std::move(open.at(token));
    open.erase(token);
    done(std::move(reply));
  }
  void AnswerLast(int status, const std::string& header = {}, const std::string& value = {}) {
    net::ClientReply reply;
    reply.status = status;
    if (!header.empty()) reply.headers.Add(header, value);
    Answer(sent.size(), std::move(reply));
  }

  std::vector<net::ClientRequest> sent;
  std::map<std::uint64_t, Done> open;
};

class AllButEvil final : public EndpointRules {
 public:
  Status CheckUrl(std::string_view url) const override {
    if (url.find("evil") == std::string_view::npos) return {};
    return MakeError(Code::kInvalidArgument, "Connector URL is not matching the trusted connector endpoint regex");
  }
  void Guard(net::ClientRequest& request) const override { request.addresses = net::AddressPolicy::kAny; }
};

class RemoteCallerFixture : public ::testing::Test {
 protected:
  RemoteCallerFixture() { options_.config.max_connection = 2; }

  static OutgoingRequest Request(const std::string& url = "https://api.example.com/v1") {
    OutgoingRequest request;
    request.method = "POST";
    request.url = url;
    request.body = "{}";
    return request;
  }
  std::size_t Send(OutgoingRequest request = Request()) {
    const std::size_t index = answers_.size();
    answers_.emplace_back();
    caller_->Send(std::move(request), options_,
                  [this, index](Result<net::ClientReply> reply) { answers_[index].push_back(std::move(reply)); });
    return index;
  }
  // "" while there is none, the status or the error's code; never two.
  std::string Answer(std::size_t index) const {
    const auto& answers = answers_[index];
    if (answers.empty()) return {};
    if (answers.size() > 1) return "answered twice";
    return answers[0] ? std::to_string(answers[0]->status) : std::string(CodeName(answers[0].error().code));
  }
  const Error& ErrorOf(std::size_t index) const { return answers_[index].front().error(); }
  void FailConnections(int times) {
    for (int i = 0; i < times; ++i) {
      Send();
      client_.Answer(client_.sent.size(), MakeError(Code::kUnavailable, "the remote server cannot be reached"));
    }
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  mlnode::testing::SeededRandom random_{7};
  Metrics metrics_;
  AnsweringClient client_;
  CallOptions options_{.pool = "c1"};
  std::vector<std::vector<Result<net::ClientReply>>> answers_;
  std::unique_ptr<RemoteCaller> caller_ = RemoteCaller::Create({client_, executor_, clock_, random_, metrics_});
};

}  // namespace mlnode::connectors
