#include "cli/node_metrics.h"

#include <gtest/gtest.h>

namespace mlnode::cli {
namespace {

using std::chrono::seconds;

TEST(NodeMetricsTest, SumsTheSeriesOfAName) {
  const MetricSums sums = SumSeries(
      "# HELP a_total Of a.\n# TYPE a_total counter\na_total{model=\"x } y\"} 2\na_total{model=\"z\"} 3.5 1700000000\n"
      "b 1e3\nbroken\nno_value{x=\"1\"}\n{\n\nlast 7");
  EXPECT_EQ(sums, (MetricSums{{"a_total", 5.5}, {"b", 1000}, {"last", 7}}));
}

TEST(NodeMetricsTest, LoadIsTheDifferenceOfTwoReadings) {
  const MetricSums before = {{"mlnode_predict_tokens_total", 1'000},
                             {"mlnode_batch_tokens_sum", 500},
                             {"mlnode_batch_tokens_count", 10},
                             {"mlnode_batch_fill_ratio_sum", 1},
                             {"mlnode_batch_fill_ratio_count", 2}};
  const MetricSums after = {{"mlnode_predict_tokens_total", 3'000}, {"mlnode_batch_tokens_sum", 2'500},
                            {"mlnode_batch_tokens_count", 15},      {"mlnode_batch_sequences_sum", 60},
                            {"mlnode_batch_sequences_count", 5},    {"mlnode_batch_fill_ratio_sum", 4},
                            {"mlnode_batch_fill_ratio_count", 6}};
  const NodeLoad load = LoadBetween(before, after, seconds(4));
  EXPECT_EQ(load.tokens_per_second, 500);
  EXPECT_EQ(load.tokens_per_batch, 400);
  EXPECT_EQ(load.sequences_per_batch, 12);
  EXPECT_EQ(load.fill_ratio, 0.75);
  EXPECT_EQ(load.requests_per_batch, std::nullopt);
}

TEST(NodeMetricsTest, WhatIsAbsentOrDidNotRunIsLeftOut) {
  const MetricSums same = {{"mlnode_batch_tokens_sum", 500}, {"mlnode_batch_tokens_count", 10}};
  EXPECT_TRUE(ToJsonObject(LoadBetween(same, same, seconds(1))).empty());
  EXPECT_TRUE(ToJsonObject(LoadBetween({}, {}, seconds(1))).empty());
  const MetricSums after = {{"mlnode_predict_tokens_total", 3}};
  EXPECT_EQ(ToJson(ToJsonObject(LoadBetween({}, after, seconds(2)))), R"({"tokens_per_second":1.5})");
}

}  // namespace
}  // namespace mlnode::cli
