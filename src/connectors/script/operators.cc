#include "connectors/script/operators.h"

#include <cmath>
#include <limits>

#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

// Java's binary numeric promotion.
Kind Promoted(const Value& left, const Value& right) {
  const Kind wider = std::max(left.kind, right.kind);
  return wider == Kind::kChar ? Kind::kInt : wider;
}

Value Wrapped(Kind kind, std::uint64_t bits) {
  const auto whole = static_cast<std::int64_t>(bits);
  return kind == Kind::kInt ? Value::Int(whole) : Value::Integer(Kind::kLong, whole);
}

bool WrongOperands(Machine& machine, const Value& left, const Value& right) {
  return machine.Fail("this cannot be done with " + Described(left.kind) + " and " + Described(right.kind));
}

bool ApplyReal(Machine& machine, Operator op, double left, double right, double& out) {
  switch (op) {
    case Operator::kAdd:
      out = left + right;
      return true;
    case Operator::kSubtract:
      out = left - right;
      return true;
    case Operator::kMultiply:
      out = left * right;
      return true;
    case Operator::kDivide:
      out = left / right;
      return true;
    case Operator::kRemainder:
      out = std::fmod(left, right);
      return true;
    default:
      return machine.Fail("bits are of whole numbers only");
  }
}

bool ApplyWhole(Machine& machine, Operator op, Kind kind, const Value& left, const Value& right, Value& out) {
  const auto a = static_cast<std::uint64_t>(left.integer);
  const auto b = static_cast<std::uint64_t>(right.integer);
  switch (op) {
    case Operator::kAdd:
      out = Wrapped(kind, a + b);
      return true;
    case Operator::kSubtract:
      out = Wrapped(kind, a - b);
      return true;
    case Operator::kMultiply:
      out = Wrapped(kind, a * b);
      return true;
    case Operator::kDivide:
    case Operator::kRemainder: {
      if (right.integer == 0) return machine.Fail("/ by zero");
      // The least number by -1 overflows: wraps, as in Java.
      if (right.integer == -1) {
        out = op == Operator::kDivide ? Wrapped(kind, 0 - a) : Wrapped(kind, 0);
        return true;
      }
      const std::int64_t result = op == Operator::kDivide ? left.integer / right.integer : left.integer % right.integer;
      out = Value::Integer(kind, result);
      return true;
    }
    case Operator::kBitAnd:
      out = Wrapped(kind, a & b);
      return true;
    case Operator::kBitOr:
      out = Wrapped(kind, a | b);
      return true;
    case Operator::kBitXor:
      out = Wrapped(kind, a ^ b);
      return true;
    default:
      return machine.Fail("this cannot be done with whole numbers");
  }
}

// The left side alone says how wide the result is.
bool Shift(Machine& machine, Operator op, const Value& left, const Value& right, Value& out) {
  if (!left.whole() || !right.whole()) return WrongOperands(machine, left, right);
  const Kind kind = left.kind == Kind::kLong ? Kind::kLong : Kind::kInt;
  const auto by = static_cast<unsigned>(right.integer) & (kind == Kind::kLong ? 63U : 31U);
  if (op == Operator::kShiftLeft) {
    out = Wrapped(kind, static_cast<std::uint64_t>(left.integer) << by);
  } else if (op == Operator::kShiftRight) {
    out = Value::Integer(kind, left.integer >> by);
  } else if (kind == Kind::kLong) {
    out = Wrapped(kind, static_cast<std::uint64_t>(left.integer) >> by);
  } else {
    out = Value::Int(static_cast<std::int64_t>(static_cast<std::uint32_t>(left.integer) >> by));
  }
  return true;
}

bool ApplyBool(Machine& machine, Operator op, const Value& left, const Value& right, Value& out) {
  switch (op) {
    case Operator::kBitAnd:
      out = Value::Bool(left.boolean && right.boolean);
      return true;
    case Operator::kBitOr:
      out = Value::Bool(left.boolean || right.boolean);
      return true;
    case Operator::kBitXor:
      out = Value::Bool(left.boolean != right.boolean);
      return true;
    default:
      return WrongOperands(machine, left, right);
  }
}

bool SameReference(const Value& left, const Value& right) {
  if (left.kind != right.kind) return false;
  switch (left.kind) {
    case Kind::kString:
      return left.string == right.string;
    case Kind::kBuilder:
      return left.builder == right.builder;
    case Kind::kList:
      return left.list == right.list;
    case Kind::kMap:
      return left.map == right.map;
    case Kind::kEntry:
      return left.entry == right.entry;
    default:
      return left.null();
  }
}

bool Less(Machine& machine, Operator op, const Value& left, const Value& right, Value& out) {
  if (!left.numeric() || !right.numeric()) return WrongOperands(machine, left, right);
  bool less = false;
  bool equal = false;
  if (left.whole() && right.whole()) {
    less = left.integer < right.integer;
    equal = left.integer == right.integer;
  } else {
    const double a = left.AsDouble();
    const double b = right.AsDouble();
    if (std::isnan(a) || std::isnan(b)) {
      out = Value::Bool(false);
      return true;
    }
    less = a < b;
    equal = a == b;
  }
  const bool result = op == Operator::kLess        ? less
                      : op == Operator::kLessEqual ? less || equal
                      : op == Operator::kMore      ? !less && !equal
                                                   : !less;
  out = Value::Bool(result);
  return true;
}

bool EqualLists(Machine& machine, const ListObject& left, const ListObject& right, bool& out, int depth) {
  out = left.items.size() == right.items.size();
  for (std::size_t i = 0; out && i < left.items.size(); ++i) {
    if (!Equal(machine, left.items[i], right.items[i], out, depth + 1)) return false;
  }
  return true;
}

bool EqualMaps(Machine& machine, const MapObject& left, const MapObject& right, bool& out, int depth) {
  out = left.entries.size() == right.entries.size();
  for (auto entry = left.entries.begin(); out && entry != left.entries.end(); ++entry) {
    const Value* const other = right.Find(entry->first);
    out = other != nullptr;
    if (out && !Equal(machine, entry->second, *other, out, depth + 1)) return false;
  }
  return true;
}

}  // namespace

bool Apply(Machine& machine, Operator op, const Value& left, const Value& right, Value& out) {
  bool equal = false;
  switch (op) {
    case Operator::kEqual:
    case Operator::kNotEqual:
      if (!Equal(machine, left, right, equal)) return false;
      out = Value::Bool(equal == (op == Operator::kEqual));
      return true;
    case Operator::kSame:
    case Operator::kNotSame:
      if (left.kind <= Kind::kDouble && right.kind <= Kind::kDouble) {
        if (!Equal(machine, left, right, equal)) return false;
      } else {
        equal = SameReference(left, right);
      }
      out = Value::Bool(equal == (op == Operator::kSame));
      return true;
    case Operator::kLess:
    case Operator::kLessEqual:
    case Operator::kMore:
    case Operator::kMoreEqual:
      return Less(machine, op, left, right, out);
    case Operator::kShiftLeft:
    case Operator::kShiftRight:
    case Operator::kShiftRightZero:
      return Shift(machine, op, left, right, out);
    default:
      break;
  }
  if (left.kind == Kind::kBool && right.kind == Kind::kBool) return ApplyBool(machine, op, left, right, out);
  if (!left.numeric() || !right.numeric()) return WrongOperands(machine, left, right);
  const Kind kind = Promoted(left, right);
  if (left.whole() && right.whole()) return ApplyWhole(machine, op, kind, left, right, out);
  double result = 0;
  if (!ApplyReal(machine, op, left.AsDouble(), right.AsDouble(), result)) return false;
  out = Value::Real(kind, result);
  return true;
}

bool Negate(Machine& machine, const Value& value, Value& out) {
  if (!value.numeric()) return machine.Fail(Described(value.kind) + " has no sign");
  if (value.whole()) {
    out = Wrapped(value.kind == Kind::kLong ? Kind::kLong : Kind::kInt, 0 - static_cast<std::uint64_t>(value.integer));
  } else {
    out = Value::Real(value.kind, -value.real);
  }
  return true;
}

bool BitNot(Machine& machine, const Value& value, Value& out) {
  if (!value.whole()) return machine.Fail("bits are of whole numbers only");
  out = Value::Integer(value.kind == Kind::kLong ? Kind::kLong : Kind::kInt, ~value.integer);
  return true;
}

bool Equal(Machine& machine, const Value& left, const Value& right, bool& out, int depth) {
  if (!machine.Step()) return false;
  if (depth > kMaxValueDepth) return machine.Exhaust("lists and maps are nested too deeply");
  if (left.numeric() && right.numeric()) {
    out = left.whole() && right.whole() ? left.integer == right.integer : left.AsDouble() == right.AsDouble();
    return true;
  }
  out = false;
  if (left.kind != right.kind) return true;
  switch (left.kind) {
    case Kind::kBool:
      out = left.boolean == right.boolean;
      return true;
    case Kind::kString:
      out = left.string->text == right.string->text;
      return machine.Work(out ? left.string->text.size() : 0);
    case Kind::kList:
      return EqualLists(machine, *left.list, *right.list, out, depth);
    case Kind::kMap:
      return EqualMaps(machine, *left.map, *right.map, out, depth);
    default:
      out = SameReference(left, right);
      return true;
  }
}

bool Compare(Machine& machine, const Value& left, const Value& right, int& out) {
  if (!machine.Step()) return false;
  if (left.numeric() && right.numeric()) {
    Value less;
    Value more;
    if (!Less(machine, Operator::kLess, left, right, less) || !Less(machine, Operator::kMore, left, right, more))
      return false;
    out = static_cast<int>(more.boolean) - static_cast<int>(less.boolean);
    return true;
  }
  if (left.kind != Kind::kString || right.kind != Kind::kString) return WrongOperands(machine, left, right);
  if (!machine.Work(std::min(left.string->text.size(), right.string->text.size()))) return false;
  if (left.string->ascii && right.string->ascii) {
    out = left.string->text.compare(right.string->text);
    return true;
  }
  // Not kept with the strings: one may be a literal, which other runs read at the same time.
  if (!machine.Work(4 * (left.string->text.size() + right.string->text.size()))) return false;
  out = ToUnits(left.string->text).compare(ToUnits(right.string->text));
  return true;
}

}  // namespace mlnode::connectors::script
