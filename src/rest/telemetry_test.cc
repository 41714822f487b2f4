#include "rest/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TelemetryTest : public ::testing::Test {
 protected:
  TelemetryTest() {
    routes_.Add({.method = "POST",
                 .pattern = "/predict",
                 .handler = [](const RequestContext&) -> Result<net::HttpReply> { return net::HttpReply(); }});
    context_ = testing::MakeContext("/predict");
    context_.route = routes_.routes().front().get();
    context_.request_id = "r-1";
    context_.trace = {.model = "m",
                      .parse = std::chrono::milliseconds(1),
                      .queue = std::chrono::milliseconds(2),
                      .tokenize = {},
                      .engine = std::chrono::milliseconds(30),
                      .write = {},
                      .documents = 4,
                      .tokens = 50,
                      .truncated = 1};
    // The request came when the clock began.
    clock_.Advance(std::chrono::hours(1));
  }
  std::string Record(int status, std::int64_t slow_millis) {
    Telemetry telemetry(routes_, metrics_, clock_);
    ::testing::internal::CaptureStderr();
    telemetry.Record(context_, status, slow_millis);
    return ::testing::internal::GetCapturedStderr();
  }

  mlnode::testing::ManualClock clock_;
  RouteTable routes_;
  Metrics metrics_;
  RequestContext context_;
};

TEST_F(TelemetryTest, ASlowPredictionIsLoggedWithItsPhases) {
  const std::string line = Record(200, 1000);
  for (const char* part : {"GET /predict took", "status 200", "request r-1", "model m", "documents 4", "tokens 50",
                           "parse 1.0 ms", "queue 2.0 ms", "engine 30.0 ms"}) {
    EXPECT_THAT(line, HasSubstr(part));
  }
}

TEST_F(TelemetryTest, TheSlowLogCanBeOff) { EXPECT_THAT(Record(200, 0), IsEmpty()); }

TEST_F(TelemetryTest, CountsOnlyAnsweredPredictions) {
  Record(429, 0);
  EXPECT_EQ(metrics_.GetCounter("mlnode_predict_documents_total", "").Value(), 0);
  Record(200, 0);
  EXPECT_EQ(metrics_.GetCounter("mlnode_predict_documents_total", "").Value(), 4);
  EXPECT_EQ(metrics_.GetCounter("mlnode_predict_tokens_total", "").Value(), 50);
  EXPECT_EQ(metrics_.GetCounter("mlnode_predict_truncated_total", "").Value(), 1);
}

}  // namespace
}  // namespace mlnode::rest
