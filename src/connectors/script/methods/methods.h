// connectors/script/methods/methods.h: what the methods of the catalogue do. Each says false when the run is over
// (machine.h). Arguments are as many as the catalogue allows; their kinds are checked here. Not thread-safe.
#pragma once

#include <span>

#include "connectors/script/machine.h"
#include "connectors/script/operators.h"

namespace mlnode::connectors::script {

using Arguments = std::span<const Value>;

// `target` is not null. Methods that take a function are the interpreter's.
bool CallMethod(Machine& machine, Method method, const Value& target, Arguments arguments, Value& out);
bool CallString(Machine& machine, Method method, const StringObject& target, Arguments arguments, Value& out);
bool CallBuilder(Machine& machine, Method method, BuilderObject& target, Arguments arguments, Value& out);
bool CallList(Machine& machine, Method method, ListObject& target, Arguments arguments, Value& out);
bool CallMap(Machine& machine, Method method, MapObject& target, Arguments arguments, Value& out);
// `type`: the class that is named: Integer.valueOf.
bool CallStatic(Machine& machine, StaticMethod method, const Type& type, Arguments arguments, Value& out);
bool FormatText(Machine& machine, Arguments arguments, Value& out);

// "method X cannot be called on a Y". Always false.
bool NoSuchMethod(Machine& machine, const Value& target);
// An argument of a given kind, or a fault that names it.
bool AsString(Machine& machine, const Value& value, const StringObject*& out);
bool AsList(Machine& machine, const Value& value, const ListObject*& out);
// An index in [0, size).
bool AsIndex(Machine& machine, const Value& value, std::size_t size, std::size_t& out);

// Ascending, stable. `compare` says false when the run is over.
using Comparison = bool (*)(void* context, const Value& left, const Value& right, int& out);
bool SortItems(Machine& machine, std::vector<Value>& items, Comparison compare, void* context);
bool SortNaturally(Machine& machine, std::vector<Value>& items);

}  // namespace mlnode::connectors::script
