#include "serving/pipelines/pooling.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace mlnode::serving {
namespace {

using models::Pooling;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> Pooled(Pooling mode, const std::vector<float>& values, std::size_t dim) {
  std::vector<float> out(dim, -7.0F);
  Pool(mode, {values, dim}, out);
  return out;
}

// Three tokens of two values.
const std::vector<float> kRows = {1, -2, 3, 4, 5, -9};

TEST(PoolingTest, MeanDividesByTheNumberOfTokens) {
  EXPECT_THAT(Pooled(Pooling::kMean, kRows, 2), ElementsAre(FloatEq(3), FloatEq(-7.0F / 3)));
}

TEST(PoolingTest, MeanSqrtLenDividesByTheRootOfTheNumberOfTokens) {
  EXPECT_THAT(Pooled(Pooling::kMeanSqrtLen, kRows, 2),
              ElementsAre(FloatEq(9.0F / std::sqrt(3.0F)), FloatEq(-7.0F / std::sqrt(3.0F))));
}

TEST(PoolingTest, MaxTakesTheLargestOfEachColumn) { EXPECT_THAT(Pooled(Pooling::kMax, kRows, 2), ElementsAre(5, 4)); }

TEST(PoolingTest, MaxOfNegativesIsNotZero) {
  EXPECT_THAT(Pooled(Pooling::kMax, {-3, -5, -4, -1}, 2), ElementsAre(-3, -1));
}

TEST(PoolingTest, WeightedMeanWeighsByPosition) {
  // (1*1 + 2*3 + 3*5) / 6, (1*-2 + 2*4 + 3*-9) / 6
  EXPECT_THAT(Pooled(Pooling::kWeightedMean, kRows, 2), ElementsAre(FloatEq(22.0F / 6), FloatEq(-21.0F / 6)));
}

TEST(PoolingTest, ClsIsTheFirstToken) { EXPECT_THAT(Pooled(Pooling::kCls, kRows, 2), ElementsAre(1, -2)); }

TEST(PoolingTest, LastTokenIsTheLast) { EXPECT_THAT(Pooled(Pooling::kLastToken, kRows, 2), ElementsAre(5, -9)); }

TEST(PoolingTest, OneTokenIsItselfInEveryMode) {
  const std::vector<float> row = {0.5F, -1.5F, 2.5F};
  for (const Pooling mode : {Pooling::kMean, Pooling::kMeanSqrtLen, Pooling::kMax, Pooling::kWeightedMean,
                             Pooling::kCls, Pooling::kLastToken}) {
    EXPECT_THAT(Pooled(mode, row, 3), Pointwise(FloatEq(), row)) << static_cast<int>(mode);
  }
}

// The same formulas in double, column by column.
double Reference(Pooling mode, const std::vector<float>& values, std::size_t dim, std::size_t column) {
  const std::size_t n = values.size() / dim;
  double sum = 0;
  double weighted = 0;
  double weights = 0;
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < n; ++i) {
    const double value = values[i * dim + column];
    sum += value;
    weighted += value * static_cast<double>(i + 1);
    weights += static_cast<double>(i + 1);
    largest = std::max(largest, value);
  }
  if (mode == Pooling::kMean) return sum / static_cast<double>(n);
  if (mode == Pooling::kMeanSqrtLen) return sum / std::sqrt(static_cast<double>(n));
  return mode == Pooling::kMax ? largest : weighted / weights;
}

TEST(PoolingTest, AgreesWithDoublePrecisionAtFullLength) {
  constexpr std::size_t kDim = 385;  // not a multiple of a vector register
  constexpr std::size_t kTokens = 512;
  std::mt19937 random(7);  // NOLINT: a fixed sequence is wanted
  std::normal_distribution<float> normal(0.1F, 1.0F);
  std::vector<float> values(kDim * kTokens);
  for (float& value : values) value = normal(random);
  for (const Pooling mode : {Pooling::kMean, Pooling::kMeanSqrtLen, Pooling::kMax, Pooling::kWeightedMean}) {
    const std::vector<float> pooled = Pooled(mode, values, kDim);
    for (std::size_t d = 0; d < kDim; ++d) {
      const double expected = Reference(mode, values, kDim, d);
      ASSERT_NEAR(pooled[d], expected, 1e-5) << static_cast<int>(mode) << " column " << d;
    }
  }
}

TEST(PoolingTest, NanReachesTheResultOfEveryModeThatReadsIt) {
  for (const std::size_t where : {0U, 2U, 4U}) {  // first column of each token
    std::vector<float> values = kRows;
    values[where] = kNan;
    for (const Pooling mode : {Pooling::kMean, Pooling::kMeanSqrtLen, Pooling::kMax, Pooling::kWeightedMean}) {
      const std::vector<float> pooled = Pooled(mode, values, 2);
      EXPECT_TRUE(std::isnan(pooled[0])) << static_cast<int>(mode) << " at " << where;
      EXPECT_FALSE(std::isnan(pooled[1]));
    }
  }
}

TEST(NormalizeTest, MakesUnitLength) {
  std::vector<float> v = {3, -4};
  NormalizeL2(v);
  EXPECT_THAT(v, ElementsAre(FloatEq(0.6F), FloatEq(-0.8F)));
}

TEST(NormalizeTest, ZeroStaysZero) {
  std::vector<float> v(8, 0.0F);
  NormalizeL2(v);
  EXPECT_THAT(v, ::testing::Each(0.0F));
}

TEST(NormalizeTest, LargeAndSmallValuesNeitherOverflowNorVanish) {
  std::vector<float> large(4, 1e30F);
  NormalizeL2(large);
  EXPECT_THAT(large, ::testing::Each(FloatNear(0.5F, 1e-6F)));
  std::vector<float> small(4, 1e-9F);
  NormalizeL2(small);
  EXPECT_THAT(small, ::testing::Each(FloatNear(0.5F, 1e-6F)));
}

TEST(NormalizeTest, BelowEpsilonIsScaledByEpsilonOnly) {
  std::vector<float> v = {1e-14F};
  NormalizeL2(v);
  EXPECT_NEAR(v[0], 1e-2, 1e-8);
}

TEST(AllFiniteTest, FindsNanAndInfinityAnywhere) {
  for (std::size_t i = 0; i < 9; ++i) {
    for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
      std::vector<float> values(9, 1.0F);
      EXPECT_TRUE(AllFinite(values));
      values[i] = bad;
      EXPECT_FALSE(AllFinite(values)) << i;
    }
  }
}

TEST(AllFiniteTest, LargestSmallestAndNoneAreFinite) {
  EXPECT_TRUE(AllFinite(
      std::vector<float>{std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(), -0.0F}));
  EXPECT_TRUE(AllFinite({}));
}

}  // namespace
}  // namespace mlnode::serving
