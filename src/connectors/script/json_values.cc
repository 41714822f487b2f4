#include "connectors/script/json_values.h"

#include <cmath>
#include <limits>

#include "connectors/script/operators.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

Value Text(Heap& heap, std::string_view text) { return Of(heap.Make<StringObject>(std::string(text))); }

Value Whole(std::int64_t value) {
  return Value::Integer(value == static_cast<std::int32_t>(value) ? Kind::kInt : Kind::kLong, value);
}

Value List(Heap& heap, const json::array& array) {
  auto* const list = heap.Make<ListObject>();
  list->items.reserve(array.size());
  for (const json::value& item : array) list->items.push_back(FromJson(heap, item));
  return Of(list);
}

Value Map(Heap& heap, const json::object& object) {
  auto* const map = heap.Make<MapObject>();
  for (const auto& [key, item] : object) map->Put(Text(heap, key), FromJson(heap, item));
  return Of(map);
}

bool IntoArray(Machine& machine, const ListObject& list, json::value& out, int depth) {
  json::array array;
  array.reserve(list.items.size());
  for (const Value& item : list.items) {
    array.emplace_back(nullptr);
    if (!IntoJson(machine, item, array.back(), depth + 1)) return false;
  }
  out = std::move(array);
  return true;
}

bool IntoObject(Machine& machine, const MapObject& map, json::value& out, int depth) {
  json::object object;
  for (const auto& [key, item] : map.entries) {
    std::string name;
    if (!Print(machine, key, name)) return false;
    if (!IntoJson(machine, item, object[ToValidUtf8(std::move(name))], depth + 1)) return false;
  }
  out = std::move(object);
  return true;
}

bool IntoText(Machine& machine, const Value& value, json::value& out, int depth) {
  std::string text;
  if (depth == 0 && value.kind == Kind::kString) {
    // The usual case; it was counted when it was made.
    out = ToValidUtf8(value.string->text);
    return true;
  }
  if (!Print(machine, value, text)) return false;
  out = ToValidUtf8(std::move(text));
  return true;
}

}  // namespace

Value FromJson(Heap& heap, const json::value& value) {
  switch (value.kind()) {
    case json::kind::bool_:
      return Value::Bool(value.get_bool());
    case json::kind::int64:
      return Whole(value.get_int64());
    case json::kind::uint64:
      if (value.get_uint64() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return Value::Real(Kind::kDouble, static_cast<double>(value.get_uint64()));
      }
      return Whole(static_cast<std::int64_t>(value.get_uint64()));
    case json::kind::double_:
      return Value::Real(Kind::kDouble, value.get_double());
    case json::kind::string:
      return Text(heap, value.get_string());
    case json::kind::array:
      return List(heap, value.get_array());
    case json::kind::object:
      return Map(heap, value.get_object());
    default:
      return {};
  }
}

bool IntoJson(Machine& machine, const Value& value, json::value& out, int depth) {
  // What is shared within the result is written out as often as it stands there.
  if (!machine.Take(Machine::kItemBytes)) return false;
  if (depth > static_cast<int>(kMaxJsonDepth)) return machine.Exhaust("what the script returns is nested too deeply");
  switch (value.kind) {
    case Kind::kNull:
      out = nullptr;
      return true;
    case Kind::kBool:
      out = value.boolean;
      return true;
    case Kind::kInt:
    case Kind::kLong:
      out = value.integer;
      return true;
    case Kind::kFloat:
    case Kind::kDouble:
      if (!std::isfinite(value.real)) return machine.Fail("the script returns a number that is not finite");
      out = value.real;
      return true;
    case Kind::kChar:
    case Kind::kString:
    case Kind::kBuilder:
      return IntoText(machine, value, out, depth);
    case Kind::kList:
      return IntoArray(machine, *value.list, out, depth);
    case Kind::kMap:
      return IntoObject(machine, *value.map, out, depth);
    case Kind::kEntry:
      return machine.Fail("the script returns a Map.Entry");
  }
  return false;
}

}  // namespace mlnode::connectors::script
