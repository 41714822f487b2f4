// connectors/script/json_values.h: JSON to a script's values and back. Not thread-safe.
#pragma once

#include "connectors/script/machine.h"
#include "core/json.h"

namespace mlnode::connectors::script {

// Not counted against the run's bytes: the caller had it already. Whole numbers are int when they fit, else long.
// Precondition: depth at most kMaxJsonDepth.
Value FromJson(Heap& heap, const json::value& value);
// False: a value that JSON has no form of, or too deep, or more steps than the run has left.
bool IntoJson(Machine& machine, const Value& value, json::value& out, int depth = 0);

}  // namespace mlnode::connectors::script
