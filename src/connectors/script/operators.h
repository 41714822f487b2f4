// connectors/script/operators.h: arithmetic, comparison, conversion and printing of values, as Java does it. Each says
// false when the run is over (machine.h). Not thread-safe.
#pragma once

#include <string>

#include "connectors/script/machine.h"
#include "connectors/script/program.h"

namespace mlnode::connectors::script {

// Lists and maps within one another that are printed, compared or copied.
inline constexpr int kMaxValueDepth = 64;

// Everything but `+` of texts, && and ||.
bool Apply(Machine& machine, Operator op, const Value& left, const Value& right, Value& out);
bool Negate(Machine& machine, const Value& value, Value& out);
bool BitNot(Machine& machine, const Value& value, Value& out);
// Numbers by value, strings, lists, maps by content, the rest by identity.
bool Equal(Machine& machine, const Value& left, const Value& right, bool& out, int depth = 0);
// Of two numbers or two strings: negative, 0, positive.
bool Compare(Machine& machine, const Value& left, const Value& right, int& out);
// As String.valueOf: appended to `out`, at most what the run may still make.
bool Print(Machine& machine, const Value& value, std::string& out, int depth = 0);
// As Java's hashCode.
bool Hash(Machine& machine, const Value& value, std::int32_t& out, int depth = 0);

enum class Conversion : std::uint8_t { kImplicit, kCast };
// Makes the value what the type asks for, or fails.
bool Convert(Machine& machine, const Type& type, Conversion conversion, Value& value);
bool IsInstance(const Type& type, const Value& value);
// Java's narrowing of a double.
std::int64_t ToWhole(double value, std::int64_t least, std::int64_t most);

// A condition; a whole number for `what` ("an index").
bool AsBool(Machine& machine, const Value& value, bool& out);
bool AsWhole(Machine& machine, const Value& value, std::string_view what, std::int64_t& out);

}  // namespace mlnode::connectors::script
