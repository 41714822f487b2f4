#include "cli/load_run.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "net/testing/scripted_handler.h"

namespace mlnode::cli {
namespace {

using std::chrono::milliseconds;

class LoadRunTest : public testing::Test {
 protected:
  LoadRunTest() {
    server_.handler.handle = [this](const std::shared_ptr<net::HttpExchange>& exchange) {
      {
        const std::scoped_lock lock(mutex_);
        bodies_.insert(exchange->request().body);
        peers_.insert(exchange->request().peer);
      }
      exchange->Reply(net::TextReply(status_, "{}"));
    };
    server_.Start();
  }

  LoadResult Run(std::size_t clients, std::string url = "") {
    const LoadPlan plan{.url = url.empty() ? server_.Url("/predict") : std::move(url),
                        .bodies = {"first", "second", "third"},
                        .clients = clients,
                        .warm_up = milliseconds(20),
                        .window = milliseconds(100)};
    return RunLoad(plan, *http_, clock_);
  }

  SystemClock clock_;
  std::atomic<int> status_ = 200;
  std::mutex mutex_;
  std::set<std::string> bodies_, peers_;
  net::TestServer server_;
  std::unique_ptr<net::HttpClient> http_ = net::HttpClient::Create();
};

TEST_F(LoadRunTest, SendsEveryBodyOverAsManyConnectionsAsClients) {
  const LoadResult result = Run(2);
  EXPECT_GE(result.answers.size(), 3u);
  EXPECT_GE(result.window, milliseconds(100));
  EXPECT_EQ(result.failure, "");
  for (const LoadAnswer& answer : result.answers) {
    EXPECT_EQ(answer.status, 200);
    EXPECT_GT(answer.latency.count(), 0);
  }
  EXPECT_THAT(bodies_, testing::UnorderedElementsAre("first", "second", "third"));
  EXPECT_LE(peers_.size(), 2u);  // keep-alive: an address a connection
}

TEST_F(LoadRunTest, CountsRefusalsAndPausesAfterEach) {
  status_ = 429;
  const LoadResult result = Run(1);
  ASSERT_FALSE(result.answers.empty());
  EXPECT_EQ(result.answers.front().status, 429);
  EXPECT_LE(result.answers.size(), static_cast<std::size_t>(result.window / kRefusedPause) + 1);
  EXPECT_EQ(result.failure, "");
}

TEST_F(LoadRunTest, SaysWhyNobodyAnswered) {
  const LoadResult result = Run(1, "http://127.0.0.1:1/predict");
  ASSERT_FALSE(result.answers.empty());
  EXPECT_EQ(result.answers.front().status, 0);
  EXPECT_NE(result.failure, "");
}

TEST_F(LoadRunTest, OpensTheWindowAfterTheWarmUp) {
  std::vector<std::string> seen;
  const LoadEvents events{.window_opens = [&] { seen.emplace_back("opens"); },
                          .window_closes = [&] { seen.emplace_back("closes"); },
                          .progress = [&](std::string_view phase, double, double) { seen.emplace_back(phase); }};
  const LoadPlan plan{.url = server_.Url("/predict"),
                      .bodies = {"x"},
                      .clients = 1,
                      .warm_up = milliseconds(1),
                      .window = milliseconds(1)};
  RunLoad(plan, *http_, clock_, events);
  EXPECT_THAT(seen, testing::ElementsAre("warming up", "opens", "measuring", "closes"));
}

}  // namespace
}  // namespace mlnode::cli
