// The answer of a prediction as CBOR: the same members as rest/predict_writer.cc prints, numbers and bytes as they are.
#include <span>
#include <vector>

#include "core/json.h"
#include "rest/content/cbor_writer.h"
#include "rest/predict_writer.h"

namespace mlnode::rest {
namespace {

constexpr std::size_t kBytesPerFloat = 5;
constexpr std::size_t kBytesPerTensor = 128;  // names and heads

template <class T>
void AppendInts(std::string& out, const void* data, std::size_t count) {
  AppendCborArray(out, count);
  for (const T value : std::span(static_cast<const T*>(data), count)) {
    AppendCborInt(out, static_cast<std::int32_t>(value));
  }
}

template <class T, class ToFloat>
void AppendAsFloats(std::string& out, const TensorView& tensor, ToFloat to_float) {
  std::vector<float> floats;
  floats.reserve(tensor.Values());
  for (const T value : std::span(static_cast<const T*>(tensor.data), tensor.Values())) {
    floats.push_back(to_float(value));
  }
  AppendCborFloats(out, floats);
}

void AppendData(std::string& out, const TensorView& tensor) {
  switch (tensor.type) {
    case DataType::kFloat32:
      return AppendCborFloats(out, tensor.Floats());
    case DataType::kFloat64:
      return AppendAsFloats<double>(out, tensor, [](double value) { return static_cast<float>(value); });
    case DataType::kFloat16:
      return AppendAsFloats<std::uint16_t>(out, tensor, HalfToFloat);
    case DataType::kInt64:
      return AppendInts<std::int64_t>(out, tensor.data, tensor.Values());
    case DataType::kInt32:
      return AppendInts<std::int32_t>(out, tensor.data, tensor.Values());
    case DataType::kInt8:
      return AppendInts<std::int8_t>(out, tensor.data, tensor.Values());
    case DataType::kUint8:
    case DataType::kBool:
      return AppendInts<std::uint8_t>(out, tensor.data, tensor.Values());
  }
}

void AppendTensorFields(std::string& out, const TensorView& tensor, const ResultFilter& filter, bool with_bytes) {
  AppendCborText(out, "data_type");
  AppendCborText(out, DataTypeName(tensor.type));
  AppendCborText(out, "shape");
  AppendInts<std::int64_t>(out, tensor.shape.data(), tensor.shape.size());
  if (filter.return_number) {
    AppendCborText(out, "data");
    AppendData(out, tensor);
  }
  if (!with_bytes) return;
  AppendCborText(out, "byte_buffer");
  AppendCborMap(out, 2);
  AppendCborText(out, "array");
  AppendCborBytes(out, {static_cast<const unsigned char*>(tensor.data), tensor.Values() * DataTypeBytes(tensor.type)});
  AppendCborText(out, "order");
  AppendCborText(out, "LITTLE_ENDIAN");
}

// Double precision: a provider's numbers are not rounded.
void AppendNumbers(std::string& out, const serving::ProvidedNumbers& numbers) {
  if (!numbers.data_type.empty()) {
    AppendCborText(out, "data_type");
    AppendCborText(out, numbers.data_type);
  }
  if (!numbers.shape.empty()) {
    AppendCborText(out, "shape");
    AppendInts<std::int64_t>(out, numbers.shape.data(), numbers.shape.size());
  }
  AppendCborText(out, "data");
  AppendCborArray(out, numbers.data.size());
  for (const double value : numbers.data) out += ToCbor(json::value(value), CborFloats::kDouble);
}

Status AppendTensor(std::string& out, const serving::NamedTensor& named, const ResultFilter& filter) {
  const bool with_bytes = named.tensor && named.has_bytes && filter.return_bytes;
  std::size_t fields = (named.name.empty() ? 0U : 1U) + (named.text ? 1U : 0U) + (named.data_as_map.empty() ? 0U : 1U);
  if (named.tensor) fields += 2U + (filter.return_number ? 1U : 0U) + (with_bytes ? 1U : 0U);
  if (named.provided)
    fields += 1U + (named.provided->data_type.empty() ? 0U : 1U) + (named.provided->shape.empty() ? 0U : 1U);
  AppendCborMap(out, fields);
  if (!named.name.empty()) {
    AppendCborText(out, "name");
    AppendCborText(out, named.name);
  }
  if (named.tensor) AppendTensorFields(out, *named.tensor, filter, with_bytes);
  if (named.provided) AppendNumbers(out, *named.provided);
  if (named.text) {
    AppendCborText(out, "result");
    AppendCborText(out, *named.text);
  }
  if (named.data_as_map.empty()) return {};
  ASSIGN_OR_RETURN(const json::value map, ParseJson(named.data_as_map));
  AppendCborText(out, "dataAsMap");
  out += ToCbor(map, CborFloats::kSingle);
  return {};
}

Status AppendDocument(std::string& out, const std::vector<serving::NamedTensor>& tensors, const ResultFilter& filter,
                      std::optional<int> status) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) kept += filter.Keeps(tensors[i].name, i) ? 1 : 0;
  AppendCborMap(out, (kept > 0 ? 1U : 0U) + (status ? 1U : 0U));
  if (status) {
    AppendCborText(out, "status_code");
    AppendCborInt(out, *status);
  }
  if (kept == 0) return {};
  AppendCborText(out, "output");
  AppendCborArray(out, kept);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (filter.Keeps(tensors[i].name, i)) RETURN_IF_ERROR(AppendTensor(out, tensors[i], filter));
  }
  return {};
}

}  // namespace

Result<std::string> WritePredictCbor(const serving::PredictResult& result, const ResultFilter& filter) {
  std::string out;
  out.reserve(64 + result.documents.size() * kBytesPerTensor + PrintedValues(result, filter) * kBytesPerFloat);
  AppendCborMap(out, 1);
  AppendCborText(out, "inference_results");
  AppendCborArray(out, result.documents.size());
  for (std::size_t i = 0; i < result.documents.size(); ++i) {
    const bool has_status = i < result.statuses.size();
    RETURN_IF_ERROR(AppendDocument(out, result.documents[i], filter,
                                   has_status ? std::optional(result.statuses[i]) : std::nullopt));
  }
  return out;
}

}  // namespace mlnode::rest
