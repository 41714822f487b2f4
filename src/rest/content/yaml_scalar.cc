#include "rest/content/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/json.h"

namespace mlnode::rest {
namespace {

using Kind = YamlScalar::Kind;

constexpr std::string_view kNulls[] = {"", "~", "null", "Null", "NULL"};
constexpr std::string_view kTrues[] = {"true", "True", "TRUE"};
constexpr std::string_view kFalses[] = {"false", "False", "FALSE"};
constexpr std::string_view kNotFinite[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf", "+.INF",
                                           "-.inf", "-.Inf", "-.INF", ".nan",  ".NaN",  ".NAN"};

template <std::size_t kSize>
bool IsOneOf(std::string_view text, const std::string_view (&words)[kSize]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

std::string_view TakeDigits(std::string_view& text) {
  const std::size_t length = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

// 0o17, 0x1F: no sign.
YamlScalar ReadBased(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const std::string text(digits);
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, base);
  if (text.empty() || text.front() == '-' || read.ptr != end) return {};
  if (read.ec != std::errc()) return {.kind = Kind::kNoNumber};
  return {.kind = Kind::kLiteral, .json = std::to_string(value)};
}

// An exponent as JSON has it, or nothing where `text` begins otherwise.
std::string TakeExponent(std::string_view& text) {
  if (text.empty() || (text.front() != 'e' && text.front() != 'E')) return {};
  std::string_view rest = text.substr(1);
  std::string exponent = "e";
  if (!rest.empty() && (rest.front() == '+' || rest.front() == '-')) {
    exponent += rest.front();
    rest.remove_prefix(1);
  }
  const std::string_view digits = TakeDigits(rest);
  if (digits.empty()) return {};
  text = rest;
  return exponent.append(digits);
}

// nullopt beyond a double.
std::optional<double> ToDouble(const std::string& json) {
  double value = 0;
  const auto read = std::from_chars(json.data(), json.data() + json.size(), value);
  return read.ec == std::errc() && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

// [-+]? (digits (. digits*)? | . digits) exponent?
YamlScalar ReadDecimal(std::string_view text) {
  std::string json;
  if (text.starts_with('-')) json = "-";
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  std::string_view whole = TakeDigits(text);
  std::string_view fraction;
  const bool point = text.starts_with('.');
  if (point) {
    text.remove_prefix(1);
    fraction = TakeDigits(text);
  }
  if (whole.empty() && fraction.empty()) return {};
  const std::string exponent = TakeExponent(text);
  if (!text.empty()) return {};
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  json.append(whole.empty() ? "0" : whole);
  if (point) json.append(".").append(fraction.empty() ? "0" : fraction);
  json.append(exponent);
  const auto value = ToDouble(json);
  if (!value) return {.kind = Kind::kNoNumber};
  if (!exponent.empty()) {  // which may have more digits than readers of JSON take
    json.clear();
    AppendDouble(json, *value);
  }
  return {.kind = Kind::kLiteral, .json = std::move(json)};
}

}  // namespace

YamlScalar ReadPlainScalar(std::string_view text) {
  if (IsOneOf(text, kNulls)) return {.kind = Kind::kLiteral, .json = "null"};
  if (IsOneOf(text, kTrues)) return {.kind = Kind::kLiteral, .json = "true"};
  if (IsOneOf(text, kFalses)) return {.kind = Kind::kLiteral, .json = "false"};
  if (IsOneOf(text, kNotFinite)) return {.kind = Kind::kNoNumber};
  if (text.starts_with("0o")) return ReadBased(text.substr(2), 8);
  if (text.starts_with("0x")) return ReadBased(text.substr(2), 16);
  return ReadDecimal(text);
}

}  // namespace mlnode::rest
