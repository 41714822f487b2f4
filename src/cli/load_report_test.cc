#include "cli/load_report.h"

#include <gmock/gmock.h>

namespace mlnode::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

LoadResult HundredAnswers() {
  LoadResult result{.answers = {}, .window = seconds(2), .failure = ""};
  for (int i = 100; i >= 1; --i) result.answers.push_back({.latency = milliseconds(i), .status = 200});
  result.answers.push_back({.latency = milliseconds(5'000), .status = 429});
  result.answers.push_back({.latency = milliseconds(9'000), .status = 0});
  return result;
}

TEST(LoadReportTest, OnlySuccessCountsAsThroughputAndLatency) {
  const LoadReport report = Summarize(HundredAnswers(), 8);
  EXPECT_EQ(report.requests_per_second, 50);
  EXPECT_EQ(report.documents_per_second, 400);
  EXPECT_EQ(report.latency_millis.p50, 51);
  EXPECT_EQ(report.latency_millis.p90, 91);
  EXPECT_EQ(report.latency_millis.p99, 100);
  EXPECT_EQ(report.latency_millis.max, 100);
  EXPECT_EQ(report.answers, (std::map<int, std::size_t>{{0, 1}, {200, 100}, {429, 1}}));
  EXPECT_EQ(report.Succeeded(), 100u);
}

TEST(LoadReportTest, NothingAnsweredIsZeros) {
  const LoadReport report = Summarize({.answers = {}, .window = seconds(1), .failure = "refused"}, 1);
  EXPECT_EQ(report.documents_per_second, 0);
  EXPECT_EQ(report.latency_millis.max, 0);
  EXPECT_EQ(report.Succeeded(), 0u);
  EXPECT_THAT(ToText(report), HasSubstr("answers      none\n"));
}

TEST(LoadReportTest, JsonNamesEveryNumber) {
  LoadReport report = Summarize(HundredAnswers(), 8);
  report.target = "http://node/_predict";
  report.clients = 16;
  report.node.fill_ratio = 0.5;
  EXPECT_EQ(ToJson(ToJsonObject(report)),
            R"({"target":"http://node/_predict","clients":16,"documents":8,"seconds":2.0,"documents_per_second":400.0,)"
            R"("requests_per_second":50.0,"latency_ms":{"p50":51.0,"p90":91.0,"p99":100.0,"max":100.0},)"
            R"("answers":{"no_answer":1,"200":100,"429":1},"node":{"fill_ratio":0.5}})");
}

TEST(LoadReportTest, TextLeavesOutWhatTheNodeDoesNotTell) {
  LoadReport report = Summarize(HundredAnswers(), 8);
  EXPECT_THAT(ToText(report), Not(HasSubstr("tokens/s")));
  EXPECT_THAT(ToText(report), Not(HasSubstr("a batch")));
  report.node.tokens_per_second = 1234.5;
  report.node.tokens_per_batch = 640;
  report.node.fill_ratio = 0.625;
  EXPECT_THAT(ToText(report), HasSubstr("tokens/s     1234\n"));
  EXPECT_THAT(ToText(report), HasSubstr("a batch      640.0 tokens, 62.5 % full\n"));
  EXPECT_THAT(ToText(report), HasSubstr("answers      no_answer: 1  200: 100  429: 1\n"));
}

}  // namespace
}  // namespace mlnode::cli
