#include "models/action_stats.h"

#include <algorithm>

namespace mlnode::models {
namespace {

constexpr std::array<std::string_view, kActionCount> kNames = {"register", "deploy", "undeploy", "predict"};

}  // namespace

std::string_view ActionName(Action action) { return kNames[static_cast<std::size_t>(action)]; }

bool IsNodeFailure(const Error& error) {
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kConflict:
    case Code::kTooLarge:
    case Code::kResourceExhausted:
    case Code::kCancelled:
      return false;
    case Code::kFailedPrecondition:  // a deploy of a model whose chunks are not all here
    case Code::kDeadlineExceeded:
    case Code::kUnavailable:
    case Code::kUpstream:
    case Code::kUnimplemented:
    case Code::kDataLoss:
    case Code::kInternal:
      break;
  }
  return true;
}

ActionCounts AtomicActionCounts::Read() const {
  ActionCounts counts;
  for (std::size_t i = 0; i < kActionCount; ++i) {
    counts[i] = {.requests = counts_[i].requests.load(std::memory_order_relaxed),
                 .failures = counts_[i].failures.load(std::memory_order_relaxed)};
  }
  return counts;
}

void ModelActions::Request(Action action) {
  function_.AddRequest(action);
  own_.AddRequest(action);
}

void ModelActions::Failure(Action action, const Error& error) {
  if (!IsNodeFailure(error)) return;
  function_.AddFailure(action);
  if (action == Action::kPredict) own_.AddFailure(action);
}

std::shared_ptr<ModelActions> ActionStats::Of(const ModelId& model, FunctionName function) {
  const auto models = models_.Lock();
  const auto found = models->find(model);
  if (found != models->end()) return found->second;
  if (models->size() >= kMaxModels) {
    const auto idle = std::ranges::find_if(*models, [](const auto& entry) { return entry.second.use_count() == 1; });
    if (idle != models->end()) models->erase(idle);
  }
  auto made = std::make_shared<ModelActions>(functions_[static_cast<std::size_t>(function)]);
  models->emplace(model, made);
  return made;
}

void ActionStats::Request(Action action, FunctionName function) {
  functions_[static_cast<std::size_t>(function)].AddRequest(action);
}

void ActionStats::Failure(Action action, FunctionName function, const Error& error) {
  if (IsNodeFailure(error)) functions_[static_cast<std::size_t>(function)].AddFailure(action);
}

ActionCounts ActionStats::OfFunction(FunctionName function) const {
  return functions_[static_cast<std::size_t>(function)].Read();
}

ActionCounts ActionStats::Total() const {
  ActionCounts total;
  for (const AtomicActionCounts& function : functions_) {
    const ActionCounts counts = function.Read();
    for (std::size_t i = 0; i < kActionCount; ++i) {
      total[i].requests += counts[i].requests;
      total[i].failures += counts[i].failures;
    }
  }
  return total;
}

std::map<ModelId, ActionCounts> ActionStats::Models() const {
  std::map<ModelId, ActionCounts> counts;
  const auto models = models_.Lock();
  for (const auto& [model, actions] : *models) counts.emplace(model, actions->Read());
  return counts;
}

}  // namespace mlnode::models
