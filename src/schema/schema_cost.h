// schema/schema_cost.h: what a schema may cost, judged before it is compiled. A schema comes from a client and is
// applied to every prediction of other clients: a reference in a circle would never end, branches that refer to one
// another double with each step. Pure; any thread; linear in the schema.
#pragma once

#include <cstdint>

#include "core/json.h"
#include "core/result.h"

namespace mlnode::schema {

inline constexpr std::uint64_t kMaxSchemaCost = 10'000;
inline constexpr int kMaxSchemaDepth = 100;  // subschemas within one another, references followed

// At most how many steps one place of an instance takes: all keywords and listed values, for a pattern about as many
// as matching may have states, those behind a reference once for each place that refers to them. kInvalidArgument names
// the keyword at fault: a reference that is not "#" or
// "#/..." into this schema or leads back to itself, dynamic references and anchors, an "$id" or "$schema" below the
// top; or it says that kMaxSchemaCost or kMaxSchemaDepth is exceeded.
Result<std::uint64_t> SchemaCost(const json::value& schema);

}  // namespace mlnode::schema
