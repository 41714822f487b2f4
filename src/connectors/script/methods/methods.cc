#include "connectors/script/methods/methods.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mlnode::connectors::script {
namespace {

constexpr std::int64_t kLongLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLongMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kIntLeast = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kIntMost = std::numeric_limits<std::int32_t>::max();

// intValue, doubleValue, ..., compareTo
bool CallNumber(Machine& machine, Method method, const Value& target, Arguments arguments, Value& out) {
  int order = 0;
  switch (method) {
    case Method::kIntValue:
      out = Value::Int(target.whole() ? target.integer : ToWhole(target.real, kIntLeast, kIntMost));
      return true;
    case Method::kLongValue:
      out = Value::Integer(Kind::kLong, target.whole() ? target.integer : ToWhole(target.real, kLongLeast, kLongMost));
      return true;
    case Method::kFloatValue:
      out = Value::Real(Kind::kFloat, target.AsDouble());
      return true;
    case Method::kDoubleValue:
      out = Value::Real(Kind::kDouble, target.AsDouble());
      return true;
    case Method::kCompareTo:
      if (!Compare(machine, target, arguments[0], order)) return false;
      out = Value::Int(order);
      return true;
    case Method::kCharValue:
      if (target.kind != Kind::kChar) return NoSuchMethod(machine, target);
      out = target;
      return true;
    default:
      return NoSuchMethod(machine, target);
  }
}

bool CallEntry(Machine& machine, Method method, const EntryObject& entry, const Value& target, Value& out) {
  if (method != Method::kGetKey && method != Method::kGetValue) return NoSuchMethod(machine, target);
  out = method == Method::kGetKey ? entry.key : entry.value;
  return true;
}

// toString, equals, hashCode: of anything.
bool CallAny(Machine& machine, Method method, const Value& target, Arguments arguments, Value& out) {
  if (method == Method::kEquals) {
    bool equal = false;
    if (!Equal(machine, target, arguments[0], equal)) return false;
    // 1 == 1.0, but Integer 1 does not equal Double 1.0.
    out = Value::Bool(equal && target.kind == arguments[0].kind);
    return true;
  }
  if (method == Method::kHashCode) {
    std::int32_t hash = 0;
    if (!Hash(machine, target, hash)) return false;
    out = Value::Int(hash);
    return true;
  }
  if (target.kind == Kind::kString) {
    out = target;
    return true;
  }
  std::string text;
  return Print(machine, target, text) && machine.MakeTaken(std::move(text), out);
}

}  // namespace

bool NoSuchMethod(Machine& machine, const Value& target) {
  return machine.Fail(Described(target.kind) + " has no such method");
}

bool AsString(Machine& machine, const Value& value, const StringObject*& out) {
  if (value.kind != Kind::kString) return machine.Fail(Described(value.kind) + " is no String");
  out = value.string;
  return true;
}

bool AsList(Machine& machine, const Value& value, const ListObject*& out) {
  if (value.kind != Kind::kList) return machine.Fail(Described(value.kind) + " is no List");
  out = value.list;
  return true;
}

bool AsIndex(Machine& machine, const Value& value, std::size_t size, std::size_t& out) {
  std::int64_t index = 0;
  if (!AsWhole(machine, value, "an index", index)) return false;
  if (index < 0 || static_cast<std::uint64_t>(index) >= size) {
    return machine.Fail("index " + std::to_string(index) + " is out of bounds for length " + std::to_string(size));
  }
  out = static_cast<std::size_t>(index);
  return true;
}

bool CallMethod(Machine& machine, Method method, const Value& target, Arguments arguments, Value& out) {
  if (method == Method::kToString || method == Method::kEquals || method == Method::kHashCode) {
    return CallAny(machine, method, target, arguments, out);
  }
  switch (target.kind) {
    case Kind::kString:
      return CallString(machine, method, *target.string, arguments, out);
    case Kind::kBuilder:
      return CallBuilder(machine, method, *target.builder, arguments, out);
    case Kind::kList:
      return CallList(machine, method, *target.list, arguments, out);
    case Kind::kMap:
      return CallMap(machine, method, *target.map, arguments, out);
    case Kind::kEntry:
      return CallEntry(machine, method, *target.entry, target, out);
    case Kind::kBool:
      if (method != Method::kBooleanValue) return NoSuchMethod(machine, target);
      out = target;
      return true;
    case Kind::kNull:
      return machine.Fail("a method is called on null");
    default:
      return CallNumber(machine, method, target, arguments, out);
  }
}

// Bottom up and by hand: with a comparison that contradicts itself, std::sort may read out of bounds.
bool SortItems(Machine& machine, std::vector<Value>& items, Comparison compare, void* context) {
  std::vector<Value> from = items;
  std::vector<Value> to = items;
  if (!machine.Take(2 * items.size() * sizeof(Value))) return false;
  for (std::size_t width = 1; width < from.size(); width *= 2) {
    for (std::size_t begin = 0; begin < from.size(); begin += 2 * width) {
      const std::size_t middle = std::min(begin + width, from.size());
      const std::size_t end = std::min(begin + 2 * width, from.size());
      std::size_t left = begin;
      std::size_t right = middle;
      for (std::size_t at = begin; at < end; ++at) {
        int order = 0;
        if (left < middle && right < end && !compare(context, from[left], from[right], order)) return false;
        const bool take_left = left < middle && (right >= end || order <= 0);
        to[at] = take_left ? from[left++] : from[right++];
      }
    }
    from.swap(to);
  }
  // The comparison may have changed the list meanwhile: what was sorted is what it holds.
  items = std::move(from);
  return true;
}

bool SortNaturally(Machine& machine, std::vector<Value>& items) {
  const Comparison natural = [](void* context, const Value& left, const Value& right, int& out) {
    return Compare(*static_cast<Machine*>(context), left, right, out);
  };
  return SortItems(machine, items, natural, &machine);
}

}  // namespace mlnode::connectors::script
