#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include "cli/commands.h"

namespace mlnode::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{100};

void Pause() {
  // A wait that nothing ends but its time: there is no event to wait for on this side of the wire.
  static std::mutex mutex;
  static std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, kPoll);
}

std::string Text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

double Number(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_number() ? value->to_number<double>() : 0;
}

// The phase of a deploy, from the node's own explanation; silent when the node has none (another server).
void ShowPhase(Session& session, const std::string& model) {
  if (model.empty()) return;
  const Result<json::value> answer = session.api.Call("GET", "/_plugins/_ml/models/" + model + "/_explain");
  boost::system::error_code missing;
  const json::value* node = answer ? answer->find_pointer("/this_node", missing) : nullptr;
  const json::object* explained = node ? node->if_object() : nullptr;
  if (!explained) return;
  const std::string phase = Text(*explained, "phase");
  if (!phase.empty())
    session.terminal.Progress(phase, Number(*explained, "done_bytes"), Number(*explained, "total_bytes"));
}

}  // namespace

int Fail(Terminal& terminal, const Error& error) {
  terminal.Error(error);
  const bool silent = error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded;
  return silent ? kUnreachable : kRefused;
}

int WaitForTask(Session& session, const std::string& task, const std::string& model, json::object& ended) {
  const SystemClock clock;
  const Deadline deadline = Deadline::After(clock, session.timeout);
  while (true) {
    Result<json::value> answer = session.api.Call("GET", "/_plugins/_ml/tasks/" + task);
    if (!answer) return Fail(session.terminal, answer.error());
    if (!answer->is_object())
      return Fail(session.terminal, MakeError(Code::kUpstream, "the task is not a JSON object"));
    ended = std::move(answer->get_object());
    const std::string state = Text(ended, "state");
    if (state == "COMPLETED") return kOk;
    if (state != "CREATED" && state != "RUNNING") {
      session.terminal.Error(
          MakeError(Code::kUpstream, fmt::format("task {} ended {}: {}", task, state, Text(ended, "error"))));
      return kRefused;
    }
    if (deadline.Expired(clock)) {
      session.terminal.Error(MakeError(Code::kDeadlineExceeded, fmt::format("task {} is still {} after {} s", task,
                                                                            state, session.timeout.count())));
      return kTimedOut;
    }
    ShowPhase(session, model);
    Pause();
  }
}

}  // namespace mlnode::cli
