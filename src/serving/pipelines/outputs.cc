#include "serving/pipelines/outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "serving/pipelines/pooling.h"

namespace mlnode::serving {
namespace {

constexpr double kSameCosine = 0.9999;
constexpr double kLeastCosine = 0.9995;

template <class T>
std::span<const T> ValuesOf(const TensorView& tensor) {
  return {static_cast<const T*>(tensor.data), tensor.Values()};
}

bool IsFiniteHalf(std::uint16_t value) {
  constexpr std::uint16_t kExponent = 0x7C00U;
  return (value & kExponent) != kExponent;
}

std::size_t Bytes(const TensorView& tensor) { return tensor.Values() * DataTypeBytes(tensor.type); }

// 1 for two vectors of zeros.
double Cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0;
  double a_squares = 0;
  double b_squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    product += x * y;
    a_squares += x * x;
    b_squares += y * y;
  }
  if (a_squares == 0 || b_squares == 0) return a_squares == b_squares ? 1 : 0;
  return product / std::sqrt(a_squares * b_squares);
}

double CompareTensors(const NamedTensor& reference, const NamedTensor& other) {
  if (!reference.tensor || !other.tensor) return reference.tensor.has_value() == other.tensor.has_value() ? 1 : 0;
  const TensorView& a = *reference.tensor;
  const TensorView& b = *other.tensor;
  if (a.type != b.type || a.shape != b.shape) return 0;
  if (a.type == DataType::kFloat32) return Cosine(a.Floats(), b.Floats());
  return Bytes(a) == 0 || std::memcmp(a.data, b.data, Bytes(a)) == 0 ? 1 : 0;
}

double CompareDocument(const std::vector<NamedTensor>& reference, const std::vector<NamedTensor>& other) {
  if (reference.size() != other.size()) return 0;
  double least = 1;
  for (std::size_t i = 0; i < reference.size(); ++i) least = std::min(least, CompareTensors(reference[i], other[i]));
  return least;
}

bool EqualTexts(const std::vector<NamedTensor>& reference, const std::vector<NamedTensor>& other) {
  return std::ranges::equal(reference, other, [](const NamedTensor& a, const NamedTensor& b) {
    return a.text == b.text && a.data_as_map == b.data_as_map;
  });
}

}  // namespace

bool IsFinite(const TensorView& tensor) {
  switch (tensor.type) {
    case DataType::kFloat32:
      return AllFinite(tensor.Floats());
    case DataType::kFloat64:
      return std::ranges::all_of(ValuesOf<double>(tensor),
                                 [](double value) { return std::isfinite(static_cast<float>(value)); });
    case DataType::kFloat16:
      return std::ranges::all_of(ValuesOf<std::uint16_t>(tensor), IsFiniteHalf);
    default:
      return true;
  }
}

Error NotUsable(std::string_view output, std::string_view what) {
  return MakeError(Code::kInvalidArgument, fmt::format("Output '{}' of the model {}.", output, what));
}

Error Unexpected(std::string_view output, const TensorView& answer, const std::vector<std::int64_t>& wanted,
                 std::size_t text) {
  return MakeError(
      Code::kInternal,
      fmt::format("Output '{}' of the model is {} {} for text {}; it was FLOAT32 {} when the model was loaded.", output,
                  DataTypeName(answer.type), ShapeText(answer.shape), text, ShapeText(wanted)));
}

Error NotFinite(std::string_view output, std::size_t text) {
  return MakeError(Code::kInternal,
                   fmt::format("Output '{}' of the model holds NaN or infinity for text {}.", output, text));
}

std::string ShapeText(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

int OutputIndex(const engines::LoadedModel& engine, std::string_view name) {
  const auto& outputs = engine.outputs();
  const auto found = std::ranges::find(outputs, name, &engines::Port::name);
  return found == outputs.end() ? -1 : static_cast<int>(found - outputs.begin());
}

std::vector<int> AllOutputs(const engines::LoadedModel& engine) {
  std::vector<int> all(engine.outputs().size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  return all;
}

Status CheckOutputs(const engines::LoadedModel& engine, std::size_t least) {
  const std::size_t outputs = engine.outputs().size();
  if (outputs >= least) return {};
  if (outputs == 0) return MakeError(Code::kInvalidArgument, "The model has no output.");
  return MakeError(Code::kInvalidArgument,
                   fmt::format("The model has {} output; its function needs {}.", outputs, least));
}

TensorView CopyTensor(const TensorView& tensor) {
  auto bytes = std::make_shared<std::vector<char>>(Bytes(tensor));
  if (!bytes->empty()) std::memcpy(bytes->data(), tensor.data, bytes->size());
  return {.type = tensor.type, .shape = tensor.shape, .data = bytes->data(), .owner = bytes};
}

Status AnswerBytes::Add(std::size_t bytes) {
  if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return {};
  return MakeError(
      Code::kTooLarge,
      fmt::format("The answer holds more than {} bytes of tensors. Send fewer or shorter texts, or name the "
                  "tensors that you need in target_response.",
                  limit_));
}

Agreement CompareVectors(const Documents& reference, const Documents& other) {
  Agreement agreement;
  if (reference.size() != other.size()) return {.least = 0, .same = false, .within = false};
  for (std::size_t i = 0; i < reference.size(); ++i) {
    agreement.least = std::min(agreement.least, CompareDocument(reference[i], other[i]));
  }
  agreement.same = agreement.least >= kSameCosine;
  agreement.within = agreement.least >= kLeastCosine;
  return agreement;
}

Agreement CompareTexts(const Documents& reference, const Documents& other) {
  if (reference.size() != other.size()) return {.least = 0, .same = false, .within = false};
  std::size_t equal = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) equal += EqualTexts(reference[i], other[i]) ? 1 : 0;
  if (equal == reference.size()) return {};
  return {.least = static_cast<double>(equal) / static_cast<double>(reference.size()), .same = false, .within = false};
}

}  // namespace mlnode::serving
