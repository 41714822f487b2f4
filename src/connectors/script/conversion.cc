#include <cmath>
#include <limits>

#include "connectors/script/operators.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

using Base = Type::Base;

constexpr std::int64_t kIntLeast = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kIntMost = std::numeric_limits<std::int32_t>::max();

// How wide a numeric type is; implicit conversions never lose.
int Width(Base base) {
  switch (base) {
    case Base::kByte:
      return 1;
    case Base::kShort:
    case Base::kChar:
      return 2;
    case Base::kInt:
      return 3;
    case Base::kLong:
      return 4;
    case Base::kFloat:
      return 5;
    case Base::kDouble:
      return 6;
    default:
      return 0;
  }
}
int Width(Kind kind) {
  switch (kind) {
    case Kind::kChar:
      return 2;
    case Kind::kInt:
      return 3;
    case Kind::kLong:
      return 4;
    case Kind::kFloat:
      return 5;
    case Kind::kDouble:
      return 6;
    default:
      return 0;
  }
}

Value ToWholeType(Base base, const Value& value) {
  const bool wide = base == Base::kLong;
  std::int64_t whole = value.whole() ? value.integer
                                     : ToWhole(value.real, wide ? std::numeric_limits<std::int64_t>::min() : kIntLeast,
                                               wide ? std::numeric_limits<std::int64_t>::max() : kIntMost);
  switch (base) {
    case Base::kLong:
      return Value::Integer(Kind::kLong, whole);
    case Base::kByte:
      return Value::Int(static_cast<std::int8_t>(whole));
    case Base::kShort:
      return Value::Int(static_cast<std::int16_t>(whole));
    case Base::kChar:
      return Value::Integer(Kind::kChar, static_cast<std::uint16_t>(whole));
    default:
      return Value::Int(whole);
  }
}

bool Refuse(Machine& machine, const Type& type, const Value& value) {
  return machine.Fail(Described(value.kind) + " is not " +
                      (type.array ? "an array of " + std::string(type.name) : WithArticle(type.name)));
}

// Java lets constants of type int into smaller variables when they fit; here any int that fits.
bool FitsNarrow(Base base, const Value& value) {
  if (value.kind != Kind::kInt && value.kind != Kind::kChar) return false;
  return ToWholeType(base, value).integer == value.integer &&
         (base == Base::kByte || base == Base::kShort || base == Base::kChar);
}

bool ConvertNumber(Machine& machine, const Type& type, Conversion conversion, Value& value) {
  if (type.base == Base::kChar && value.kind == Kind::kString && conversion == Conversion::kCast) {
    std::u16string units = ToUnits(value.string->text.substr(0, 8));
    if (units.size() != 1) return machine.Fail("a String of another length than 1 is no char");
    value = Value::Integer(Kind::kChar, units[0]);
    return true;
  }
  if (!value.numeric()) return Refuse(machine, type, value);
  const bool widens = Width(value.kind) <= Width(type.base) && (type.base != Base::kChar || value.kind == Kind::kChar);
  if (conversion == Conversion::kImplicit && !widens && !FitsNarrow(type.base, value))
    return Refuse(machine, type, value);
  if (type.base == Base::kDouble || type.base == Base::kFloat) {
    value = Value::Real(type.base == Base::kFloat ? Kind::kFloat : Kind::kDouble, value.AsDouble());
  } else {
    value = ToWholeType(type.base, value);
  }
  return true;
}

bool PrintItems(Machine& machine, const ListObject& list, std::string& out, int depth) {
  out.push_back('[');
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out.append(", ");
    if (!Print(machine, list.items[i], out, depth + 1)) return false;
  }
  out.push_back(']');
  return true;
}

bool PrintEntries(Machine& machine, const MapObject& map, std::string& out, int depth) {
  out.push_back('{');
  bool first = true;
  for (const auto& [key, value] : map.entries) {
    if (!first) out.append(", ");
    first = false;
    if (!Print(machine, key, out, depth + 1)) return false;
    out.push_back('=');
    if (!Print(machine, value, out, depth + 1)) return false;
  }
  out.push_back('}');
  return true;
}

std::int32_t Wrap(std::uint64_t bits) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(bits)); }

std::int32_t HashOfReal(const Value& value) {
  if (value.kind == Kind::kFloat) {
    const auto single = static_cast<float>(value.real);
    return std::isnan(single) ? 0x7FC00000 : Wrap(std::bit_cast<std::uint32_t>(single));
  }
  const std::uint64_t bits = std::isnan(value.real) ? 0x7FF8000000000000U : std::bit_cast<std::uint64_t>(value.real);
  return Wrap(bits ^ (bits >> 32U));
}

bool HashOfText(Machine& machine, const StringObject& string, std::int32_t& out) {
  std::uint32_t hash = 0;
  if (!machine.Work(string.text.size() * 8)) return false;
  for (const char16_t unit : ToUnits(string.text)) hash = 31U * hash + unit;
  out = Wrap(hash);
  return true;
}

bool HashOfItems(Machine& machine, const Value& value, std::int32_t& out, int depth) {
  std::uint32_t hash = value.kind == Kind::kList ? 1 : 0;
  std::int32_t one = 0;
  std::int32_t two = 0;
  if (value.kind == Kind::kList) {
    for (const Value& item : value.list->items) {
      if (!Hash(machine, item, one, depth + 1)) return false;
      hash = 31U * hash + static_cast<std::uint32_t>(one);
    }
  } else {
    for (const auto& [key, item] : value.map->entries) {
      if (!Hash(machine, key, one, depth + 1) || !Hash(machine, item, two, depth + 1)) return false;
      hash += static_cast<std::uint32_t>(one) ^ static_cast<std::uint32_t>(two);
    }
  }
  out = Wrap(hash);
  return true;
}

}  // namespace

std::int64_t ToWhole(double value, std::int64_t least, std::int64_t most) {
  if (std::isnan(value)) return 0;
  if (value <= static_cast<double>(least)) return least;
  if (value >= static_cast<double>(most)) return most;
  return static_cast<std::int64_t>(value);
}

bool Convert(Machine& machine, const Type& type, Conversion conversion, Value& value) {
  if (value.null()) {
    return !type.primitive || type.array || machine.Fail("null where " + WithArticle(type.name) + " is needed");
  }
  if (type.array) return value.kind == Kind::kList || Refuse(machine, type, value);
  switch (type.base) {
    case Base::kAny:
      return true;
    case Base::kString:
      if (value.kind == Kind::kChar && conversion == Conversion::kCast) {
        std::string text;
        AppendUnit(text, static_cast<char16_t>(value.integer));
        return machine.Make(std::move(text), value);
      }
      return IsInstance(type, value) || Refuse(machine, type, value);
    case Base::kByte:
    case Base::kShort:
    case Base::kChar:
    case Base::kInt:
    case Base::kLong:
    case Base::kFloat:
    case Base::kDouble:
      return ConvertNumber(machine, type, conversion, value);
    default:
      return IsInstance(type, value) || Refuse(machine, type, value);
  }
}

bool IsInstance(const Type& type, const Value& value) {
  if (value.null()) return false;
  if (type.array) return value.kind == Kind::kList && value.list->fixed;
  switch (type.base) {
    case Base::kAny:
      return true;
    case Base::kBool:
      return value.kind == Kind::kBool;
    case Base::kChar:
      return value.kind == Kind::kChar;
    case Base::kInt:
      return value.kind == Kind::kInt;
    case Base::kLong:
      return value.kind == Kind::kLong;
    case Base::kFloat:
      return value.kind == Kind::kFloat;
    case Base::kDouble:
      return value.kind == Kind::kDouble;
    case Base::kNumber:
      return value.number();
    case Base::kString:
      return value.kind == Kind::kString || (value.kind == Kind::kBuilder && type.name == "CharSequence");
    case Base::kBuilder:
      return value.kind == Kind::kBuilder;
    case Base::kList:
      return value.kind == Kind::kList;
    case Base::kMap:
      return value.kind == Kind::kMap;
    case Base::kEntry:
      return value.kind == Kind::kEntry;
    default:
      return false;
  }
}

bool Print(Machine& machine, const Value& value, std::string& out, int depth) {
  if (depth > kMaxValueDepth) return machine.Exhaust("lists and maps are nested too deeply");
  const std::size_t before = out.size();
  switch (value.kind) {
    case Kind::kNull:
      out.append("null");
      break;
    case Kind::kBool:
      out.append(value.boolean ? "true" : "false");
      break;
    case Kind::kChar:
      AppendUnit(out, static_cast<char16_t>(value.integer));
      break;
    case Kind::kInt:
    case Kind::kLong:
      out.append(std::to_string(value.integer));
      break;
    case Kind::kFloat:
      out.append(JavaFloat(static_cast<float>(value.real)));
      break;
    case Kind::kDouble:
      out.append(JavaDouble(value.real));
      break;
    case Kind::kString:
      if (!machine.Take(value.string->text.size())) return false;
      AppendText(out, value.string->text);
      return true;
    case Kind::kBuilder:
      if (!machine.Take(value.builder->text.size())) return false;
      AppendText(out, value.builder->text);
      return true;
    case Kind::kList:
      return machine.Take(2 * value.list->items.size()) && PrintItems(machine, *value.list, out, depth);
    case Kind::kMap:
      return machine.Take(3 * value.map->entries.size()) && PrintEntries(machine, *value.map, out, depth);
    case Kind::kEntry:
      if (!Print(machine, value.entry->key, out, depth + 1)) return false;
      out.push_back('=');
      return Print(machine, value.entry->value, out, depth + 1);
  }
  return machine.Take(out.size() > before ? out.size() - before : 0);
}

bool Hash(Machine& machine, const Value& value, std::int32_t& out, int depth) {
  if (!machine.Step()) return false;
  if (depth > kMaxValueDepth) return machine.Exhaust("lists and maps are nested too deeply");
  switch (value.kind) {
    case Kind::kNull:
      out = 0;
      return true;
    case Kind::kBool:
      out = value.boolean ? 1231 : 1237;
      return true;
    case Kind::kChar:
    case Kind::kInt:
      out = Wrap(static_cast<std::uint64_t>(value.integer));
      return true;
    case Kind::kLong: {
      const auto bits = static_cast<std::uint64_t>(value.integer);
      out = Wrap(bits ^ (bits >> 32U));
      return true;
    }
    case Kind::kFloat:
    case Kind::kDouble:
      out = HashOfReal(value);
      return true;
    case Kind::kString:
      return HashOfText(machine, *value.string, out);
    case Kind::kList:
    case Kind::kMap:
      return HashOfItems(machine, value, out, depth);
    default:
      return machine.Fail(Described(value.kind) + " has no hash code here");
  }
}

bool AsBool(Machine& machine, const Value& value, bool& out) {
  if (value.kind != Kind::kBool) return machine.Fail(Described(value.kind) + " is no condition");
  out = value.boolean;
  return true;
}

bool AsWhole(Machine& machine, const Value& value, std::string_view what, std::int64_t& out) {
  if (!value.whole()) return machine.Fail(Described(value.kind) + " is not " + std::string(what));
  out = value.integer;
  return true;
}

}  // namespace mlnode::connectors::script
