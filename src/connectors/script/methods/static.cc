#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "connectors/script/methods/methods.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

constexpr std::int64_t kIntLeast = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kIntMost = std::numeric_limits<std::int32_t>::max();

double Real(StaticMethod method, double x, double y) {
  switch (method) {
    case StaticMethod::kFloor:
      return std::floor(x);
    case StaticMethod::kCeil:
      return std::ceil(x);
    case StaticMethod::kRint:
      return std::nearbyint(x);
    case StaticMethod::kSqrt:
      return std::sqrt(x);
    case StaticMethod::kCbrt:
      return std::cbrt(x);
    case StaticMethod::kPow:
      return std::pow(x, y);
    case StaticMethod::kExp:
      return std::exp(x);
    case StaticMethod::kLog:
      return std::log(x);
    case StaticMethod::kLog10:
      return std::log10(x);
    case StaticMethod::kSin:
      return std::sin(x);
    case StaticMethod::kCos:
      return std::cos(x);
    case StaticMethod::kTan:
      return std::tan(x);
    case StaticMethod::kToDegrees:
      return x * (180.0 / std::numbers::pi);
    case StaticMethod::kToRadians:
      return x * (std::numbers::pi / 180.0);
    default:  // signum
      return x > 0 ? 1.0 : x < 0 ? -1.0 : x;
  }
}

bool Whole(Machine& machine, StaticMethod method, const Value& x, const Value& y, Value& out) {
  if (!x.whole() || !y.whole()) return machine.Fail("floorDiv and floorMod are of whole numbers");
  Value quotient;
  Value rest;
  if (!Apply(machine, Operator::kDivide, x, y, quotient) || !Apply(machine, Operator::kRemainder, x, y, rest))
    return false;
  const bool down = rest.integer != 0 && ((rest.integer < 0) != (y.integer < 0));
  out = method == StaticMethod::kFloorDiv ? quotient : rest;
  if (down) out.integer = method == StaticMethod::kFloorDiv ? quotient.integer - 1 : rest.integer + y.integer;
  return true;
}

// Math.abs, max, min, round keep the kind of their operands; the rest is double.
bool CallMath(Machine& machine, StaticMethod method, Arguments arguments, Value& out) {
  if (!std::all_of(arguments.begin(), arguments.end(), [](const Value& value) { return value.numeric(); })) {
    return machine.Fail("Math takes numbers");
  }
  const Value& x = arguments[0];
  const Value& y = arguments.back();
  Value zero = Value::Int(0);
  switch (method) {
    case StaticMethod::kAbs:
      if (!x.whole()) {
        out = Value::Real(x.kind, std::fabs(x.real));
        return true;
      }
      return x.integer < 0 ? Negate(machine, x, out) : Apply(machine, Operator::kAdd, x, zero, out);
    case StaticMethod::kMax:
    case StaticMethod::kMin: {
      // The sum says of which kind the result is.
      if (!Apply(machine, Operator::kAdd, x, y, zero)) return false;
      if (zero.whole()) {
        out = Value::Integer(
            zero.kind, method == StaticMethod::kMax ? std::max(x.integer, y.integer) : std::min(x.integer, y.integer));
        return true;
      }
      const double a = x.AsDouble();
      const double b = y.AsDouble();
      const bool nan = std::isnan(a) || std::isnan(b);
      out = Value::Real(zero.kind, nan ? std::nan("") : method == StaticMethod::kMax ? std::max(a, b) : std::min(a, b));
      return true;
    }
    case StaticMethod::kRound:
      if (x.kind == Kind::kFloat) {
        out = Value::Int(ToWhole(std::floor(x.real + 0.5), kIntLeast, kIntMost));
      } else {
        out = Value::Integer(Kind::kLong,
                             x.whole() ? x.integer
                                       : ToWhole(std::floor(x.real + 0.5), std::numeric_limits<std::int64_t>::min(),
                                                 std::numeric_limits<std::int64_t>::max()));
      }
      return true;
    case StaticMethod::kFloorDiv:
    case StaticMethod::kFloorMod:
      return Whole(machine, method, x, y, out);
    default:
      out = Value::Real(Kind::kDouble, Real(method, x.AsDouble(), y.AsDouble()));
      return true;
  }
}

// Integer.parseInt("7"), Integer.valueOf("7"), Integer.valueOf(7)
bool Parse(Machine& machine, StaticMethod method, Arguments arguments, Value& out) {
  const Value& given = arguments[0];
  const bool whole = method == StaticMethod::kParseInt || method == StaticMethod::kParseLong;
  if (given.numeric()) {
    if (whole && !given.whole()) return machine.Fail(Described(given.kind) + " is no whole number");
    out = method == StaticMethod::kParseInt ? Value::Int(given.integer)
          : method == StaticMethod::kParseLong
              ? Value::Integer(Kind::kLong, given.integer)
              : Value::Real(method == StaticMethod::kParseFloat ? Kind::kFloat : Kind::kDouble, given.AsDouble());
    return true;
  }
  const StringObject* text = nullptr;
  if (!AsString(machine, given, text) || !machine.Work(text->text.size())) return false;
  const std::string shown = "\"" + ToValidUtf8(text->text.substr(0, 40)) + "\" is no number";
  if (!whole) {
    const std::optional<double> value = ParseReal(text->text);
    if (!value) return machine.Fail(shown);
    out = Value::Real(method == StaticMethod::kParseFloat ? Kind::kFloat : Kind::kDouble, *value);
    return true;
  }
  std::int64_t radix = 10;
  if (arguments.size() > 1 && !AsWhole(machine, arguments[1], "a radix", radix)) return false;
  if (radix < 2 || radix > 36) return machine.Fail("a radix is 2 to 36");
  const std::optional<std::int64_t> value = ParseWhole(text->text, static_cast<int>(radix));
  if (!value || (method == StaticMethod::kParseInt && (*value < kIntLeast || *value > kIntMost)))
    return machine.Fail(shown);
  out = Value::Integer(method == StaticMethod::kParseInt ? Kind::kInt : Kind::kLong, *value);
  return true;
}

// String.join(",", list), String.join(",", a, b)
bool Join(Machine& machine, Arguments arguments, Value& out) {
  const bool list = arguments.size() == 2 && arguments[1].kind == Kind::kList;
  const Arguments items = list ? Arguments(arguments[1].list->items) : arguments.subspan(1);
  const StringObject* between = nullptr;
  if (!AsString(machine, arguments[0], between)) return false;
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0 && !Print(machine, arguments[0], text)) return false;
    if (!Print(machine, items[i], text)) return false;
  }
  return machine.MakeTaken(std::move(text), out);
}

bool CallCharacter(Machine& machine, StaticMethod method, const Value& given, Value& out) {
  if (given.kind != Kind::kChar && given.kind != Kind::kInt) return machine.Fail("Character takes a char");
  const std::int64_t c = given.integer;
  const bool lower = c >= 'a' && c <= 'z';
  const bool upper = c >= 'A' && c <= 'Z';
  const bool digit = c >= '0' && c <= '9';
  switch (method) {
    case StaticMethod::kIsDigit:
      out = Value::Bool(digit);
      return true;
    case StaticMethod::kIsLetter:
      out = Value::Bool(lower || upper);
      return true;
    case StaticMethod::kIsLetterOrDigit:
      out = Value::Bool(lower || upper || digit);
      return true;
    case StaticMethod::kIsWhitespace:
      out = Value::Bool(c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31));
      return true;
    case StaticMethod::kIsUpperCase:
      out = Value::Bool(upper);
      return true;
    case StaticMethod::kIsLowerCase:
      out = Value::Bool(lower);
      return true;
    default:
      out = Value::Int(digit ? c - '0' : lower ? c - 'a' + 10 : upper ? c - 'A' + 10 : -1);
      return true;
  }
}

bool CallCollections(Machine& machine, StaticMethod method, Arguments arguments, Value& out) {
  switch (method) {
    case StaticMethod::kEmptyList:
      return machine.MakeList(0, out);
    case StaticMethod::kEmptyMap:
      return machine.MakeMap(out);
    case StaticMethod::kAsList:
      if (!machine.MakeList(arguments.size(), out)) return false;
      std::copy(arguments.begin(), arguments.end(), out.list->items.begin());
      return true;
    default:
      break;
  }
  const ListObject* list = nullptr;
  if (!AsList(machine, arguments[0], list)) return false;
  out = Value();
  std::vector<Value>& items = arguments[0].list->items;
  if (method == StaticMethod::kSortList) return SortNaturally(machine, items);
  std::reverse(items.begin(), items.end());
  return machine.Work(items.size() * sizeof(Value));
}

bool CallObjects(Machine& machine, StaticMethod method, Arguments arguments, Value& out) {
  bool equal = false;
  std::int32_t hash = 0;
  switch (method) {
    case StaticMethod::kSameValue:
      if (!Equal(machine, arguments[0], arguments[1], equal)) return false;
      out = Value::Bool(equal && arguments[0].kind == arguments[1].kind);
      return true;
    case StaticMethod::kHash:
      if (!Hash(machine, arguments[0], hash)) return false;
      out = Value::Int(hash);
      return true;
    default:
      out = Value::Bool(arguments[0].null() == (method == StaticMethod::kIsNull));
      return true;
  }
}

bool CallText(Machine& machine, StaticMethod method, Arguments arguments, Value& out) {
  std::string text;
  int order = 0;
  switch (method) {
    case StaticMethod::kTextOf:
      if (arguments[0].kind == Kind::kString) {
        out = arguments[0];
        return true;
      }
      return Print(machine, arguments[0], text) && machine.MakeTaken(std::move(text), out);
    case StaticMethod::kJoin:
      return Join(machine, arguments, out);
    case StaticMethod::kFormat:
      return FormatText(machine, arguments, out);
    case StaticMethod::kParseBoolean: {
      const Value& given = arguments[0];
      const bool said = given.kind == Kind::kString && given.string->text.size() == 4 &&
                        std::equal(given.string->text.begin(), given.string->text.end(), "true", [](char a, char b) {
                          return (static_cast<unsigned char>(a) | 0x20U) == static_cast<unsigned char>(b);
                        });
      out = Value::Bool(given.kind == Kind::kBool ? given.boolean : said);
      return true;
    }
    case StaticMethod::kCompare:
      if (!Compare(machine, arguments[0], arguments[1], order)) return false;
      out = Value::Int(order);
      return true;
    default: {  // isNaN, isInfinite
      if (!arguments[0].numeric()) return machine.Fail(Described(arguments[0].kind) + " is no number");
      const double value = arguments[0].AsDouble();
      out = Value::Bool(method == StaticMethod::kIsNaN ? std::isnan(value) : std::isinf(value));
      return true;
    }
  }
}

}  // namespace

bool CallStatic(Machine& machine, StaticMethod method, const Type& type, Arguments arguments, Value& out) {
  // Character.toString(65) is "A"? No: it takes a char only.
  if (type.base == Type::Base::kChar && method == StaticMethod::kTextOf && arguments[0].kind != Kind::kChar) {
    return machine.Fail("Character takes a char");
  }
  if (method <= StaticMethod::kToRadians) return CallMath(machine, method, arguments, out);
  if (method >= StaticMethod::kParseInt && method <= StaticMethod::kParseFloat)
    return Parse(machine, method, arguments, out);
  if (method >= StaticMethod::kIsDigit && method <= StaticMethod::kNumericValue) {
    return CallCharacter(machine, method, arguments[0], out);
  }
  if (method >= StaticMethod::kSortList && method <= StaticMethod::kAsList) {
    return CallCollections(machine, method, arguments, out);
  }
  if (method >= StaticMethod::kSameValue) return CallObjects(machine, method, arguments, out);
  return CallText(machine, method, arguments, out);
}

}  // namespace mlnode::connectors::script
