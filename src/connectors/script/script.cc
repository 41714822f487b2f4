#include "connectors/script/script.h"

#include <new>

#include "connectors/script/interpreter.h"
#include "connectors/script/json_values.h"
#include "connectors/script/parser.h"
#include "core/utf8.h"

namespace mlnode::connectors {
namespace {

class CompiledScript final : public Script {
 public:
  explicit CompiledScript(script::Program program) : program_(std::move(program)) {}

  Result<json::value> Run(const json::object& params, const ScriptLimits& limits) const override {
    try {
      return RunOnce(params, limits);
    } catch (const std::bad_alloc&) {
      return MakeError(Code::kResourceExhausted, "script error: no memory left");
    }
  }

 private:
  Result<json::value> RunOnce(const json::object& params, const ScriptLimits& limits) const {
    script::Machine machine(limits);
    auto* const map = machine.heap().Make<script::MapObject>();
    for (const auto& [key, value] : params) {
      map->Put(script::Of(machine.heap().Make<script::StringObject>(std::string(key))),
               script::FromJson(machine.heap(), value));
    }
    script::Value returned;
    json::value out;
    script::Interpreter interpreter(program_, machine, script::Of(map));
    if (!interpreter.Run(returned) || !script::IntoJson(machine, returned, out)) return machine.TakeError();
    return out;
  }

  script::Program program_;
};

}  // namespace

Result<std::shared_ptr<const Script>> Script::Compile(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return MakeError(Code::kInvalidArgument, "script error: the source has " + std::to_string(source.size()) +
                                                 " bytes, at most " + std::to_string(kMaxSourceBytes) + " are allowed");
  }
  if (!IsValidUtf8(source)) return MakeError(Code::kInvalidArgument, "script error: the source is not UTF-8");
  ASSIGN_OR_RETURN(std::vector<script::Token> tokens, script::Tokenize(source));
  ASSIGN_OR_RETURN(script::Program program, script::Parser(std::move(tokens)).Run());
  return std::shared_ptr<const Script>(std::make_shared<CompiledScript>(std::move(program)));
}

}  // namespace mlnode::connectors
