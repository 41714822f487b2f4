#include "core/json/json_error.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/utf8.h"

namespace mlnode {
namespace {

constexpr std::string_view kValueKinds = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

std::string Decimal(std::uint64_t n) { return std::to_string(n); }

// A recursive descent over the text that stops at the first fault. Depth is bounded by max_depth.
class Scanner {
 public:
  Scanner(std::string_view text, std::size_t max_depth) : text_(text), max_depth_(max_depth) {}

  std::optional<Error> Document() {
    SkipBlanks();
    if (AtEnd()) return EndOfInput("No content to map due to end-of-input");
    if (auto error = Value()) return error;
    SkipBlanks();
    if (AtEnd()) return std::nullopt;
    if (Peek() == '}' || Peek() == ']') return Unexpected("expected a value, not a close marker");
    return Fault("Trailing content found after value", at_);
  }

 private:
  using Fail = std::optional<Error>;

  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return text_[at_]; }
  bool IsDigit() const { return !AtEnd() && Peek() >= '0' && Peek() <= '9'; }
  void SkipBlanks() {
    while (!AtEnd() && (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r')) ++at_;
  }

  std::string Source(std::size_t offset) const {
    std::size_t line = 1;
    std::size_t line_start = 0;
    for (std::size_t i = 0; i < offset; ++i) {
      if (text_[i] != '\n') continue;
      ++line;
      line_start = i + 1;
    }
    return "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: " + Decimal(line) +
           ", column: " + Decimal(offset - line_start + 1) + "]";
  }
  Error Make(std::string_view reason, std::string message, std::size_t offset) const {
    Error error = MakeError(Code::kInvalidArgument, std::move(message) + "\n at " + Source(offset));
    error.reason = reason;
    return error;
  }
  Error Fault(std::string message, std::size_t offset) const {
    return Make("json_parse_exception", std::move(message), offset);
  }
  Error EndOfInput(std::string message) const { return Make("json_e_o_f_exception", std::move(message), text_.size()); }
  Error EndBetween(std::string_view kind) const {
    return EndOfInput("Unexpected end-of-input within/between " + std::string(kind) + " entries");
  }
  Error EndInside(std::string_view kind, std::size_t start) const {
    return EndOfInput("Unexpected end-of-input: expected close marker for " + std::string(kind) + " (start marker at " +
                      Source(start) + ")");
  }

  // "'n' (code 110)", and for the first character of a longer UTF-8 sequence its code point.
  std::string CharName() const {
    const Utf8Char c = DecodeUtf8(text_.substr(at_));
    if (c.length == 0) return "byte " + Hex(static_cast<unsigned char>(Peek()));
    if (c.code < 0x20 || (c.code >= 0x7F && c.code < 0xA0)) return "(CTRL-CHAR, code " + Decimal(c.code) + ")";
    std::string name = "'" + std::string(text_.substr(at_, c.length)) + "' (code " + Decimal(c.code);
    if (c.code > 0xFF) name += " / " + Hex(c.code);
    return name + ")";
  }
  static std::string Hex(std::uint32_t n) {
    char digits[8];
    return "0x" + std::string(digits, std::to_chars(digits, digits + sizeof digits, n, 16).ptr);
  }
  Error Unexpected(const std::string& wanted) const {
    return Fault("Unexpected character (" + CharName() + "): " + wanted, at_);
  }

  Fail Value() {
    switch (Peek()) {
      case '{':
        return Object();
      case '[':
        return Array();
      case '"':
        return String(nullptr);
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        if (Peek() == '-' || IsDigit()) return Number();
        if (IsWordChar()) return Word("");
        return Unexpected("expected a valid value " + std::string(kValueKinds));
    }
  }

  bool IsWordChar() const {
    const auto c = static_cast<unsigned char>(Peek());
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           c >= 0x80;
  }
  Fail Word(std::string_view wanted) {
    constexpr std::size_t kShown = 256;  // as the peer cuts it
    const std::size_t start = at_;
    while (!AtEnd() && IsWordChar()) {
      const Utf8Char c = DecodeUtf8(text_.substr(at_));
      if (c.length == 0) return InvalidUtf8();
      at_ += c.length;
    }
    const std::string_view word = text_.substr(start, at_ - start);
    if (word == wanted) return std::nullopt;
    const std::string shown(TruncateUtf8(word, kShown));
    return Fault("Unrecognized token '" + shown + "': was expecting " + std::string(kValueKinds), at_);
  }

  Fail Object() {
    const std::size_t start = at_++;
    if (auto error = Enter()) return error;
    std::set<std::string> keys;
    for (bool first = true;; first = false) {
      SkipBlanks();
      if (AtEnd()) return EndInside("Object", start);
      if (Peek() == '}' && first) break;
      if (auto error = Field(keys)) return error;
      SkipBlanks();
      if (AtEnd()) return EndInside("Object", start);
      if (Peek() == '}') break;
      if (Peek() == ']') return WrongClose("}", "Object", start);
      if (Peek() != ',') return Unexpected("was expecting comma to separate Object entries");
      ++at_;
      SkipBlanks();
      if (AtEnd()) return EndBetween("Object");
    }
    return Leave();
  }
  Fail Field(std::set<std::string>& keys) {
    if (Peek() != '"') return Unexpected("was expecting double-quote to start field name");
    std::string key;
    if (auto error = String(&key)) return error;
    if (keys.contains(key)) return Fault("Duplicate field '" + key + "'", at_);
    keys.insert(std::move(key));
    SkipBlanks();
    if (AtEnd()) return EndBetween("Object");
    if (Peek() != ':') return Unexpected("was expecting a colon to separate field name and value");
    ++at_;
    SkipBlanks();
    if (AtEnd()) return EndBetween("Object");
    return Value();
  }

  Fail Array() {
    const std::size_t start = at_++;
    if (auto error = Enter()) return error;
    for (bool first = true;; first = false) {
      SkipBlanks();
      if (AtEnd()) return EndInside("Array", start);
      if (Peek() == ']' && first) break;
      if (auto error = Value()) return error;
      SkipBlanks();
      if (AtEnd()) return EndInside("Array", start);
      if (Peek() == ']') break;
      if (Peek() == '}') return WrongClose("]", "Array", start);
      if (Peek() != ',') return Unexpected("was expecting comma to separate Array entries");
      ++at_;
      SkipBlanks();
      if (AtEnd()) return EndBetween("Array");
    }
    return Leave();
  }
  Error WrongClose(const std::string& wanted, const std::string& kind, std::size_t start) const {
    return Fault("Unexpected close marker '" + std::string(1, Peek()) + "': expected '" + wanted + "' (for " + kind +
                     " starting at " + Source(start) + ")",
                 at_);
  }
  Fail Enter() {
    if (++depth_ <= max_depth_) return std::nullopt;
    return Fault(
        "Document nesting depth (" + Decimal(depth_) + ") exceeds the maximum allowed (" + Decimal(max_depth_) + ")",
        at_);
  }
  Fail Leave() {
    ++at_;
    --depth_;
    return std::nullopt;
  }

  // Reads a string; `key` receives its unescaped text and makes it a field name in messages.
  Fail String(std::string* key) {
    ++at_;
    while (true) {
      if (AtEnd()) {
        return EndOfInput(key ? "Unexpected end-of-input in field name"
                              : "Unexpected end-of-input: was expecting closing quote for a string value");
      }
      const char c = Peek();
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) {
        return Fault("Illegal unquoted character (" + CharName() +
                         "): has to be escaped using backslash to be included in " + (key ? "name" : "string value"),
                     at_);
      }
      if (c == '\\') {
        if (auto error = Escape(key)) return error;
        continue;
      }
      const Utf8Char decoded = DecodeUtf8(text_.substr(at_));
      if (decoded.length == 0) return InvalidUtf8();
      if (key) key->append(text_.substr(at_, decoded.length));
      at_ += decoded.length;
    }
    ++at_;
    return std::nullopt;
  }
  Error InvalidUtf8() const {
    const auto first = static_cast<unsigned char>(Peek());
    const bool start_is_bad = first < 0xC2 || first > 0xF4;
    std::size_t bad = at_;
    if (!start_is_bad) {
      do ++bad;
      while (bad < text_.size() && (static_cast<unsigned char>(text_[bad]) & 0xC0U) == 0x80 && bad - at_ < 3);
      if (bad >= text_.size()) return EndOfInput("Unexpected end-of-input in UTF-8 character");
    }
    return Fault("Invalid UTF-8 " + std::string(start_is_bad ? "start" : "middle") + " byte " +
                     Hex(static_cast<unsigned char>(text_[bad])),
                 bad);
  }

  Fail Escape(std::string* key) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    ++at_;
    if (AtEnd()) return EndOfInput("Unexpected end-of-input in character escape sequence");
    if (Peek() == 'u') return UnicodeEscape(key);
    const std::size_t index = kNames.find(Peek());
    if (index == std::string_view::npos) return Fault("Unrecognized character escape " + CharName(), at_);
    if (key) key->push_back(kMeant[index]);
    ++at_;
    return std::nullopt;
  }
  Fail UnicodeEscape(std::string* key) {
    const std::size_t start = at_ - 1;
    std::uint32_t code = 0;
    if (auto error = FourHexDigits(code)) return error;
    if (code >= 0xDC00 && code < 0xE000) return LoneSurrogate(start);
    if (code >= 0xD800 && code < 0xDC00) {
      if (text_.substr(at_, 2) != "\\u") return LoneSurrogate(start);
      ++at_;
      std::uint32_t low = 0;
      if (auto error = FourHexDigits(low)) return error;
      if (low < 0xDC00 || low >= 0xE000) return LoneSurrogate(start);
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
    }
    if (key) AppendUtf8(*key, code);
    return std::nullopt;
  }
  Error LoneSurrogate(std::size_t start) const {
    return Fault("Incomplete surrogate pair in character escape " + std::string(text_.substr(start, 6)), start);
  }
  Fail FourHexDigits(std::uint32_t& code) {
    ++at_;  // the u
    for (int i = 0; i < 4; ++i, ++at_) {
      if (AtEnd()) return EndOfInput("Unexpected end-of-input in character escape sequence");
      const char* digit = text_.data() + at_;
      std::uint32_t value = 0;
      if (std::from_chars(digit, digit + 1, value, 16).ec != std::errc()) {
        return Unexpected("expected a hex-digit for character escape sequence");
      }
      code = code * 16 + value;
    }
    return std::nullopt;
  }

  Fail Digits(const std::string& complaint) {
    if (AtEnd()) return EndOfInput("Unexpected end-of-input in a Number value");
    if (!IsDigit()) return Fault("Unexpected character (" + CharName() + ") in numeric value: " + complaint, at_);
    while (IsDigit()) ++at_;
    return std::nullopt;
  }
  Fail Number() {
    const std::size_t start = at_;
    if (Peek() == '-') ++at_;
    const bool zero = !AtEnd() && Peek() == '0';
    const std::size_t first = at_;
    if (auto error = Digits("expected digit (0-9) to follow minus sign, for valid numeric value")) return error;
    if (zero && at_ - first > 1) return Fault("Invalid numeric value: Leading zeroes not allowed", first);
    if (!AtEnd() && Peek() == '.') {
      ++at_;
      if (auto error = Digits("Decimal point not followed by a digit")) return error;
    }
    if (!AtEnd() && (Peek() == 'e' || Peek() == 'E')) {
      ++at_;
      if (!AtEnd() && (Peek() == '+' || Peek() == '-')) ++at_;
      if (auto error = Digits("Exponent indicator not followed by a digit")) return error;
    }
    if (depth_ == 0 && !AtEnd() && IsWordChar()) return Unexpected("Expected space separating root-level values");
    return CheckRange(text_.substr(start, at_ - start), start);
  }
  Fail CheckRange(std::string_view number, std::size_t start) const {
    constexpr std::size_t kShown = 40;
    // strtod, unlike from_chars, tells too big from too small.
    if (std::isfinite(std::strtod(std::string(number).c_str(), nullptr))) return std::nullopt;
    return Fault("Numeric value (" + std::string(number.substr(0, kShown)) + ") out of range of double", start);
  }

  std::string_view text_;
  std::size_t max_depth_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

Error DescribeJsonError(std::string_view text, std::size_t max_depth) {
  if (auto error = Scanner(text, max_depth).Document()) return *std::move(error);
  // The parser refused what this scanner accepts: still the sender's text, and still an answer.
  Error error = MakeError(Code::kInvalidArgument, "The text is not JSON that this server reads");
  error.reason = "json_parse_exception";
  return error;
}

}  // namespace mlnode
