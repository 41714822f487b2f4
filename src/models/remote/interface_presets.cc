#include "models/remote/interface_presets.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace mlnode::models {
namespace {

// What a model wants under "parameters", and whether it makes embeddings, which the docs routes ask for too.
struct Preset {
  std::string_view service, key, value;  // key, value: the parameter that tells; empty: any
  std::string_view properties;           // schemas of parameters
  std::string_view required;             // of them, as a JSON array
  bool embeds;
};

constexpr std::string_view kInputs = R"({"inputs":{"type":"string"}})";
constexpr std::string_view kTexts = R"({"texts":{"type":"array","items":{"type":"string"}}})";
constexpr std::string_view kInputText = R"({"inputText":{"type":"string"}})";
constexpr std::string_view kTextOrImage = R"({"inputText":{"type":"string"},"inputImage":{"type":"string"}})";

constexpr Preset kPresets[] = {
    {"bedrock", "model", "ai21.j2-mid-v1", kInputs, R"(["inputs"])", false},
    {"bedrock", "model", "anthropic.claude-3-sonnet-20240229-v1:0", kInputs, R"(["inputs"])", false},
    {"bedrock", "model", "anthropic.claude-v2", kInputs, R"(["inputs"])", false},
    {"bedrock", "model", "cohere.embed-english-v3", kTexts, R"(["texts"])", true},
    {"bedrock", "model", "cohere.embed-multilingual-v3", kTexts, R"(["texts"])", true},
    {"bedrock", "model", "amazon.titan-embed-text-v1", kInputText, R"(["inputText"])", true},
    {"bedrock", "model", "amazon.titan-embed-image-v1", kTextOrImage, "[]", true},
    {"comprehend", "api_name", "DetectDominantLanguage", R"({"Text":{"type":"string"}})", R"(["Text"])", false},
    {"textract", "", "", R"({"bytes":{"type":"string"}})", R"(["bytes"])", false},
};

std::string_view ParameterOf(const connectors::Connector& connector, std::string_view name) {
  const auto found = connector.parameters.find(name);
  return found == connector.parameters.end() ? std::string_view() : found->second;
}

std::string InputSchema(const Preset& preset) {
  std::string native = R"({"properties":{"parameters":{"type":"object","properties":)";
  native += preset.properties;
  native += R"(,"required":)";
  native += preset.required;
  native += R"(}},"required":["parameters"]})";
  // The docs routes have no parameters of the service: the pre-process function makes them later.
  if (preset.embeds) return R"({"type":"object","anyOf":[{"required":["text_docs"]},)" + native + "]}";
  return R"({"type":"object",)" + native.substr(1);
}

std::string OutputSchema(const std::string& tensor) {
  return R"({"type":"object","properties":{"inference_results":{"type":"array","items":{"type":"object","properties":)"
         R"({"output":{"type":"array","items":)" +
         tensor +
         R"(},"status_code":{"type":"integer"}},"required":["output","status_code"]}}},)"
         R"("required":["inference_results"]})";
}

std::string RawTensor() {
  return R"({"type":"object","properties":{"name":{"type":"string"},"dataAsMap":{"type":"object"}},)"
         R"("required":["name","dataAsMap"]})";
}

std::string EmbeddingTensor() {
  return R"({"type":"object","properties":{"name":{"type":"string"},"data_type":{"type":"string"},)"
         R"("shape":{"type":"array","items":{"type":"integer"}},"data":{"type":"array","items":{"type":"number"}}},)"
         R"("required":["name","data_type","shape","data"]})";
}

// Whether a built-in function makes tensors of the answer.
bool MakesTensors(const connectors::Connector& connector) {
  const connectors::Action* predict = connector.Find(connectors::ActionType::kPredict);
  return predict != nullptr && predict->post_process_function &&
         predict->post_process_function->starts_with("connector.post_process.");
}

}  // namespace

std::optional<json::object> PresetInterface(const connectors::Connector& connector) {
  const std::string_view service = ParameterOf(connector, "service_name");
  const auto* const preset = std::ranges::find_if(kPresets, [&](const Preset& candidate) {
    return candidate.service == service &&
           (candidate.key.empty() || ParameterOf(connector, candidate.key) == candidate.value);
  });
  if (service.empty() || preset == std::end(kPresets)) return std::nullopt;
  const bool tensors = preset->embeds && MakesTensors(connector);
  return json::object{{"input", InputSchema(*preset)},
                      {"output", OutputSchema(tensors ? EmbeddingTensor() : RawTensor())}};
}

}  // namespace mlnode::models
