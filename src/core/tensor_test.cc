#include "core/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

namespace mlnode {
namespace {
using ::testing::ElementsAre;

TEST(TensorViewTest, KeepsItsMemoryAlive) {
  TensorView copy;
  {
    const TensorView tensor = MakeFloatTensor({1, 2, 3, 4, 5, 6}, {2, 3});
    EXPECT_EQ(tensor.Values(), 6U);
    copy = tensor;
  }
  EXPECT_THAT(copy.Floats(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(copy.shape, ElementsAre(2, 3));
}

TEST(TensorViewTest, AScalarHasOneValueAndAnEmptyDimensionNone) {
  EXPECT_EQ(MakeFloatTensor({7}, {}).Values(), 1U);
  EXPECT_EQ(MakeFloatTensor({}, {0, 4}).Values(), 0U);
}

TEST(DataTypeTest, NamesAndSizesAreThePeers) {
  const std::tuple<DataType, std::string_view, std::size_t> rows[] = {
      {DataType::kFloat32, "FLOAT32", 4}, {DataType::kFloat16, "FLOAT16", 2}, {DataType::kInt64, "INT64", 8},
      {DataType::kInt32, "INT32", 4},     {DataType::kInt8, "INT8", 1},       {DataType::kUint8, "UINT8", 1},
      {DataType::kBool, "BOOLEAN", 1}};
  for (const auto& [type, name, bytes] : rows) {
    EXPECT_EQ(DataTypeName(type), name);
    EXPECT_EQ(DataTypeBytes(type), bytes);
  }
}

TEST(HalfToFloatTest, EveryKindOfNumber) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::pair<std::uint16_t, float> rows[] = {{0x3C00, 1.0F},       {0xC100, -2.5F},      {0x0001, 0x1p-24F},
                                                  {0x03FF, 0x3FFp-24F}, {0x0400, 0x1p-14F},   {0x7BFF, 65504.0F},
                                                  {0x7C00, kInfinity},  {0xFC00, -kInfinity}, {0x0000, 0.0F}};
  for (const auto& [half, value] : rows) EXPECT_EQ(HalfToFloat(half), value) << half;
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  for (const int nan : {0x7E00, 0x7C01, 0xFFFF}) {
    EXPECT_TRUE(std::isnan(HalfToFloat(static_cast<std::uint16_t>(nan)))) << nan;
  }
}

TEST(TokenBatchTest, SlicesSequences) {
  TokenBatch batch;
  EXPECT_EQ(batch.sequences(), 0U);
  batch.ids = {10, 11, 12};
  batch.offsets = {0, 1, 3};
  EXPECT_EQ(batch.sequences(), 2U);
  EXPECT_EQ(batch.tokens(), 3U);
  EXPECT_EQ(batch.Length(1), 2U);
  EXPECT_THAT(batch.Ids(1), ElementsAre(11, 12));
}

}  // namespace
}  // namespace mlnode
