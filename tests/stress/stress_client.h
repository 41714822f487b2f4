// stress/stress_client.h: sends random jobs and judges their answers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/testing/manual_executor.h"
#include "serving/scheduler.h"
#include "stress/marked_model.h"

namespace mlnode::stress {

struct Deployed {
  std::shared_ptr<MarkedModel> model = std::make_shared<MarkedModel>();
  serving::CancelFlag withdrawn = std::make_shared<std::atomic<bool>>(false);
  std::string name;
};

// What all threads share. Threads: any.
class Site {
 public:
  Site(std::size_t models, std::size_t most_open);
  std::shared_ptr<Deployed> At(std::size_t i) const;
  std::size_t models() const { return models_; }
  // The model that was there is withdrawn, the caller tells the scheduler.
  void Replace(std::size_t i);

  // A place among the open jobs; false after half a minute without one.
  bool Enter();
  void Leave();
  std::size_t open() const;
  // True once no job is open; false after `time`.
  bool WaitUntilEmpty(Duration time);
  void Violate(const std::string& what);
  int violations() const { return violations_; }

  std::atomic<bool> stopping{false};  // the scheduler goes
  std::atomic<std::uint64_t> ok{0}, refused{0}, cancelled{0}, late{0}, withdrawn{0}, poisoned{0};

 private:
  const std::size_t models_;
  const std::size_t most_open_;
  mutable std::mutex mutex_;
  std::condition_variable left_;
  std::vector<std::shared_ptr<Deployed>> deployed_;
  std::size_t open_ = 0;
  std::uint64_t replaced_ = 0;
  std::atomic<int> violations_{0};
};

struct Client {
  Site& site;
  serving::Scheduler& scheduler;
  const Clock& clock;
  std::int64_t number = 1;
  std::uint64_t seed = 1;
};
// Sends jobs until `end`, cancels some of them, withdraws and replaces models. Blocks; one thread each.
void SendJobs(const Client& client, Deadline end);

}  // namespace mlnode::stress
