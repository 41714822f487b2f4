#include <algorithm>
#include <string_view>

#include "connectors/script/methods/methods.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

bool LengthOf(Machine& machine, const StringObject& string, std::size_t& out) {
  if (string.ascii) {
    out = string.text.size();
    return true;
  }
  std::u16string_view units;
  if (!machine.Units(string, units)) return false;
  out = units.size();
  return true;
}

bool CharAt(Machine& machine, const StringObject& string, const Value& place, Value& out) {
  std::size_t length = 0;
  std::size_t index = 0;
  if (!LengthOf(machine, string, length) || !AsIndex(machine, place, length, index)) return false;
  std::u16string_view units;
  if (!string.ascii && !machine.Units(string, units)) return false;
  out = Value::Integer(Kind::kChar, string.ascii ? static_cast<unsigned char>(string.text[index]) : units[index]);
  return true;
}

bool Substring(Machine& machine, const StringObject& string, Arguments arguments, Value& out) {
  std::size_t length = 0;
  std::size_t begin = 0;
  if (!LengthOf(machine, string, length)) return false;
  std::size_t end = length;
  if (!AsIndex(machine, arguments[0], length + 1, begin)) return false;
  if (arguments.size() > 1 && !AsIndex(machine, arguments[1], length + 1, end)) return false;
  if (begin > end) return machine.Fail("begin " + std::to_string(begin) + " is behind end " + std::to_string(end));
  if (string.ascii) return machine.Make(string.text.substr(begin, end - begin), out);
  std::u16string_view units;
  return machine.Units(string, units) && machine.Make(FromUnits(units.substr(begin, end - begin)), out);
}

// The text of a String or char argument.
bool AsPiece(Machine& machine, const Value& value, std::string& out) {
  if (value.kind != Kind::kString && value.kind != Kind::kBuilder && value.kind != Kind::kChar) {
    return machine.Fail(Described(value.kind) + " is no String");
  }
  return Print(machine, value, out);
}

bool IndexOf(Machine& machine, const StringObject& string, Method method, Arguments arguments, Value& out) {
  std::string piece;
  // A whole number is a character, as in Java.
  Value wanted = arguments[0];
  if (wanted.kind == Kind::kInt) wanted.kind = Kind::kChar;
  if (!AsPiece(machine, wanted, piece) || !machine.Work(string.text.size())) return false;
  std::size_t from = 0;
  if (arguments.size() > 1) {
    std::int64_t begin = 0;
    if (!AsWhole(machine, arguments[1], "an index", begin)) return false;
    begin = std::clamp<std::int64_t>(begin, 0, static_cast<std::int64_t>(string.text.size()));
    from = static_cast<std::size_t>(begin);
  }
  if (string.ascii) {
    std::size_t place = std::string::npos;
    if (method == Method::kIndexOf) {
      place = FindText(string.text, piece, from);
    } else {
      // Not rfind: quadratic. Each find goes on behind the last.
      for (std::size_t at = FindText(string.text, piece); at != std::string::npos;
           at = FindText(string.text, piece, at + 1)) {
        place = at;
        if (!machine.Work(piece.size())) return false;
      }
    }
    out = Value::Int(place == std::string::npos ? -1 : static_cast<std::int64_t>(place));
    return true;
  }
  std::u16string_view units;
  if (!machine.Units(string, units)) return false;
  const std::u16string wanted_units = ToUnits(piece);
  // Both are found by searching naively: counted as such.
  if (!machine.Work(units.size() * std::max<std::size_t>(1, wanted_units.size()))) return false;
  const std::size_t place = method == Method::kIndexOf ? units.find(wanted_units, from) : units.rfind(wanted_units);
  out = Value::Int(place == std::u16string_view::npos ? -1 : static_cast<std::int64_t>(place));
  return true;
}

bool Replace(Machine& machine, const StringObject& string, Arguments arguments, Value& out) {
  std::string from;
  std::string to;
  if (arguments.size() != 2) return machine.Fail("replace of a String takes two texts");
  if (!AsPiece(machine, arguments[0], from) || !AsPiece(machine, arguments[1], to)) return false;
  if (!machine.Work(string.text.size())) return false;
  if (from.empty()) return machine.Fail("replace of an empty text is outside the subset");
  std::string result;
  std::size_t at = 0;
  for (std::size_t next = FindText(string.text, from); next != std::string::npos;
       next = FindText(string.text, from, at)) {
    if (!machine.Take(next - at + to.size())) return false;
    result.append(string.text, at, next - at);
    AppendText(result, to);
    at = next + from.size();
  }
  if (at == 0) {
    out = Of(&string);
    return true;
  }
  if (!machine.Take(string.text.size() - at)) return false;
  AppendText(result, std::string_view(string.text).substr(at));
  return machine.MakeTaken(std::move(result), out);
}

// The literal text of a pattern without special characters, or of one escaped character.
bool AsSeparator(Machine& machine, const StringObject& pattern, std::string& out) {
  constexpr std::string_view kSpecial = "\\^$.|?*+()[]{}";
  const std::string& text = pattern.text;
  if (text.size() == 2 && text[0] == '\\' && kSpecial.find(text[1]) != std::string_view::npos) {
    out = text.substr(1);
    return true;
  }
  if (text.empty() || text.find_first_of(kSpecial) != std::string::npos) {
    return machine.Fail("split takes a plain text: regular expressions are outside the subset");
  }
  out = text;
  return true;
}

bool Split(Machine& machine, const StringObject& string, Method method, Arguments arguments, Value& out) {
  const StringObject* pattern = nullptr;
  std::string separator;
  if (!AsString(machine, arguments[0], pattern) || !machine.Work(string.text.size())) return false;
  if (method == Method::kSplitOnToken) separator = pattern->text;
  if (method == Method::kSplit && !AsSeparator(machine, *pattern, separator)) return false;
  if (separator.empty()) return machine.Fail("split at an empty text");
  if (!machine.MakeList(0, out)) return false;
  ListObject& parts = *out.list;
  std::size_t at = 0;
  while (true) {
    const std::size_t next = std::min(FindText(string.text, separator, at), string.text.size());
    Value part;
    if (!machine.Make(string.text.substr(at, next - at), part) || !machine.Append(parts, part)) return false;
    if (next == string.text.size()) break;
    at = next + separator.size();
    if (at == string.text.size()) {
      if (!machine.Make("", part) || !machine.Append(parts, part)) return false;
      break;
    }
  }
  // Java's split leaves out empty parts at the end, unless there is nothing else to say: "" gives [""].
  if (method == Method::kSplit && !string.text.empty()) {
    while (!parts.items.empty() && parts.items.back().string->text.empty()) parts.items.pop_back();
  }
  parts.fixed = true;
  return true;
}

std::string Trimmed(const std::string& text) {
  const auto kept = [](char c) { return static_cast<unsigned char>(c) > 0x20; };
  const auto first = std::find_if(text.begin(), text.end(), kept);
  const auto last = std::find_if(text.rbegin(), text.rend(), kept).base();
  return first < last ? std::string(first, last) : std::string();
}

std::string WithCase(std::string text, bool upper) {
  for (char& c : text) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool Repeat(Machine& machine, const StringObject& string, const Value& times, Value& out) {
  std::int64_t count = 0;
  if (!AsWhole(machine, times, "a number of times", count)) return false;
  if (count < 0) return machine.Fail("repeat takes no negative number");
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!machine.Take(string.text.size())) return false;
    AppendText(text, string.text);
  }
  return machine.MakeTaken(std::move(text), out);
}

bool Joins(Machine& machine, Method method, const StringObject& string, const StringObject& other, Value& out) {
  const std::string& text = string.text;
  if (!machine.Work(text.size())) return false;
  switch (method) {
    case Method::kContains:
      out = Value::Bool(FindText(text, other.text) != std::string::npos);
      return true;
    case Method::kStartsWith:
      out = Value::Bool(text.starts_with(other.text));
      return true;
    case Method::kEndsWith:
      out = Value::Bool(text.ends_with(other.text));
      return true;
    case Method::kEqualsIgnoreCase:
      out = Value::Bool(WithCase(text, false) == WithCase(other.text, false));
      return true;
    case Method::kConcat: {
      if (!machine.Take(text.size() + other.text.size())) return false;
      std::string joined = text;
      AppendText(joined, other.text);
      return machine.MakeTaken(std::move(joined), out);
    }
    default: {  // compareTo
      int order = 0;
      if (!Compare(machine, Of(&string), Of(&other), order)) return false;
      out = Value::Int(order);
      return true;
    }
  }
}

}  // namespace

bool CallString(Machine& machine, Method method, const StringObject& target, Arguments arguments, Value& out) {
  const StringObject* other = nullptr;
  std::size_t length = 0;
  std::string piece;
  switch (method) {
    case Method::kLength:
      if (!LengthOf(machine, target, length)) return false;
      out = Value::Int(static_cast<std::int64_t>(length));
      return true;
    case Method::kIsEmpty:
      out = Value::Bool(target.text.empty());
      return true;
    case Method::kCharAt:
      return CharAt(machine, target, arguments[0], out);
    case Method::kSubstring:
      return Substring(machine, target, arguments, out);
    case Method::kIndexOf:
    case Method::kLastIndexOf:
      return IndexOf(machine, target, method, arguments, out);
    case Method::kContains: {
      if (!AsPiece(machine, arguments[0], piece)) return false;
      const StringObject wanted(std::move(piece));
      return Joins(machine, method, target, wanted, out);
    }
    case Method::kStartsWith:
    case Method::kEndsWith:
    case Method::kEqualsIgnoreCase:
    case Method::kConcat:
    case Method::kCompareTo:
      return AsString(machine, arguments[0], other) && Joins(machine, method, target, *other, out);
    case Method::kReplace:
      return Replace(machine, target, arguments, out);
    case Method::kSplit:
    case Method::kSplitOnToken:
      return Split(machine, target, method, arguments, out);
    case Method::kTrim:
      return machine.Make(Trimmed(target.text), out);
    case Method::kToLowerCase:
    case Method::kToUpperCase:
      return machine.Make(WithCase(target.text, method == Method::kToUpperCase), out);
    case Method::kRepeat:
      return Repeat(machine, target, arguments[0], out);
    default:
      return NoSuchMethod(machine, Of(&target));
  }
}

}  // namespace mlnode::connectors::script
