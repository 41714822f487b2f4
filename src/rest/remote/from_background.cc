#include "rest/remote/from_background.h"

#include <utility>

#include "core/log.h"
#include "serving/exception_barrier.h"

namespace mlnode::rest {

void OnceAnswer::operator()(Result<net::HttpReply> reply) const {
  if (!state_->answered.exchange(true)) state_->answer(std::move(reply));
}

AsyncHandler FromBackground(deploy::NodeCore& node, BeginHandler begin) {
  return [&node, begin = std::move(begin)](std::shared_ptr<RequestContext> context, Answer answer) {
    const OnceAnswer once(std::move(answer));
    const bool posted = node.executors().background.Post([context = std::move(context), once, begin] {
      const LogRequestScope scope(context->request_id);
      Status begun = serving::StopExceptions("The request", [&] { return begin(context, once); });
      if (!begun) once(std::move(begun).error());
    });
    if (posted) return;
    Error full = MakeError(Code::kResourceExhausted, "too many requests are waiting on this node");
    full.retry_after = std::chrono::seconds(1);
    once(std::move(full));
  };
}

}  // namespace mlnode::rest
