#include <algorithm>

#include "connectors/script/methods/methods.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Changes the UTF-16 units [begin, end) into `piece`.
bool Splice(Machine& machine, BuilderObject& builder, std::size_t begin, std::size_t end, const std::string& piece) {
  if (!machine.Work(builder.text.size() + piece.size())) return false;
  if (IsAscii(builder.text)) {
    builder.text.replace(begin, end - begin, piece);
    return true;
  }
  const std::u16string units = ToUnits(builder.text);
  std::string text = FromUnits(std::u16string_view(units).substr(0, begin));
  AppendText(text, piece);
  AppendText(text, FromUnits(std::u16string_view(units).substr(end)));
  builder.text = std::move(text);
  return true;
}

// insert(place, text), replace(begin, end, text)
bool Insert(Machine& machine, BuilderObject& builder, Arguments arguments, Value& out) {
  const std::size_t length = UnitCount(builder.text);
  std::size_t begin = 0;
  if (!machine.Work(builder.text.size()) || !AsIndex(machine, arguments[0], length + 1, begin)) return false;
  std::size_t end = begin;
  if (arguments.size() == 3) {
    std::int64_t wanted = 0;
    if (!AsWhole(machine, arguments[1], "an index", wanted)) return false;
    if (wanted < static_cast<std::int64_t>(begin)) return machine.Fail("the end is before the beginning");
    end = std::min(static_cast<std::size_t>(wanted), length);
  }
  std::string piece;
  if (!Print(machine, arguments.back(), piece)) return false;
  out = Of(&builder);
  return Splice(machine, builder, begin, end, piece);
}

bool SetLength(Machine& machine, BuilderObject& builder, const Value& wanted) {
  const std::size_t length = UnitCount(builder.text);
  std::int64_t size = 0;
  if (!machine.Work(builder.text.size()) || !AsWhole(machine, wanted, "a length", size)) return false;
  if (size < 0) return machine.Fail("a length cannot be negative");
  const auto to = static_cast<std::size_t>(size);
  if (to >= length) {
    if (!machine.Take(to - length)) return false;
    builder.text.append(to - length, '\0');
    return true;
  }
  return Splice(machine, builder, to, length, "");
}

bool Reverse(Machine& machine, BuilderObject& builder) {
  if (!machine.Work(4 * builder.text.size())) return false;
  std::u16string units = ToUnits(builder.text);
  std::reverse(units.begin(), units.end());
  // Pairs keep their order.
  for (std::size_t i = 0; i + 1 < units.size(); ++i) {
    const bool low = units[i] >= 0xDC00 && units[i] <= 0xDFFF;
    const bool high = units[i + 1] >= 0xD800 && units[i + 1] <= 0xDBFF;
    if (low && high) std::swap(units[i], units[i + 1]), ++i;
  }
  builder.text = FromUnits(units);
  return true;
}

// What a String can do, on a copy of the text.
bool AsIfString(Machine& machine, Method method, const BuilderObject& builder, Arguments arguments, Value& out) {
  Value copy;
  return machine.Make(builder.text, copy) && CallString(machine, method, *copy.string, arguments, out);
}

}  // namespace

bool CallBuilder(Machine& machine, Method method, BuilderObject& target, Arguments arguments, Value& out) {
  std::string piece;
  std::size_t index = 0;
  switch (method) {
    case Method::kAppend:
      // Not twice: what is printed was taken.
      if (!Print(machine, arguments[0], piece)) return false;
      AppendText(target.text, piece);
      out = Of(&target);
      return true;
    case Method::kLength:
      if (!machine.Work(target.text.size())) return false;
      out = Value::Int(static_cast<std::int64_t>(UnitCount(target.text)));
      return true;
    case Method::kIsEmpty:
      out = Value::Bool(target.text.empty());
      return true;
    case Method::kInsert:
      return Insert(machine, target, arguments, out);
    case Method::kReplace:
      if (arguments.size() != 3) return machine.Fail("replace of a StringBuilder takes begin, end and text");
      return Insert(machine, target, arguments, out);
    case Method::kSetLength:
      return SetLength(machine, target, arguments[0]);
    case Method::kDeleteCharAt:
      if (!machine.Work(target.text.size())) return false;
      if (!AsIndex(machine, arguments[0], UnitCount(target.text), index)) return false;
      out = Of(&target);
      return Splice(machine, target, index, index + 1, "");
    case Method::kReverse:
      out = Of(&target);
      return Reverse(machine, target);
    case Method::kCharAt:
      if (!machine.Work(target.text.size())) return false;
      if (IsAscii(target.text)) {
        if (!AsIndex(machine, arguments[0], target.text.size(), index)) return false;
        out = Value::Integer(Kind::kChar, static_cast<unsigned char>(target.text[index]));
        return true;
      }
      return AsIfString(machine, method, target, arguments, out);
    case Method::kSubstring:
    case Method::kIndexOf:
    case Method::kLastIndexOf:
      return AsIfString(machine, method, target, arguments, out);
    default:
      return NoSuchMethod(machine, Of(&target));
  }
}

}  // namespace mlnode::connectors::script
