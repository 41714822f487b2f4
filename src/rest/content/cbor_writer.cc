#include "rest/content/cbor_writer.h"

#include <bit>

namespace mlnode::rest {
namespace {

constexpr std::uint8_t kUnsigned = 0x00, kNegative = 0x20, kBytes = 0x40, kText = 0x60, kArray = 0x80, kMap = 0xa0;
constexpr char kFalse = '\xf4', kTrue = '\xf5', kNull = '\xf6', kFloat32 = '\xfa', kFloat64 = '\xfb';

template <class Unsigned>
void AppendBigEndian(std::string& out, Unsigned bits) {
  char bytes[sizeof bits];
  for (std::size_t i = sizeof bits; i-- > 0; bits = static_cast<Unsigned>(bits >> 8U))
    bytes[i] = static_cast<char>(bits);
  out.append(bytes, sizeof bytes);
}

void AppendHead(std::string& out, unsigned major, std::uint64_t number) {
  const auto first = [&](unsigned info) { out.push_back(static_cast<char>(major | info)); };
  if (number < 24) {
    first(static_cast<unsigned>(number));
  } else if (number <= 0xff) {
    first(24);
    out.push_back(static_cast<char>(number));
  } else if (number <= 0xffff) {
    first(25);
    AppendBigEndian(out, static_cast<std::uint16_t>(number));
  } else if (number <= 0xffff'ffff) {
    first(26);
    AppendBigEndian(out, static_cast<std::uint32_t>(number));
  } else {
    first(27);
    AppendBigEndian(out, number);
  }
}

void AppendNumber(std::string& out, double value, CborFloats floats) {
  if (floats == CborFloats::kSingle) {
    out.push_back(kFloat32);
    AppendBigEndian(out, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  } else {
    out.push_back(kFloat64);
    AppendBigEndian(out, std::bit_cast<std::uint64_t>(value));
  }
}

// As deep as the value, which the parser bounds.
void AppendValue(std::string& out, const json::value& value, CborFloats floats) {
  switch (value.kind()) {
    case json::kind::null:
      return out.push_back(kNull);
    case json::kind::bool_:
      return out.push_back(value.get_bool() ? kTrue : kFalse);
    case json::kind::int64:
      return AppendCborInt(out, value.get_int64());
    case json::kind::uint64:
      return AppendHead(out, kUnsigned, value.get_uint64());
    case json::kind::double_:
      return AppendNumber(out, value.get_double(), floats);
    case json::kind::string:
      return AppendCborText(out, value.get_string());
    case json::kind::array:
      AppendCborArray(out, value.get_array().size());
      for (const json::value& element : value.get_array()) AppendValue(out, element, floats);
      return;
    case json::kind::object:
      AppendCborMap(out, value.get_object().size());
      for (const auto& [key, member] : value.get_object()) {
        AppendCborText(out, key);
        AppendValue(out, member, floats);
      }
      return;
  }
}

}  // namespace

std::string ToCbor(const json::value& value, CborFloats floats) {
  std::string out;
  AppendValue(out, value, floats);
  return out;
}

void AppendCborArray(std::string& out, std::size_t elements) { AppendHead(out, kArray, elements); }
void AppendCborMap(std::string& out, std::size_t fields) { AppendHead(out, kMap, fields); }

void AppendCborBytes(std::string& out, std::span<const unsigned char> bytes) {
  AppendHead(out, kBytes, bytes.size());
  out.append(bytes.begin(), bytes.end());
}

void AppendCborText(std::string& out, std::string_view text) {
  AppendHead(out, kText, text.size());
  out.append(text);
}

void AppendCborInt(std::string& out, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  AppendHead(out, value < 0 ? kNegative : kUnsigned, value < 0 ? ~bits : bits);
}

void AppendCborFloats(std::string& out, std::span<const float> values) {
  AppendCborArray(out, values.size());
  for (const float value : values) {
    out.push_back(kFloat32);
    AppendBigEndian(out, std::bit_cast<std::uint32_t>(value));
  }
}

}  // namespace mlnode::rest
