// The room on real threads: meant for ThreadSanitizer. No sleeps: what is waited for is counted.

#include <condition_variable>

#include "core/testing/temp_dir.h"
#include "engines/testing/fake_engine.h"
#include "serving/local_models.h"
#include "serving/testing/behaviours.h"
#include "serving/testing/model_archive.h"
#include "storage/memory/memory_store.h"

#include <gmock/gmock.h>

namespace mlnode::serving {
namespace {

using std::chrono::seconds;

// Counts down to zero; Wait returns then.
class Countdown {
 public:
  explicit Countdown(int n) : left_(n) {}
  void Done() {
    const std::lock_guard lock(mutex_);
    if (--left_ <= 0) changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return left_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int left_;
};

class ServingThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cache_ = std::move(ArtifactCache::Open({.folder = dir_.File("cache"), .sync = FileSync::kNone}, store_)).value();
    queue_ = Scheduler::Create({.lanes = 2, .max_wait = seconds(60), .max_batch_tokens = 16}, lanes_, timers_, clock_,
                               metrics_);
    local_ = LocalModels::Create({.store = store_,
                                  .cache = *cache_,
                                  .engines = registry_,
                                  .budget = budget_,
                                  .queue = *queue_,
                                  .loading = loading_,
                                  .cpu = timers_,
                                  .clock = clock_,
                                  .metrics = metrics_,
                                  .actions = actions_,
                                  .lanes = 2});
  }
  void TearDown() override {
    local_.reset();
    for (ThreadPool* pool : {&clients_, &lanes_, &timers_, &loading_}) pool->Stop();
    EXPECT_EQ(engine_.live_models(), 0);
    EXPECT_EQ(budget_.Reserved(), 0U);
  }
  LoadSpec Register(const std::string& id) {
    return testing::StoreArchive(store_, id, testing::ModelArchive("weights of " + id, testing::TestTokenizer()));
  }
  void LoadToEnd(const LoadSpec& spec) {
    Countdown ready(1);
    local_->Load(spec, 1, [&, this](const ModelId&) {
      if (local_->Find(spec.model)) ready.Done();
    });
    ready.Wait();
  }

  mlnode::testing::TempDir dir_;
  SystemClock clock_;
  storage::MemoryStore store_{clock_};
  engines::FakeEngine engine_;
  engines::FakeEngineRegistry registry_{engine_};
  Metrics metrics_;
  models::ActionStats actions_;
  MemoryBudget budget_{1ULL << 32U, 0};
  std::unique_ptr<ArtifactCache> cache_;
  ThreadPool lanes_{{.name = "lanes", .threads = 2}};
  ThreadPool timers_{{.name = "cpu", .threads = 1}};
  ThreadPool loading_{{.name = "loading", .threads = 1, .nice = 19}};
  ThreadPool clients_{{.name = "clients", .threads = 3}};
  std::unique_ptr<Scheduler> queue_;
  std::unique_ptr<LocalModels> local_;
};

TEST_F(ServingThreadsTest, PredictionsWhileModelsComeAndGoAreAllAnsweredOnce) {
  constexpr int kClients = 3;
  constexpr int kEach = 60;
  const LoadSpec a = Register("a");
  const LoadSpec b = Register("b");
  LoadToEnd(a);
  Countdown answers(kClients * kEach);
  std::atomic<int> ok{0};
  std::atomic<int> other{0};
  for (int client = 0; client < kClients; ++client) {
    ASSERT_TRUE(clients_.Post([&] {
      for (int i = 0; i < kEach; ++i) {
        const auto servable = local_->Find(i % 2 == 0 ? a.model : b.model);
        if (!servable) {
          answers.Done();
          continue;
        }
        PredictRequest request;
        request.texts.assign(static_cast<std::size_t>(1 + i % 20), "the cat sat on the mat");
        if (i % 10 == 9) request.deadline = Deadline::After(clock_, std::chrono::microseconds(50));
        servable->Predict(std::move(request), servable, [&](Result<PredictResult> result) {
          ++(result ? ok : other);
          answers.Done();
        });
      }
    }));
  }
  for (int round = 0; round < 20; ++round) {
    LoadToEnd(b);
    (void)local_->List();
    local_->Unload(b.model, round % 2 == 0 ? Duration::zero() : Duration(seconds(5)));
  }
  answers.Wait();
  EXPECT_GT(ok, 0);
}

TEST_F(ServingThreadsTest, LargeRequestComesBackInOrderFromAllLanes) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  const auto servable = local_->Find(spec.model);
  const std::vector<std::string> words = {"cat", "the dog", "the cat sat on the mat", "mat mat", "running"};
  std::vector<std::vector<float>> alone(words.size());
  for (std::size_t w = 0; w < words.size(); ++w) {
    Countdown answered(1);
    PredictRequest request;
    request.texts = {words[w]};
    servable->Predict(std::move(request), servable, [&](Result<PredictResult> result) {
      const auto floats = (*result).documents[0][0].tensor->Floats();
      alone[w].assign(floats.begin(), floats.end());
      answered.Done();
    });
    answered.Wait();
  }
  PredictRequest request;
  for (std::size_t i = 0; i < 400; ++i) request.texts.push_back(words[i % words.size()]);
  Countdown answered(1);
  std::optional<Result<PredictResult>> all;
  servable->Predict(std::move(request), servable, [&](Result<PredictResult> result) {
    all = std::move(result);
    answered.Done();
  });
  answered.Wait();
  ASSERT_TRUE(*all) << all->error().message;
  ASSERT_EQ((*all)->documents.size(), 400U);
  for (std::size_t i = 0; i < 400; ++i) {
    EXPECT_THAT((*all)->documents[i][0].tensor->Floats(), ::testing::ElementsAreArray(alone[i % words.size()])) << i;
  }
}

TEST_F(ServingThreadsTest, ExpiredJobIsAnsweredWhileEveryLaneIsStuckInTheEngine) {
  const LoadSpec spec = Register("a");
  LoadToEnd(spec);
  const auto servable = local_->Find(spec.model);
  Countdown expired(1);
  engine_.SetBehaviour(testing::OnRun([&](const TokenBatch&) -> Status {
    expired.Wait();  // no lane comes back before the expired one was answered
    return {};
  }));
  Countdown held(2);
  for (int i = 0; i < 2; ++i) {
    PredictRequest request;
    request.texts = {"cat"};
    servable->Predict(std::move(request), servable, [&](Result<PredictResult>) { held.Done(); });
  }
  std::optional<Code> code;
  PredictRequest late;
  late.texts = {"dog"};
  late.deadline = Deadline::After(clock_, std::chrono::milliseconds(20));
  servable->Predict(std::move(late), servable, [&](Result<PredictResult> result) {
    code = result ? std::nullopt : std::optional(result.error().code);
    expired.Done();
  });
  expired.Wait();
  EXPECT_EQ(code, Code::kDeadlineExceeded);
  held.Wait();
}

}  // namespace
}  // namespace mlnode::serving
