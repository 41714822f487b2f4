#include "connectors/transport/embedding_batcher.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/guarded.h"

namespace mlnode::connectors {
namespace {

using Outputs = EmbeddingBatcher::Outputs;

struct Member {
  RemoteInput input;
  Deadline deadline = Deadline::Never();
  std::shared_ptr<std::atomic<bool>> cancelled;
  EmbeddingBatcher::Done done;
  Timer expiry;
  bool answered = false;
};
using MemberPtr = std::shared_ptr<Member>;

struct Group {
  std::uint64_t number = 0;
  std::vector<MemberPtr> members;
  std::size_t documents = 0;
  Timer timer;
};

// What must be equal for two inputs to be one. Length first, so that no text can pass for a border.
std::string KeyOf(const RemoteInput& input) {
  return std::to_string(input.algorithm.size()) + ":" + input.algorithm + ToJson(input.parameters);
}

bool RefusesInput(const Error& error) {
  if (error.code == Code::kInvalidArgument) return true;
  return error.code == Code::kUpstream && error.upstream_status &&
         (*error.upstream_status == 400 || *error.upstream_status == 413 || *error.upstream_status == 422);
}

// One tensor for each document, over all calls; nullopt when the answer is of another shape.
std::optional<std::vector<RemoteTensor>> TensorsOf(Outputs outputs, std::size_t documents) {
  std::vector<RemoteTensor> tensors;
  for (auto& output : outputs) std::ranges::move(output.tensors, std::back_inserter(tensors));
  if (tensors.size() != documents) return std::nullopt;
  return tensors;
}

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(EmbeddingBatcher::Options options, EmbeddingBatcher::Run run, Executor& timers, const Clock& clock)
      : options_(options), run_(std::move(run)), timers_(timers), clock_(clock) {}

  void Submit(const MemberPtr& member) {
    const std::size_t documents = member->input.documents.size();
    const bool mergeable = member->input.action == ActionType::kPredict && member->input.has_docs &&
                           !member->input.query && documents > 0 && documents < options_.max_documents;
    if (!mergeable) return RunAlone(member);
    std::vector<Group> full;
    std::optional<std::uint64_t> fresh;
    const std::string key = KeyOf(member->input);
    if (!Join(key, member, full, fresh)) return RunAlone(member);
    if (fresh) StartTimer(key, *fresh);
    for (auto& group : full) Send(std::move(group));
  }

  void Stop() {
    std::map<std::string, Group> groups;
    {
      const auto state = state_.Lock();
      state->stopping = true;
      groups.swap(state->groups);
      state->documents = 0;
    }
    for (auto& [_, group] : groups) {
      for (const auto& member : group.members) {
        Answer(member, MakeError(Code::kCancelled, "the connector's batcher is stopping"));
      }
    }
  }

  std::size_t WaitingDocuments() const {
    const auto state = state_.Lock();
    return state->documents;
  }

 private:
  struct State {
    bool stopping = false;
    std::uint64_t next_group = 1;
    std::size_t documents = 0;
    std::map<std::string, Group> groups;
  };

  // Puts the member into the group of its key. `full`: groups that are to go out; `fresh`: the number of a group that
  // was begun and stays. False: too much waits already.
  bool Join(const std::string& key, const MemberPtr& member, std::vector<Group>& full,
            std::optional<std::uint64_t>& fresh) {
    const std::size_t documents = member->input.documents.size();
    const auto state = state_.Lock();
    if (state->stopping || state->documents + documents > EmbeddingBatcher::kMaxWaitingDocuments) return false;
    auto entry = state->groups.try_emplace(key).first;
    if (entry->second.documents + documents > options_.max_documents) {
      full.push_back(Take(*state, entry));
      entry = state->groups.try_emplace(key).first;
    }
    Group& group = entry->second;
    if (group.members.empty()) {
      group.number = state->next_group++;
      fresh = group.number;
    }
    group.members.push_back(member);
    group.documents += documents;
    state->documents += documents;
    if (group.documents == options_.max_documents) {
      full.push_back(Take(*state, entry));
      fresh.reset();
    }
    return true;
  }

  static Group Take(State& state, std::map<std::string, Group>::iterator entry) {
    Group group = std::move(entry->second);
    state.groups.erase(entry);
    state.documents -= group.documents;
    return group;
  }

  void StartTimer(const std::string& key, std::uint64_t number) {
    Timer timer = timers_.PostAfter(options_.max_delay, [weak = weak_from_this(), key, number] {
      if (const auto core = weak.lock()) core->SendDue(key, number);
    });
    const auto state = state_.Lock();
    const auto entry = state->groups.find(key);
    if (entry != state->groups.end() && entry->second.number == number) std::swap(entry->second.timer, timer);
  }

  void SendDue(const std::string& key, std::uint64_t number) {
    std::optional<Group> due;
    {
      const auto state = state_.Lock();
      const auto entry = state->groups.find(key);
      if (entry == state->groups.end() || entry->second.number != number) return;
      due = Take(*state, entry);
    }
    Send(*std::move(due));
  }

  // Those whose callers are still there, as one input.
  void Send(Group group) {
    std::vector<MemberPtr> members;
    for (const auto& member : group.members) {
      if (member->cancelled && member->cancelled->load()) {
        Answer(member, MakeError(Code::kCancelled, "the call of the remote model was cancelled"));
      } else if (member->deadline.Expired(clock_)) {
        Answer(member, MakeError(Code::kDeadlineExceeded, "the call's deadline passed while it waited for others"));
      } else {
        members.push_back(member);
      }
    }
    if (members.empty()) return;
    if (members.size() == 1) return RunAlone(members.front());
    RemoteInput merged = members.front()->input;
    Deadline latest = members.front()->deadline;
    merged.documents.clear();
    for (const auto& member : members) {
      std::ranges::copy(member->input.documents, std::back_inserter(merged.documents));
      latest = Deadline(std::max(latest.at(), member->deadline.at()));
    }
    for (const auto& member : members) {
      if (member->deadline.at() < latest.at()) ExpireAlone(member);
    }
    const std::size_t documents = merged.documents.size();
    run_(std::move(merged), latest, nullptr, [core = shared_from_this(), members, documents](Result<Outputs> outputs) {
      core->Split(members, documents, std::move(outputs));
    });
  }

  void ExpireAlone(const MemberPtr& member) {
    Timer timer = timers_.PostAfter(member->deadline.Remaining(clock_), [core = shared_from_this(), member] {
      core->Answer(member, MakeError(Code::kDeadlineExceeded, "the remote model did not answer before the deadline"));
    });
    const auto state = state_.Lock();
    std::swap(member->expiry, timer);
  }

  void Split(const std::vector<MemberPtr>& members, std::size_t documents, Result<Outputs> outputs) {
    if (!outputs) {
      const Error error = std::move(outputs).error();
      for (const auto& member : members) {
        if (RefusesInput(error)) {
          RunAlone(member);
        } else {
          Answer(member, error);
        }
      }
      return;
    }
    const int status = outputs->empty() ? 200 : outputs->front().status;
    std::uint64_t tokens = 0;
    for (const auto& output : *outputs) tokens += output.tokens;
    auto tensors = TensorsOf(*std::move(outputs), documents);
    if (!tensors) {
      for (const auto& member : members) RunAlone(member);
      return;
    }
    auto next = std::make_move_iterator(tensors->begin());
    std::size_t left = documents;
    for (const auto& member : members) {
      const std::size_t own = member->input.documents.size();
      const auto end = next + static_cast<std::ptrdiff_t>(own);
      const std::uint64_t share = tokens * own / left;  // of what is left, so that nothing is lost by rounding
      Answer(member, Outputs{{.status = status, .tensors = {next, end}, .tokens = share}});
      next = end;
      tokens -= share;
      left -= own;
    }
  }

  void RunAlone(const MemberPtr& member) {
    if (Answered(*member)) return;
    RemoteInput input = std::move(member->input);
    run_(std::move(input), member->deadline, member->cancelled,
         [core = shared_from_this(), member](Result<Outputs> outputs) { core->Answer(member, std::move(outputs)); });
  }

  bool Answered(const Member& member) const {
    const auto state = state_.Lock();
    return member.answered;
  }

  void Answer(const MemberPtr& member, Result<Outputs> outputs) {
    Timer expiry;
    {
      const auto state = state_.Lock();
      if (std::exchange(member->answered, true)) return;
      expiry = std::exchange(member->expiry, {});
    }
    member->done(std::move(outputs));
  }

  const EmbeddingBatcher::Options options_;
  const EmbeddingBatcher::Run run_;
  Executor& timers_;
  const Clock& clock_;
  Guarded<State> state_;  // and the `answered` and `expiry` of members
};

class GroupingBatcher final : public EmbeddingBatcher {
 public:
  GroupingBatcher(Options options, Run run, Executor& timers, const Clock& clock)
      : core_(std::make_shared<Core>(options, std::move(run), timers, clock)) {}
  GroupingBatcher(const GroupingBatcher&) = delete;
  GroupingBatcher& operator=(const GroupingBatcher&) = delete;
  ~GroupingBatcher() override { core_->Stop(); }

  void Submit(RemoteInput input, Deadline deadline, std::shared_ptr<std::atomic<bool>> cancelled, Done done) override {
    auto member = std::make_shared<Member>();
    member->input = std::move(input);
    member->deadline = deadline;
    member->cancelled = std::move(cancelled);
    member->done = std::move(done);
    core_->Submit(member);
  }
  std::size_t WaitingDocuments() const override { return core_->WaitingDocuments(); }

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<EmbeddingBatcher> EmbeddingBatcher::Create(Options options, Run run, Executor& timers,
                                                           const Clock& clock) {
  return std::make_unique<GroupingBatcher>(options, std::move(run), timers, clock);
}

}  // namespace mlnode::connectors
