// core/tensor.h: what goes into a model and what comes out of it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mlnode {

// A further value of each token that a model takes as an input of this name.
struct TokenFeature {
  std::string name;
  std::vector<std::int64_t> values;  // as long as the batch's ids
  std::int64_t padding = 0;          // what an engine that pads puts behind a sequence
};

// Token sequences laid end to end. Sequence i is [offsets[i], offsets[i+1]) of each array. No padding: that is the
// engine's business. Invariants: offsets.size() == sequences + 1, offsets.front() == 0, offsets.back() == ids.size();
// type_ids is either empty (all zero) or as long as ids. Every sequence has at least one token.
struct TokenBatch {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> type_ids;
  std::vector<std::size_t> offsets{0};
  std::vector<TokenFeature> features = {};  // seldom any

  std::size_t sequences() const { return offsets.size() - 1; }
  std::size_t tokens() const { return ids.size(); }
  std::size_t Length(std::size_t i) const { return offsets[i + 1] - offsets[i]; }
  std::span<const std::int64_t> Ids(std::size_t i) const { return {ids.data() + offsets[i], Length(i)}; }
};

enum class DataType : std::uint8_t { kFloat32, kFloat16, kInt64, kInt32, kInt8, kUint8, kBool, kFloat64 };
std::string_view DataTypeName(DataType type);  // "FLOAT32", ...: spec/predict-local §3
std::size_t DataTypeBytes(DataType type);

// A read-only row-major tensor that keeps alive the memory it points into. Copying it copies the reference.
struct TensorView {
  DataType type = DataType::kFloat32;
  std::vector<std::int64_t> shape;  // product == number of values
  const void* data = nullptr;
  std::shared_ptr<const void> owner;

  std::size_t Values() const;
  // Precondition: type == kFloat32.
  std::span<const float> Floats() const { return {static_cast<const float*>(data), Values()}; }
};

// The value of an IEEE 754 half-precision number, infinities and NaN (without its payload) included.
float HalfToFloat(std::uint16_t half);

// A float32 tensor that owns `values`.
TensorView MakeFloatTensor(std::vector<float> values, std::vector<std::int64_t> shape);

}  // namespace mlnode
