#include "connectors/mapping/script_function.h"

#include <algorithm>

#include "connectors/compiled_connector.h"
#include "connectors/templates/json_text.h"
#include "connectors/templates/payload.h"
#include "connectors/templates/substitution.h"
#include "core/utf8.h"

namespace mlnode::connectors {
namespace {

constexpr std::string_view kPrefix = "parameters.";

std::string Quoted(std::string_view text) {
  std::string quoted;
  AppendJsonString(quoted, text);
  return quoted;
}

// Not recursive: what a caller sends is data, whatever it looks like.
std::string Fill(std::string_view source, const Parameters* parameters) {
  std::string filled;
  for (TemplatePiece piece; NextPiece(source, kPrefix, piece);) {
    filled += piece.literal;
    if (piece.placeholder.empty()) continue;
    if (parameters == nullptr) {
      filled += "\"\"";
      continue;
    }
    const auto found = parameters->find(piece.name.substr(kPrefix.size()));
    if (found != parameters->end())
      filled += Quoted(found->second);
    else
      filled += piece.fallback.value_or(piece.placeholder);
  }
  return filled;
}

json::value Escaped(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  const std::string quoted = Quoted(*text);
  return json::value(std::string_view(quoted).substr(1, quoted.size() - 2));
}

}  // namespace

Result<ScriptFunction> ScriptFunction::Make(std::string_view source) {
  ScriptFunction function;
  if (source.find("${parameters.") == std::string_view::npos) {
    ASSIGN_OR_RETURN(function.compiled_, Script::Compile(source));
    return function;
  }
  RETURN_IF_ERROR(Script::Compile(Fill(source, nullptr)));
  function.source_ = source;
  return function;
}

Result<json::value> ScriptFunction::Run(const json::object& params, const Parameters& parameters) const {
  if (compiled_ != nullptr) return compiled_->Run(params);
  ASSIGN_OR_RETURN(const std::shared_ptr<const Script> script, Script::Compile(Fill(source_, &parameters)));
  return script->Run(params);
}

json::object DocumentParams(const RemoteInput& input, std::size_t first, std::size_t count,
                            const Parameters& parameters) {
  json::object params{{"algorithm", input.algorithm}};
  if (input.query) params["query_text"] = Escaped(input.query);
  json::array documents;
  for (std::size_t i = first; i < first + count; ++i) documents.push_back(Escaped(input.documents[i]));
  params["text_docs"] = std::move(documents);
  if (!input.parameters.empty()) params["parameters"] = input.parameters;
  if (!IsSet(parameters, "pre_process_function.convert_input_to_json_string")) return params;
  for (auto& field : params)
    if (!field.value().is_string()) field.value() = ToJson(field.value());
  return params;
}

json::object NativeParams(const RemoteInput& input, const Parameters& parameters) {
  const bool convert = IsSet(parameters, "pre_process_function.convert_remote_inference_param_to_object");
  json::object params;
  for (auto& [name, text] : AsText(input.parameters)) {
    Result<json::value> value = convert && IsJsonContainer(text) ? ParseJson(text) : json::value(text);
    params[name] = value ? *std::move(value) : json::value(text);
  }
  return params;
}

bool IsBuiltInName(std::string_view function, std::string_view family) {
  return function.starts_with(family) && function.find_first_of(" \t\r\n;(){}") == std::string_view::npos;
}

Error UnknownBuiltIn(std::string_view field, std::string_view function) {
  return MakeError(Code::kInvalidArgument,
                   std::string(field) + ": there is no built-in function " + std::string(TruncateUtf8(function, 200)));
}

bool IsSet(const Parameters& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  return found != parameters.end() && IsTrue(found->second);
}

}  // namespace mlnode::connectors
