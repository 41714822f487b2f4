// rest/remote/from_background.h: handlers that begin on `background`, where they may block on the store, and answer
// later, when a provider or a deploy has. Threads: called on an io thread or `cpu`.
#pragma once

#include <functional>
#include <memory>

#include "deploy/node_core.h"
#include "rest/route_table.h"

namespace mlnode::rest {

// Answers once, whoever comes first; for work that may end in several ways. Any thread.
class OnceAnswer {
 public:
  explicit OnceAnswer(Answer answer) : state_(std::make_shared<State>(std::move(answer))) {}
  void operator()(Result<net::HttpReply> reply) const;

 private:
  struct State {
    explicit State(Answer a) : answer(std::move(a)) {}
    Answer answer;
    std::atomic<bool> answered{false};
  };
  std::shared_ptr<State> state_;
};

// `begin` returns an error, which is the answer, or has seen to it that `answer` is called. What it throws is an error.
using BeginHandler = std::function<Status(const std::shared_ptr<RequestContext>& context, const OnceAnswer& answer)>;
AsyncHandler FromBackground(deploy::NodeCore& node, BeginHandler begin);

}  // namespace mlnode::rest
