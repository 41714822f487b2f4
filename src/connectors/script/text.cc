#include "connectors/script/text.h"

#include <cstring>

#include <array>
#include <charconv>
#include <cmath>

#include "core/utf8.h"

namespace mlnode::connectors::script {
namespace {

constexpr std::string_view kShortEscapes = "\"\\\b\f\n\r\t";

bool IsHigh(std::uint32_t code) { return code >= 0xD800 && code <= 0xDBFF; }
bool IsLow(std::uint32_t code) { return code >= 0xDC00 && code <= 0xDFFF; }

struct Decoded {
  std::uint32_t code = 0;
  std::size_t length = 1;
};

// As DecodeUtf8, and surrogates are read.
Decoded Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  if (byte(0) < 0x80) return {byte(0), 1};
  if (byte(0) == 0xED && text.size() >= 3 && byte(1) >= 0xA0) {
    return {0xD000U | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU), 3};
  }
  const Utf8Char read = DecodeUtf8(text);
  if (read.length == 0) return {0xFFFD, 1};
  return {read.code, read.length};
}

void AppendSurrogate(std::string& out, std::uint32_t code) {
  out.push_back(static_cast<char>(0xED));
  out.push_back(static_cast<char>(0x80U | ((code >> 6U) & 0x3FU)));
  out.push_back(static_cast<char>(0x80U | (code & 0x3FU)));
}

// The high surrogate that a text ends with, 0: none.
std::uint32_t HighAtEnd(std::string_view text) {
  if (text.size() < 3 || static_cast<unsigned char>(text[text.size() - 3]) != 0xED) return 0;
  const Decoded last = Decode(text.substr(text.size() - 3));
  return last.length == 3 && IsHigh(last.code) ? last.code : 0;
}

void AppendPair(std::string& out, std::uint32_t high, std::uint32_t low) {
  AppendUtf8(out, 0x10000U + ((high - 0xD800U) << 10U) + (low - 0xDC00U));
}

// Java: decimal between 1e-3 and 1e7, else "d.dddE-5". `digits`: what to_chars made in scientific form.
std::string JavaForm(std::string_view scientific) {
  std::string out;
  if (scientific.front() == '-') {
    out.push_back('-');
    scientific.remove_prefix(1);
  }
  const std::size_t mark = scientific.find('e');
  std::string digits(1, scientific[0]);
  if (mark > 2) digits.append(scientific.substr(2, mark - 2));
  int exponent = 0;
  const std::string_view power = scientific.substr(mark + 2);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (scientific[mark + 1] == '-') exponent = -exponent;
  if (exponent < -3 || exponent >= 7) {
    out.push_back(digits[0]);
    out.push_back('.');
    out.append(digits.size() > 1 ? digits.substr(1) : "0");
    return out.append("E").append(std::to_string(exponent));
  }
  if (exponent < 0) return out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
  const auto before = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < before + 1) digits.append(before + 1 - digits.size(), '0');
  return out.append(digits, 0, before).append(".").append(digits, before);
}

template <class T>
std::string JavaNumber(T value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  std::array<char, 64> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  return JavaForm({buffer.data(), static_cast<std::size_t>(end - buffer.data())});
}

}  // namespace

std::u16string ToUnits(std::string_view text) {
  std::u16string units;
  units.reserve(text.size());
  while (!text.empty()) {
    const Decoded read = Decode(text);
    text.remove_prefix(read.length);
    if (read.code < 0x10000) {
      units.push_back(static_cast<char16_t>(read.code));
    } else {
      units.push_back(static_cast<char16_t>(0xD800U + ((read.code - 0x10000U) >> 10U)));
      units.push_back(static_cast<char16_t>(0xDC00U + ((read.code - 0x10000U) & 0x3FFU)));
    }
  }
  return units;
}

void AppendUnit(std::string& out, char16_t unit) {
  const std::uint32_t code = unit;
  if (IsLow(code)) {
    if (const std::uint32_t high = HighAtEnd(out); high != 0) {
      out.resize(out.size() - 3);
      return AppendPair(out, high, code);
    }
  }
  if (IsHigh(code) || IsLow(code)) return AppendSurrogate(out, code);
  AppendUtf8(out, code);
}

std::string FromUnits(std::u16string_view units) {
  std::string text;
  text.reserve(units.size());
  for (const char16_t unit : units) AppendUnit(text, unit);
  return text;
}

void AppendText(std::string& out, std::string_view text) {
  if (text.size() >= 3 && static_cast<unsigned char>(text[0]) == 0xED) {
    const Decoded first = Decode(text);
    if (IsLow(first.code)) {
      AppendUnit(out, static_cast<char16_t>(first.code));
      text.remove_prefix(first.length);
    }
  }
  out.append(text);
}

std::string ToValidUtf8(std::string text) {
  if (text.find(static_cast<char>(0xED)) == std::string::npos) return text;
  std::string out;
  out.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const Decoded read = Decode(rest);
    rest.remove_prefix(read.length);
    AppendUtf8(out, IsHigh(read.code) || IsLow(read.code) ? 0xFFFD : read.code);
  }
  return out;
}

std::size_t UnitCount(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80U) count += byte >= 0xF0 ? 2 : 1;
  }
  return count;
}

std::string JavaDouble(double value) { return JavaNumber(value); }
std::string JavaFloat(float value) { return JavaNumber(value); }

std::optional<std::int64_t> ParseWhole(std::string_view text, int radix) {
  if (radix < 2 || radix > 36) return std::nullopt;
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ParseReal(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  if (text == "NaN") return std::nan("");
  if (text == "Infinity" || text == "-Infinity") return text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::strtod(std::string(text).c_str(), nullptr);
  return value;
}

std::size_t FindText(std::string_view text, std::string_view needle, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  if (needle.size() == 1) return text.find(needle[0], from);
  // memmem is linear in glibc and musl; std::string::find is quadratic for "aaa...b" in "aaa...a".
  const void* const found = memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::size_t EscapedBytes(std::string_view text) {
  std::size_t bytes = text.size();
  for (const char c : text) {
    if (kShortEscapes.find(c) != std::string_view::npos) {
      bytes += 1;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      bytes += 5;
    }
  }
  return bytes;
}

std::string EscapeForJson(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  out.reserve(EscapedBytes(text));
  for (const char c : text) {
    const std::size_t special = kShortEscapes.find(c);
    if (special != std::string_view::npos) {
      out.push_back('\\');
      out.push_back("\"\\bfnrt"[special]);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out.append("\\u00");
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4U]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15U]);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace mlnode::connectors::script
