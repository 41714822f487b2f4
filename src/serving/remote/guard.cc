#include "serving/remote/guard.h"

#include <algorithm>
#include <utility>

namespace mlnode::serving {
namespace {

using models::GuardSide;

Error Triggered(GuardSide side) {
  return MakeError(Code::kInvalidArgument, side == GuardSide::kInput ? "guardrails triggered for user input"
                                                                     : "guardrails triggered for LLM output");
}

// The judge's answer as the rule reads it: the JSON text of dataAsMap.response.
std::string JudgedText(const PredictResult& result) {
  if (result.documents.empty() || result.documents.front().empty()) return {};
  const auto map = ParseJson(result.documents.front().front().data_as_map);
  const json::object* fields = map ? map->if_object() : nullptr;
  const json::value* response = fields == nullptr ? nullptr : fields->if_contains("response");
  return response == nullptr ? std::string() : ToJson(*response);
}

// One guard at work; kept alive by whoever runs its next step.
class GuardRun : public std::enable_shared_from_this<GuardRun> {
 public:
  GuardRun(const RemoteEnvironment& environment, GuardJob job, UniqueFunction<void(Status)> done)
      : environment_(environment), job_(std::move(job)), done_(std::move(done)) {}

  void Next() {
    const models::Guardrails::Judge* judge = job_.guardrails->JudgeOf(job_.side);
    for (; at_ < job_.texts.size(); ++at_) {
      if (job_.guardrails->Blocks(job_.side, job_.texts[at_].text)) return done_(Triggered(job_.side));
      if (judge == nullptr || job_.texts[at_].question.empty()) continue;
      return Ask(*judge);
    }
    done_({});
  }

 private:
  void Ask(const models::Guardrails::Judge& judge) {
    if (!environment_.ask || job_.judging) return done_(Triggered(job_.side));
    json::object parameters{{"question", std::move(job_.texts[at_].question)}};
    if (!judge.response_filter.empty()) parameters["response_filter"] = judge.response_filter;
    const Deadline deadline(std::min(job_.deadline.at(), environment_.clock.Now() + kGuardPatience));
    environment_.ask(judge.model, std::move(parameters), deadline, job_.cancelled,
                     [self = shared_from_this()](const Result<PredictResult>& result) { self->Judged(result); });
  }

  void Judged(const Result<PredictResult>& result) {
    if (!result || !job_.guardrails->Accepts(job_.side, JudgedText(*result))) return done_(Triggered(job_.side));
    ++at_;
    Next();
  }

  const RemoteEnvironment& environment_;
  GuardJob job_;
  UniqueFunction<void(Status)> done_;
  std::size_t at_ = 0;
};

}  // namespace

void RunGuard(const RemoteEnvironment& environment, GuardJob job, UniqueFunction<void(Status)> done) {
  if (!job.guardrails) return done({});
  std::make_shared<GuardRun>(environment, std::move(job), std::move(done))->Next();
}

}  // namespace mlnode::serving
