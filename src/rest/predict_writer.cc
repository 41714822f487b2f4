#include "rest/predict_writer.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

#include "core/json.h"

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

template <class T, class AppendValue>
void AppendValues(std::string& out, const TensorView& tensor, AppendValue append_value) {
  AppendArray(out, std::span<const T>(static_cast<const T*>(tensor.data), tensor.Values()), append_value);
}

template <class T>
void AppendInts(std::string& out, const TensorView& tensor) {
  AppendValues<T>(out, tensor, [](std::string& to, T value) { AppendInt(to, static_cast<std::int32_t>(value)); });
}

void AppendData(std::string& out, const TensorView& tensor) {
  switch (tensor.type) {
    case DataType::kFloat32:
      return AppendArray(out, tensor.Floats(), AppendFloat);
    case DataType::kFloat64:
      return AppendValues<double>(out, tensor,
                                  [](std::string& to, double value) { AppendFloat(to, static_cast<float>(value)); });
    case DataType::kFloat16:
      return AppendValues<std::uint16_t>(
          out, tensor, [](std::string& to, std::uint16_t value) { AppendFloat(to, HalfToFloat(value)); });
    case DataType::kInt64:
      return AppendInts<std::int64_t>(out, tensor);
    case DataType::kInt32:
      return AppendInts<std::int32_t>(out, tensor);
    case DataType::kInt8:
      return AppendInts<std::int8_t>(out, tensor);
    case DataType::kUint8:
    case DataType::kBool:
      return AppendInts<std::uint8_t>(out, tensor);
  }
}

// RFC 4648, with padding.
void AppendBase64(std::string& out, std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16U;
    if (left > 1) group |= static_cast<std::uint32_t>(bytes[i + 1]) << 8U;
    if (left > 2) group |= bytes[i + 2];
    for (std::size_t digit = 0; digit < 4; ++digit) {
      out.push_back(digit <= left ? kDigits[(group >> (18U - 6U * digit)) & 0x3FU] : '=');
    }
  }
}

void AppendByteBuffer(std::string& out, const TensorView& tensor) {
  static_assert(std::endian::native == std::endian::little);
  out += R"("byte_buffer":{"array":")";
  AppendBase64(out, {static_cast<const unsigned char*>(tensor.data), tensor.Values() * DataTypeBytes(tensor.type)});
  out += R"(","order":"LITTLE_ENDIAN"},)";
}

// "FLOAT32", "FLOAT64", ...: not "INT8", "UINT8", "BINARY", "UBINARY".
bool IsFloatType(std::string_view type) { return type.empty() || type.starts_with("FLOAT"); }

void AppendProvided(std::string& out, double value, bool floats) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!floats && value == std::floor(value) && std::abs(value) <= kExact) {
    return AppendInt(out, static_cast<std::int64_t>(value));
  }
  AppendDouble(out, value);
}

void AppendNumbers(std::string& out, const serving::ProvidedNumbers& numbers) {
  if (!numbers.data_type.empty()) {
    out += R"("data_type":)";
    AppendJsonString(out, numbers.data_type);
    out.push_back(',');
  }
  if (!numbers.shape.empty()) {
    out += R"("shape":)";
    AppendArray(out, std::span<const std::int64_t>(numbers.shape), AppendInt);
    out.push_back(',');
  }
  const bool floats = IsFloatType(numbers.data_type);
  out += R"("data":)";
  AppendArray(out, std::span<const double>(numbers.data),
              [floats](std::string& to, double value) { AppendProvided(to, value, floats); });
  out.push_back(',');
}

void AppendTensor(std::string& out, const serving::NamedTensor& named, const ResultFilter& filter) {
  out.push_back('{');
  if (!named.name.empty()) {
    out += R"("name":)";
    AppendJsonString(out, named.name);
    out.push_back(',');
  }
  if (named.tensor) {
    out += R"("data_type":")";
    out += DataTypeName(named.tensor->type);
    out += R"(","shape":)";
    AppendArray(out, std::span<const std::int64_t>(named.tensor->shape), AppendInt);
    out.push_back(',');
    if (filter.return_number) {
      out += R"("data":)";
      AppendData(out, *named.tensor);
      out.push_back(',');
    }
    if (filter.return_bytes && named.has_bytes) AppendByteBuffer(out, *named.tensor);
  }
  if (named.provided) AppendNumbers(out, *named.provided);
  if (named.text) {
    out += R"("result":)";
    AppendJsonString(out, *named.text);
    out.push_back(',');
  }
  if (!named.data_as_map.empty()) (out += R"("dataAsMap":)").append(named.data_as_map).push_back(',');
  if (out.back() == ',') out.pop_back();
  out.push_back('}');
}

void AppendDocument(std::string& out, const std::vector<serving::NamedTensor>& tensors, const ResultFilter& filter,
                    std::optional<int> status) {
  bool any = false;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!filter.Keeps(tensors[i].name, i)) continue;
    out += any ? "," : R"({"output":[)";
    any = true;
    AppendTensor(out, tensors[i], filter);
  }
  if (!status) {
    out += any ? "]}" : "{}";
    return;
  }
  out += any ? R"(],"status_code":)" : R"({"output":[],"status_code":)";
  AppendInt(out, *status);
  out.push_back('}');
}

// Base64 is 4 bytes for 3.
std::size_t PrintedBytes(const serving::NamedTensor& named, const ResultFilter& filter) {
  std::size_t bytes = named.data_as_map.size() + (named.text ? named.text->size() : 0);
  if (!named.tensor || !named.has_bytes || !filter.return_bytes) return bytes;
  return bytes + named.tensor->Values() * DataTypeBytes(named.tensor->type) * 4 / 3;
}

}  // namespace

std::size_t PrintedValues(const serving::PredictResult& result, const ResultFilter& filter) {
  std::size_t values = 0;
  for (const auto& tensors : result.documents) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!filter.Keeps(tensors[i].name, i)) continue;
      if (tensors[i].tensor && filter.return_number) values += tensors[i].tensor->Values();
      if (tensors[i].provided) values += tensors[i].provided->data.size();
      values += PrintedBytes(tensors[i], filter) / kBytesPerValue;
    }
  }
  return values;
}

Result<std::string> WritePredictReply(const serving::PredictResult& result, const ResultFilter& filter) {
  std::string out;
  out.reserve(64 + result.documents.size() * kBytesPerTensor + PrintedValues(result, filter) * kBytesPerValue);
  out += R"({"inference_results":[)";
  for (std::size_t i = 0; i < result.documents.size(); ++i) {
    const bool has_status = i < result.statuses.size();
    AppendDocument(out, result.documents[i], filter, has_status ? std::optional(result.statuses[i]) : std::nullopt);
    out.push_back(',');
  }
  if (!result.documents.empty()) out.pop_back();
  out += "]}";
  return out;
}

}  // namespace mlnode::rest
