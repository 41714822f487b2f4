#include "rest/content/yaml_writer.h"

#include <algorithm>
#include <string_view>

#include "core/log.h"
#include "core/utf8.h"

namespace mlnode::rest {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kBareKey = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/";
constexpr std::string_view kNumberLike = "0123456789abcdefABCDEFoxX_.-+";
// What readers of YAML 1.1 or 1.2 take for something else than text, in lower case.
constexpr std::string_view kReserved[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};

bool IsReserved(std::string_view key) {
  std::string lower(key);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::find(kReserved, lower) != std::end(kReserved);
}

bool IsBareKey(std::string_view key) {
  if (key.empty() || key.find_first_not_of(kBareKey) != std::string_view::npos) return false;
  if (key.front() == '-' || IsReserved(key)) return false;
  const bool number_like = key.find_first_not_of(kNumberLike) == std::string_view::npos;
  return !number_like || kLetters.find(key.front()) != std::string_view::npos;
}

bool IsPrintable(std::uint32_t code) {
  return (code >= 0x20 && code < 0x7f) || (code >= 0xa0 && code != 0xfeff && code != 0xfffe && code != 0xffff);
}

void AppendEscape(std::string& out, std::uint32_t code) {
  constexpr std::string_view kCodes("\0\a\b\t\n\v\f\r\x1b\"\\", 11);
  constexpr std::string_view kNames = "0abtnvfre\"\\";
  const std::size_t named = code < 0x80 ? kCodes.find(static_cast<char>(code)) : std::string_view::npos;
  if (named != std::string_view::npos) {
    out.append(1, '\\').append(1, kNames[named]);
  } else {
    out += code <= 0xff ? fmt::format("\\x{:02X}", code) : fmt::format("\\u{:04X}", code);
  }
}

void AppendText(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const Utf8Char c = DecodeUtf8(text);
    const std::size_t length = std::max<std::size_t>(c.length, 1);
    const bool plain = IsPrintable(c.code) && c.code != '"' && c.code != '\\' && c.code != 0x2028 && c.code != 0x2029;
    if (plain) {
      out.append(text.substr(0, length));
    } else {
      AppendEscape(out, c.code);
    }
    text.remove_prefix(length);
  }
  out.push_back('"');
}

// YAML 1.1 wants a point in a number that has an exponent.
void AppendNumber(std::string& out, double value) {
  std::string text;
  AppendDouble(text, value);
  if (const std::size_t exponent = text.find('e'); exponent != std::string::npos && text.find('.') > exponent) {
    text.insert(exponent, ".0");
  }
  out += text;
}

class Writer {
 public:
  std::string Document(const json::value& value) {
    out_ = "---";
    Child(value, 0, 0, Parent::kDocument);
    return std::move(out_);
  }

 private:
  enum class Parent : std::uint8_t { kDocument, kField, kElement };

  // A value behind "---", "key:" or "-". `list`, `fields`: the indent of a list or an object in it.
  void Child(const json::value& value, std::size_t list, std::size_t fields, Parent parent) {
    const json::object* object = value.if_object();
    const json::array* array = value.if_array();
    const bool same_line = parent == Parent::kElement;
    if (object != nullptr && !object->empty()) {
      out_.push_back(same_line ? ' ' : '\n');
      Fields(*object, fields, same_line);
    } else if (array != nullptr && !array->empty()) {
      out_.push_back(same_line ? ' ' : '\n');
      Elements(*array, list, same_line);
    } else {
      out_.push_back(' ');
      Scalar(value);
      out_.push_back('\n');
    }
  }
  void Fields(const json::object& object, std::size_t indent, bool same_line) {
    for (const auto& [key, value] : object) {
      if (!std::exchange(same_line, false)) out_.append(indent, ' ');
      if (IsBareKey(key)) {
        out_.append(key.data(), key.size());
      } else {
        AppendText(out_, key);
      }
      out_.push_back(':');
      Child(value, indent, indent + 2, Parent::kField);
    }
  }
  void Elements(const json::array& array, std::size_t indent, bool same_line) {
    for (const json::value& value : array) {
      if (!std::exchange(same_line, false)) out_.append(indent, ' ');
      out_.push_back('-');
      Child(value, indent + 2, indent + 2, Parent::kElement);
    }
  }
  void Scalar(const json::value& value) {
    if (const json::string* text = value.if_string()) {
      AppendText(out_, *text);
    } else if (const double* number = value.if_double()) {
      AppendNumber(out_, *number);
    } else {
      out_ += ToJson(value);  // null, true, 12, {}, []
    }
  }

  std::string out_;
};

}  // namespace

std::string ToYaml(const json::value& value) { return Writer().Document(value); }

}  // namespace mlnode::rest
