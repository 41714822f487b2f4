// serving/remote/guard.h: guardrails of a remote model at work (spec/remote §8): local ones here and now, those of type
// "model" by asking that model. They fail closed: what cannot be judged is refused.
#pragma once

#include <string>
#include <vector>

#include "models/rules/guardrails.h"
#include "serving/remote/remote_environment.h"

namespace mlnode::serving {

// How long a model that guards may think.
inline constexpr Duration kGuardPatience = std::chrono::seconds(60);

struct GuardedText {
  std::string text;      // local: the payload that goes out, or the body that came back
  std::string question;  // model: what it is asked about; empty: accepted without asking
};

struct GuardJob {
  std::shared_ptr<const models::Guardrails> guardrails;  // null: all is accepted
  models::GuardSide side = models::GuardSide::kInput;
  std::vector<GuardedText> texts;
  Deadline deadline = Deadline::Never();
  CancelFlag cancelled;
  bool judging =
      false;  // the prediction itself is asked by a guardrail: a judge is refused, so that no two ask each other
};

// `done` once, here or on another thread: accepted, or kInvalidArgument "guardrails triggered for user input" or "...
// for LLM output", whatever the cause. Texts are judged one after the other.
void RunGuard(const RemoteEnvironment& environment, GuardJob job, UniqueFunction<void(Status)> done);

}  // namespace mlnode::serving
