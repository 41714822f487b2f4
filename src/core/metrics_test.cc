#include "core/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode {
namespace {
using testing::HasSubstr;
using testing::Not;

TEST(MetricsTest, SameNameAndLabelsGiveTheSameCounter) {
  Metrics metrics;
  Counter& a = metrics.GetCounter("requests_total", "Requests.", {{"route", "a"}});
  Counter& b = metrics.GetCounter("requests_total", "Requests.", {{"route", "b"}});
  a.Add();
  metrics.GetCounter("requests_total", "Requests.", {{"route", "a"}}).Add(2);
  EXPECT_EQ(a.Value(), 3);
  EXPECT_EQ(b.Value(), 0);
  EXPECT_EQ(&a, &metrics.GetCounter("requests_total", "Requests.", {{"route", "a"}}));
}

TEST(MetricsTest, OwnedCounterGoesWithItsLastOwner) {
  Metrics metrics;
  auto first = metrics.OwnCounter("model_tokens_total", "Tokens.", {{"model", "a"}});
  auto second = metrics.OwnCounter("model_tokens_total", "Tokens.", {{"model", "a"}});
  const auto other = metrics.OwnCounter("model_tokens_total", "Tokens.", {{"model", "b"}});
  first->Add(3);
  EXPECT_EQ(second->Value(), 3);
  first.reset();
  EXPECT_THAT(metrics.ToText(), HasSubstr("model_tokens_total{model=\"a\"} 3"));
  second.reset();
  EXPECT_THAT(metrics.ToText(), Not(HasSubstr("model=\"a\"")));
  EXPECT_THAT(metrics.ToText(), HasSubstr("model_tokens_total{model=\"b\"} 0"));
  EXPECT_EQ(metrics.OwnCounter("model_tokens_total", "Tokens.", {{"model", "a"}})->Value(), 0);
}

TEST(MetricsTest, PrintsCountersAndGauges) {
  Metrics metrics;
  metrics.GetCounter("requests_total", "Requests.", {{"route", "x\"y"}}).Add(2);
  Gauge& gauge = metrics.GetGauge("models_loaded", "Models.");
  gauge.Set(5);
  gauge.Add(-2);
  EXPECT_EQ(gauge.Value(), 3);
  const std::string text = metrics.ToText();
  EXPECT_THAT(
      text,
      HasSubstr("# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{route=\"x\\\"y\"} 2"));
  EXPECT_THAT(text, HasSubstr("models_loaded 3"));
}

TEST(MetricsTest, FirstCallerDecidesTheBuckets) {
  Metrics metrics;
  metrics.GetHistogram("wait_seconds", "Wait.", {1, 2}, {{"m", "a"}}).Observe(1.5);
  metrics.GetHistogram("wait_seconds", "Wait.", {7}, {{"m", "b"}}).Observe(1.5);
  const std::string text = metrics.ToText();
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{m=\"a\",le=\"1\"} 0"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{m=\"b\",le=\"2\"} 1"));
  EXPECT_THAT(text, Not(HasSubstr("le=\"7\"")));
}

TEST(MetricsTest, ReadsCallbacksWhenTheTextIsMade) {
  Metrics metrics;
  double value = 1;
  metrics.AddCallback("queue_depth", "Depth.", [&] { return value; });
  EXPECT_THAT(metrics.ToText(), HasSubstr("# TYPE queue_depth gauge\nqueue_depth 1"));
  value = 42;
  EXPECT_THAT(metrics.ToText(), HasSubstr("queue_depth 42"));
}

TEST(MetricsDeathTest, ABadNameEndsTheProcess) {
  EXPECT_DEATH(Metrics().GetCounter("not a name", "Bad."), "bug: metric not a name");
}

TEST(MetricsTest, LatencyBucketsAscend) {
  const auto& buckets = Metrics::LatencyBuckets();
  EXPECT_TRUE(std::is_sorted(buckets.begin(), buckets.end()));
}

}  // namespace
}  // namespace mlnode
