#include <algorithm>

#include "connectors/script/methods/methods.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

bool Find(Machine& machine, const ListObject& list, const Value& wanted, std::int64_t& out) {
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    bool equal = false;
    if (!Equal(machine, list.items[i], wanted, equal)) return false;
    if (!equal) continue;
    out = static_cast<std::int64_t>(i);
    return true;
  }
  out = -1;
  return true;
}

// add(item), add(place, item)
bool Add(Machine& machine, ListObject& list, Arguments arguments, Value& out) {
  if (list.fixed) return machine.Fail("an array does not grow");
  if (arguments.size() == 1) {
    out = Value::Bool(true);
    return machine.Append(list, arguments[0]);
  }
  std::size_t place = 0;
  if (!AsIndex(machine, arguments[0], list.items.size() + 1, place)) return false;
  if (!machine.Take(Machine::kItemBytes) || !machine.Work((list.items.size() - place) * sizeof(Value))) return false;
  list.items.insert(list.items.begin() + static_cast<std::ptrdiff_t>(place), arguments[1]);
  out = Value();
  return true;
}

// remove(int): by place; remove(anything else): the first that equals it.
bool Remove(Machine& machine, ListObject& list, const Value& wanted, Value& out) {
  if (list.fixed) return machine.Fail("an array does not shrink");
  if (!machine.Work(list.items.size() * sizeof(Value))) return false;
  if (wanted.kind == Kind::kInt) {
    std::size_t place = 0;
    if (!AsIndex(machine, wanted, list.items.size(), place)) return false;
    out = list.items[place];
    list.items.erase(list.items.begin() + static_cast<std::ptrdiff_t>(place));
    return true;
  }
  std::int64_t place = -1;
  if (!Find(machine, list, wanted, place)) return false;
  out = Value::Bool(place >= 0);
  if (place >= 0) list.items.erase(list.items.begin() + place);
  return true;
}

bool SubList(Machine& machine, const ListObject& list, Arguments arguments, Value& out) {
  std::size_t begin = 0;
  std::size_t end = 0;
  if (!AsIndex(machine, arguments[0], list.items.size() + 1, begin)) return false;
  if (!AsIndex(machine, arguments[1], list.items.size() + 1, end)) return false;
  if (begin > end) return machine.Fail("begin " + std::to_string(begin) + " is behind end " + std::to_string(end));
  if (!machine.MakeList(end - begin, out)) return false;
  std::copy(list.items.begin() + static_cast<std::ptrdiff_t>(begin),
            list.items.begin() + static_cast<std::ptrdiff_t>(end), out.list->items.begin());
  return true;
}

bool AddAll(Machine& machine, ListObject& list, const Value& other, Value& out) {
  const ListObject* added = nullptr;
  if (list.fixed) return machine.Fail("an array does not grow");
  if (!AsList(machine, other, added)) return false;
  const std::size_t count = added->items.size();  // it may be the same list
  for (std::size_t i = 0; i < count; ++i) {
    if (!machine.Append(list, added->items[i])) return false;
  }
  out = Value::Bool(count > 0);
  return true;
}

bool Join(Machine& machine, const ListObject& list, const Value& separator, Value& out) {
  const StringObject* between = nullptr;
  if (!AsString(machine, separator, between)) return false;
  std::string text;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0 && !Print(machine, separator, text)) return false;
    if (!Print(machine, list.items[i], text)) return false;
  }
  return machine.MakeTaken(std::move(text), out);
}

bool CheckKey(Machine& machine, const Value& key) {
  if (key.kind > Kind::kString) return machine.Fail("a key of a map cannot be " + Described(key.kind));
  return machine.Step();
}

enum class Part : std::uint8_t { kKeys, kValues, kEntries };
bool Parts(Machine& machine, const MapObject& map, Part part, Value& out) {
  if (!machine.MakeList(map.entries.size(), out)) return false;
  std::size_t i = 0;
  for (const auto& [key, value] : map.entries) {
    if (part == Part::kEntries) {
      if (!machine.Take(Machine::kObjectBytes)) return false;
      auto* const entry = machine.heap().Make<EntryObject>();
      entry->key = key;
      entry->value = value;
      out.list->items[i++] = Of(entry);
    } else {
      out.list->items[i++] = part == Part::kKeys ? key : value;
    }
  }
  return true;
}

bool PutAll(Machine& machine, MapObject& map, const Value& other) {
  if (other.kind != Kind::kMap) return machine.Fail(Described(other.kind) + " is no Map");
  if (other.map == &map) return true;
  return std::all_of(other.map->entries.begin(), other.map->entries.end(),
                     [&](const auto& entry) { return machine.Put(map, entry.first, entry.second); });
}

bool ContainsValue(Machine& machine, const MapObject& map, const Value& wanted, Value& out) {
  out = Value::Bool(false);
  for (const auto& entry : map.entries) {
    bool equal = false;
    if (!Equal(machine, entry.second, wanted, equal)) return false;
    if (equal) out = Value::Bool(true);
  }
  return true;
}

bool Changes(Machine& machine, Method method, MapObject& map, Arguments arguments, Value& out) {
  if (!CheckKey(machine, arguments[0])) return false;
  const Value* const found = map.Find(arguments[0]);
  out = found == nullptr ? Value() : *found;
  if (method == Method::kRemove) {
    map.Remove(arguments[0]);
    return true;
  }
  if (method == Method::kPutIfAbsent && !out.null()) return true;
  return machine.Put(map, arguments[0], arguments[1]);
}

}  // namespace

bool CallList(Machine& machine, Method method, ListObject& target, Arguments arguments, Value& out) {
  std::size_t place = 0;
  std::int64_t found = -1;
  switch (method) {
    case Method::kSize:
    case Method::kLength:
      out = Value::Int(static_cast<std::int64_t>(target.items.size()));
      return true;
    case Method::kIsEmpty:
      out = Value::Bool(target.items.empty());
      return true;
    case Method::kGet:
      if (!AsIndex(machine, arguments[0], target.items.size(), place)) return false;
      out = target.items[place];
      return true;
    case Method::kSet:
      if (!AsIndex(machine, arguments[0], target.items.size(), place)) return false;
      out = std::exchange(target.items[place], arguments[1]);
      return true;
    case Method::kAdd:
      return Add(machine, target, arguments, out);
    case Method::kAddAll:
      return AddAll(machine, target, arguments[0], out);
    case Method::kRemove:
      return Remove(machine, target, arguments[0], out);
    case Method::kContains:
    case Method::kIndexOf:
      if (!Find(machine, target, arguments[0], found)) return false;
      out = method == Method::kContains ? Value::Bool(found >= 0) : Value::Int(found);
      return true;
    case Method::kClear:
      if (target.fixed) return machine.Fail("an array does not shrink");
      target.items.clear();
      return true;
    case Method::kSubList:
      return SubList(machine, target, arguments, out);
    case Method::kJoin:
      return Join(machine, target, arguments[0], out);
    default:
      return NoSuchMethod(machine, Of(&target));
  }
}

bool CallMap(Machine& machine, Method method, MapObject& target, Arguments arguments, Value& out) {
  switch (method) {
    case Method::kSize:
      out = Value::Int(static_cast<std::int64_t>(target.entries.size()));
      return true;
    case Method::kIsEmpty:
      out = Value::Bool(target.entries.empty());
      return true;
    case Method::kGet:
    case Method::kGetOrDefault:
    case Method::kContainsKey: {
      if (!CheckKey(machine, arguments[0])) return false;
      const Value* const found = target.Find(arguments[0]);
      const Value absent = method == Method::kGetOrDefault ? arguments[1] : Value();
      out = method == Method::kContainsKey ? Value::Bool(found != nullptr) : found != nullptr ? *found : absent;
      return true;
    }
    case Method::kPut:
    case Method::kPutIfAbsent:
    case Method::kRemove:
      return Changes(machine, method, target, arguments, out);
    case Method::kPutAll:
      return PutAll(machine, target, arguments[0]);
    case Method::kContainsValue:
      return ContainsValue(machine, target, arguments[0], out);
    case Method::kKeySet:
      return Parts(machine, target, Part::kKeys, out);
    case Method::kValues:
      return Parts(machine, target, Part::kValues, out);
    case Method::kEntrySet:
      return Parts(machine, target, Part::kEntries, out);
    case Method::kClear:
      target.index.clear();
      target.entries.clear();
      return true;
    default:
      return NoSuchMethod(machine, Of(&target));
  }
}

}  // namespace mlnode::connectors::script
