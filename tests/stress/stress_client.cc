#include "stress/stress_client.h"

#include <cstdio>
#include <deque>
#include <utility>

namespace mlnode::stress {
namespace {

using serving::BatchJob;
using serving::BatchOutcome;
using serving::Urgency;

// One job as its sender knows it.
struct Sent {
  std::vector<std::int64_t> marks;
  std::vector<std::size_t> lengths;
  std::vector<int> wanted;
  std::vector<std::atomic<int>> taken;  // how often each sequence was
  std::atomic<int> answers{0};
  std::atomic<bool> wrong{false};
  serving::CancelFlag cancelled = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<Deployed> to;
  bool poisoned = false;
  bool has_deadline = false;
};
using SentPtr = std::shared_ptr<Sent>;

Status Take(Sent& sent, std::size_t i, const std::vector<TensorView>& outputs) {
  ++sent.taken[i];
  if (outputs.size() != sent.wanted.size()) sent.wrong = true;
  for (std::size_t o = 0; o < outputs.size() && !sent.wrong; ++o) {
    const auto* values = static_cast<const std::int64_t*>(outputs[o].data);
    sent.wrong = values[0] != sent.marks[i] || values[1] != static_cast<std::int64_t>(sent.lengths[i]) ||
                 values[2] != sent.wanted[o];
  }
  return {};
}

void JudgeError(Site& site, const Sent& sent, const Error& error) {
  const auto expect = [&](bool reason, std::atomic<std::uint64_t>& count) {
    ++count;
    if (!reason) site.Violate("failed without a reason: " + error.message);
  };
  switch (error.code) {
    case Code::kResourceExhausted:
      return expect(error.retry_after.has_value(), site.refused);
    case Code::kCancelled:
      return expect(sent.cancelled->load(), site.cancelled);
    case Code::kDeadlineExceeded:
      return expect(sent.has_deadline, site.late);
    case Code::kUnavailable:
      return expect(sent.to->withdrawn->load() || site.stopping, site.withdrawn);
    case Code::kInternal:
      return expect(sent.poisoned && error.message != kMixedUp, site.poisoned);
    default:
      site.Violate("unexpected: " + error.message);
  }
}

void Judge(Site& site, Sent& sent, const Result<BatchOutcome>& outcome) {
  if (++sent.answers != 1) site.Violate("answered twice");
  if (sent.wrong) site.Violate("got another's answer");
  for (const auto& taken : sent.taken) {
    if (taken > 1) site.Violate("a sequence was consumed twice");
    if (outcome && taken != 1) site.Violate("done, but a sequence was not consumed");
  }
  if (!outcome) return JudgeError(site, sent, outcome.error());
  if (sent.poisoned) site.Violate("poison was computed");
  ++site.ok;
}

class Sender {
 public:
  explicit Sender(const Client& client)
      : site_(client.site),
        scheduler_(client.scheduler),
        clock_(client.clock),
        next_mark_((client.number << 40U) + 1),
        random_(client.seed) {}
  void SendOne();
  void CancelSome();
  void RedeploySome();

 private:
  bool Chance(std::uint64_t percent) { return random_.Below(100) < percent; }
  BatchJob MakeJob(Sent& sent);

  Site& site_;
  serving::Scheduler& scheduler_;
  const Clock& clock_;
  std::int64_t next_mark_;
  mlnode::testing::SeededRandom random_;
  std::deque<SentPtr> newest_;
};

BatchJob Sender::MakeJob(Sent& sent) {
  const std::size_t sequences = Chance(5) ? 1 + random_.Below(100) : 1 + random_.Below(6);
  sent.taken = std::vector<std::atomic<int>>(sequences);
  sent.to = site_.At(random_.Below(site_.models()));
  sent.wanted = Chance(20) ? std::vector<int>{1, 0} : std::vector<int>{0};
  sent.poisoned = Chance(2);
  sent.has_deadline = Chance(5);
  BatchJob job;
  for (std::size_t i = 0; i < sequences; ++i) {
    const bool poison = sent.poisoned && i == 0;
    sent.marks.push_back(poison ? -next_mark_ : next_mark_);
    sent.lengths.push_back(1 + random_.Below(Chance(10) ? 300 : 50));
    ++next_mark_;
    const std::vector<std::int64_t> tokens = MarkedTokens(sent.marks.back(), sent.lengths.back());
    job.batch.ids.insert(job.batch.ids.end(), tokens.begin(), tokens.end());
    job.batch.offsets.push_back(job.batch.ids.size());
  }
  job.model = sent.to->model;
  job.name = sent.to->name;
  job.wanted = sent.wanted;
  job.urgency = Chance(10) ? Urgency::kBulk : serving::UrgencyOf(std::nullopt, sequences);
  job.one_by_one = Chance(5);
  if (sent.has_deadline) {
    job.deadline = Deadline::After(clock_, std::chrono::microseconds(random_.Below(500'000)));
  }
  job.cancelled = sent.cancelled;
  job.withdrawn = sent.to->withdrawn;
  return job;
}

void Sender::SendOne() {
  if (!site_.Enter()) return site_.Violate("no job was answered for a while");
  const auto sent = std::make_shared<Sent>();
  BatchJob job = MakeJob(*sent);
  job.consume = [sent](std::size_t i, const std::vector<TensorView>& outputs) { return Take(*sent, i, outputs); };
  newest_.push_back(sent);
  if (newest_.size() > 16) newest_.pop_front();
  scheduler_.Submit(std::move(job), [sent, &site = site_](const Result<BatchOutcome>& outcome) {
    Judge(site, *sent, outcome);
    site.Leave();
  });
}

void Sender::CancelSome() {
  if (newest_.empty() || !Chance(10)) return;
  newest_[random_.Below(newest_.size())]->cancelled->store(true);
  if (Chance(50)) scheduler_.DropCancelled();
}

void Sender::RedeploySome() {
  if (random_.Below(5'000) != 0) return;
  site_.Replace(random_.Below(site_.models()));
  scheduler_.DropCancelled();
}

}  // namespace

Site::Site(std::size_t models, std::size_t most_open) : models_(models), most_open_(most_open), deployed_(models) {
  for (std::size_t i = 0; i < models; ++i) Replace(i);
}

std::shared_ptr<Deployed> Site::At(std::size_t i) const {
  const std::lock_guard lock(mutex_);
  return deployed_[i];
}

void Site::Replace(std::size_t i) {
  auto model = std::make_shared<Deployed>();
  {
    const std::lock_guard lock(mutex_);
    model->name = "model-" + std::to_string(++replaced_);
    model.swap(deployed_[i]);
  }
  if (model) model->withdrawn->store(true);
}

bool Site::Enter() {
  std::unique_lock lock(mutex_);
  const bool room = left_.wait_for(lock, std::chrono::seconds(30), [this] { return open_ < most_open_; });
  if (room) ++open_;
  return room;
}

void Site::Leave() {
  const std::lock_guard lock(mutex_);
  --open_;
  left_.notify_all();
}

bool Site::WaitUntilEmpty(Duration time) {
  std::unique_lock lock(mutex_);
  return left_.wait_for(lock, time, [this] { return open_ == 0; });
}

std::size_t Site::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

void Site::Violate(const std::string& what) {
  if (++violations_ <= 20) std::fprintf(stderr, "violated: %s\n", what.c_str());
}

void SendJobs(const Client& client, Deadline end) {
  Sender sender(client);
  while (!end.Expired(client.clock)) {
    sender.SendOne();
    sender.CancelSome();
    sender.RedeploySome();
  }
}

}  // namespace mlnode::stress
