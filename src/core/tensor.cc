#include "core/tensor.h"

#include <array>
#include <cmath>
#include <limits>
#include <string_view>

namespace mlnode {
namespace {
struct TypeRow {
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array<TypeRow, 8> kTypes = {{{"FLOAT32", 4},
                                            {"FLOAT16", 2},
                                            {"INT64", 8},
                                            {"INT32", 4},
                                            {"INT8", 1},
                                            {"UINT8", 1},
                                            {"BOOLEAN", 1},
                                            {"FLOAT64", 8}}};
}  // namespace

std::string_view DataTypeName(DataType type) { return kTypes[static_cast<std::size_t>(type)].name; }
std::size_t DataTypeBytes(DataType type) { return kTypes[static_cast<std::size_t>(type)].bytes; }

std::size_t TensorView::Values() const {
  std::size_t n = 1;
  for (const std::int64_t d : shape) n *= static_cast<std::size_t>(d);
  return n;
}

float HalfToFloat(std::uint16_t half) {
  const auto exponent = static_cast<int>((half >> 10U) & 0x1FU);
  const auto fraction = static_cast<float>(half & 0x3FFU);
  float size = std::ldexp(1024 + fraction, exponent - 25);
  if (exponent == 0) size = std::ldexp(fraction, -24);
  if (exponent == 31) {
    size = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  }
  return (half & 0x8000U) != 0 ? -size : size;
}

TensorView MakeFloatTensor(std::vector<float> values, std::vector<std::int64_t> shape) {
  auto owner = std::make_shared<const std::vector<float>>(std::move(values));
  return TensorView{.type = DataType::kFloat32, .shape = std::move(shape), .data = owner->data(), .owner = owner};
}

}  // namespace mlnode
