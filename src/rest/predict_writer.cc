#include "rest/predict_writer.h"

#include <charconv>
#include <span>

#include "core/json.h"
#include "core/log.h"
#include "rest/content/cbor_writer.h"

namespace mlnode::rest {
namespace {

constexpr std::size_t kBytesPerValue = 14;    // "-0.0026050296," and the like; longer ones make the buffer grow
constexpr std::size_t kBytesPerTensor = 128;  // names and brackets

void AppendInt(std::string& out, std::int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out.append(digits, end);
}

template <class T, class AppendValue>
void AppendArray(std::string& out, std::span<const T> values, AppendValue append_value) {
  out.push_back('[');
  for (const T& value : values) {
    append_value(out, value);
    out.push_back(',');
  }
  if (!values.empty()) out.pop_back();
  out.push_back(']');
}

Error CannotPrint(const serving::NamedTensor& named) {
  return MakeError(Code::kUnimplemented, fmt::format("output [{}] has type {}, which this version cannot print",
                                                     named.name, DataTypeName(named.tensor.type)));
}

template <class T>
void AppendIntData(std::string& out, const TensorView& tensor) {
  const std::span<const T> values(static_cast<const T*>(tensor.data), tensor.Values());
  AppendArray(out, values, [](std::string& to, T value) { AppendInt(to, static_cast<std::int64_t>(value)); });
}

Status AppendData(std::string& out, const serving::NamedTensor& named) {
  const TensorView& tensor = *named.tensor;
  switch (tensor.type) {
    case DataType::kFloat32:
      AppendArray(out, tensor.Floats(), AppendFloat);
      return {};
    case DataType::kInt64:
      AppendIntData<std::int64_t>(out, tensor);
      return {};
    case DataType::kInt32:
      AppendIntData<std::int32_t>(out, tensor);
      return {};
    case DataType::kInt8:
      AppendIntData<std::int8_t>(out, tensor);
      return {};
    case DataType::kUint8:
      AppendIntData<std::uint8_t>(out, tensor);
      return {};
    default:
      return CannotPrint(named);
  }
}

Status AppendTensor(std::string& out, const serving::NamedTensor& named, const ResultFilter& filter) {
  out += R"({"name":)";
  out += ToJson(json::value(json::string_view(named.name.data(), named.name.size())));
  out += R"(,"data_type":")";
  out += DataTypeName(named.tensor->type);
  out += R"(","shape":)";
  AppendArray(out, std::span<const std::int64_t>(named.tensor->shape), AppendInt);
  if (filter.return_number) {
    out += R"(,"data":)";
    RETURN_IF_ERROR(AppendData(out, named));
  }
  out.push_back('}');
  return {};
}

Status AppendDocument(std::string& out, const std::vector<serving::NamedTensor>& tensors, const ResultFilter& filter) {
  bool any = false;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!filter.Keeps(tensors[i].name, i)) continue;
    out += any ? "," : R"({"output":[)";
    any = true;
    RETURN_IF_ERROR(AppendTensor(out, tensors[i], filter));
  }
  out += any ? "]}" : "{}";
  return {};
}

template <class T>
void AppendCborInts(std::string& out, const void* data, std::size_t count) {
  AppendCborArray(out, count);
  for (const T value : std::span(static_cast<const T*>(data), count)) AppendCborInt(out, value);
}

Status AppendCborData(std::string& out, const serving::NamedTensor& named) {
  const TensorView& tensor = named.tensor;
  switch (tensor.type) {
    case DataType::kFloat32:
      AppendCborFloats(out, tensor.Floats());
      return {};
    case DataType::kInt64:
      AppendCborInts<std::int64_t>(out, tensor.data, tensor.Values());
      return {};
    case DataType::kInt32:
      AppendCborInts<std::int32_t>(out, tensor.data, tensor.Values());
      return {};
    case DataType::kInt8:
      AppendCborInts<std::int8_t>(out, tensor.data, tensor.Values());
      return {};
    case DataType::kUint8:
      AppendCborInts<std::uint8_t>(out, tensor.data, tensor.Values());
      return {};
    default:
      return CannotPrint(named);
  }
}

Status AppendCborTensor(std::string& out, const serving::NamedTensor& named, const ResultFilter& filter) {
  AppendCborMap(out, filter.return_number ? 4 : 3);
  AppendCborText(out, "name");
  AppendCborText(out, named.name);
  AppendCborText(out, "data_type");
  AppendCborText(out, DataTypeName(named.tensor.type));
  AppendCborText(out, "shape");
  AppendCborInts<std::int64_t>(out, named.tensor.shape.data(), named.tensor.shape.size());
  if (!filter.return_number) return {};
  AppendCborText(out, "data");
  return AppendCborData(out, named);
}

Status AppendCborDocument(std::string& out, const std::vector<serving::NamedTensor>& tensors,
                          const ResultFilter& filter) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) kept += filter.Keeps(tensors[i].name, i) ? 1 : 0;
  AppendCborMap(out, kept > 0 ? 1 : 0);
  if (kept == 0) return {};
  AppendCborText(out, "output");
  AppendCborArray(out, kept);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (filter.Keeps(tensors[i].name, i)) RETURN_IF_ERROR(AppendCborTensor(out, tensors[i], filter));
  }
  return {};
}

}  // namespace

std::size_t PrintedValues(const serving::PredictResult& result, const ResultFilter& filter) {
  if (!filter.return_number) return 0;
  std::size_t values = 0;
  for (const auto& tensors : result.documents) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (filter.Keeps(tensors[i].name, i)) values += tensors[i].tensor->Values();
    }
  }
  return values;
}

Result<std::string> WritePredictReply(const serving::PredictResult& result, const ResultFilter& filter) {
  std::string out;
  out.reserve(64 + result.documents.size() * kBytesPerTensor + PrintedValues(result, filter) * kBytesPerValue);
  out += R"({"inference_results":[)";
  for (const auto& tensors : result.documents) {
    RETURN_IF_ERROR(AppendDocument(out, tensors, filter));
    out.push_back(',');
  }
  if (!result.documents.empty()) out.pop_back();
  out += "]}";
  return out;
}

Result<std::string> WritePredictCbor(const serving::PredictResult& result, const ResultFilter& filter) {
  constexpr std::size_t kBytesPerFloat = 5;
  std::string out;
  out.reserve(64 + result.documents.size() * kBytesPerTensor + PrintedValues(result, filter) * kBytesPerFloat);
  AppendCborMap(out, 1);
  AppendCborText(out, "inference_results");
  AppendCborArray(out, result.documents.size());
  for (const auto& tensors : result.documents) RETURN_IF_ERROR(AppendCborDocument(out, tensors, filter));
  return out;
}

}  // namespace mlnode::rest
