#include <array>
#include <charconv>
#include <cmath>

#include "core/json.h"

namespace mlnode {
namespace {

template <class Number>
void AppendShortest(std::string& out, Number value) {
  // Plain digits where the peer prints them plainly (Java's Double.toString), else the shortest form.
  const Number size = std::fabs(value);
  const bool plain = value == 0 || (size >= static_cast<Number>(1e-3) && size < static_cast<Number>(1e7));
  std::array<char, 32> buffer;
  char* const end = buffer.data() + buffer.size();
  const auto written = plain ? std::to_chars(buffer.data(), end, value, std::chars_format::fixed)
                             : std::to_chars(buffer.data(), end, value, std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data()));
  out.append(text);
  if (plain && text.find('.') == std::string_view::npos) out.append(".0");
}

void AppendScalar(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::string:
      return AppendJsonString(out, value.get_string());
    case json::kind::int64:
      out.append(std::to_string(value.get_int64()));
      return;
    case json::kind::uint64:
      out.append(std::to_string(value.get_uint64()));
      return;
    case json::kind::double_:
      return AppendDouble(out, value.get_double());
    case json::kind::bool_:
      out.append(value.get_bool() ? "true" : "false");
      return;
    default:
      out.append("null");
  }
}

// One writer for both forms; recursion is as deep as the value, which the parser bounds.
class Writer {
 public:
  Writer(std::string& out, bool pretty) : out_(out), pretty_(pretty) {}

  void Value(const json::value& value) {
    if (const json::object* object = value.if_object()) {
      Object(*object);
    } else if (const json::array* array = value.if_array()) {
      Array(*array);
    } else {
      AppendScalar(out_, value);
    }
  }
  void Object(const json::object& object) {
    Open('{');
    bool first = true;
    for (const auto& field : object) {
      Next(first);
      AppendJsonString(out_, field.key());
      out_.append(pretty_ ? " : " : ":");
      Value(field.value());
    }
    Close('}', first);
  }

 private:
  void Array(const json::array& array) {
    Open('[');
    bool first = true;
    for (const json::value& item : array) {
      Next(first);
      Value(item);
    }
    Close(']', first);
  }
  void Open(char bracket) {
    out_.push_back(bracket);
    ++depth_;
  }
  void Next(bool& first) {
    if (!first) out_.push_back(',');
    first = false;
    if (pretty_) NewLine();
  }
  void Close(char bracket, bool empty) {
    --depth_;
    if (pretty_ && empty) out_.push_back(' ');
    if (pretty_ && !empty) NewLine();
    out_.push_back(bracket);
  }
  void NewLine() { out_.append(1, '\n').append(2 * depth_, ' '); }

  std::string& out_;
  bool pretty_;
  std::size_t depth_ = 0;
};

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out.append("\\\"");
        break;
      case '\\':
        out.append("\\\\");
        break;
      case '\b':
        out.append("\\b");
        break;
      case '\f':
        out.append("\\f");
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      default:
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20) {
          out.append("\\u00").append(1, kHex[byte >> 4U]).append(1, kHex[byte & 15U]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

void AppendFloat(std::string& out, float value) { AppendShortest(out, value); }
void AppendDouble(std::string& out, double value) { AppendShortest(out, value); }

std::string ToJson(const json::value& value) {
  std::string out;
  Writer(out, false).Value(value);
  return out;
}

std::string ToJson(const json::object& object) {
  std::string out;
  Writer(out, false).Object(object);
  return out;
}

std::string ToPrettyJson(const json::value& value) {
  std::string out;
  Writer(out, true).Value(value);
  out.push_back('\n');
  return out;
}

}  // namespace mlnode
