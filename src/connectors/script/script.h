// connectors/script/script.h: the part of Painless that published connector blueprints use (spec/remote §5.4), by an
// evaluator of our own: no reflection, no I/O, no clock, no randomness, no access to anything but `params`. What is
// outside the subset is refused when the script is compiled, with its line. docs/scripts.md lists the subset.
// Threads: a compiled script is immutable; Run from any thread. Cost is bounded: steps, bytes, depth.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace mlnode::connectors {

struct ScriptLimits {
  std::size_t steps = 10'000'000;          // expressions and statements evaluated; about half a second
  std::size_t bytes = 64UL * 1024 * 1024;  // of all values made
  int depth = 64;                          // of calls
};

class Script {
 public:
  static constexpr std::size_t kMaxSourceBytes = 65'536;
  // kInvalidArgument: "script error at line 3: ..." names what is outside the subset.
  static Result<std::shared_ptr<const Script>> Compile(std::string_view source);
  virtual ~Script() = default;
  // The returned value: a script of the blueprints returns a string; null when it returns nothing. `params` is what the
  // script sees under that name. kInvalidArgument: a fault of the script (null dereference, wrong type, index: line
  // named), kResourceExhausted: a limit.
  virtual Result<json::value> Run(const json::object& params, const ScriptLimits& limits = {}) const = 0;
};

}  // namespace mlnode::connectors
