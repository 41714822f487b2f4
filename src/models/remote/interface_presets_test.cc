#include "models/remote/interface_presets.h"

#include <gtest/gtest.h>

#include "models/rules/model_interface.h"

namespace mlnode::models {
namespace {

connectors::Connector Of(connectors::Parameters parameters, const std::optional<std::string>& post_process = {}) {
  connectors::Connector connector;
  connector.parameters = std::move(parameters);
  connector.actions.emplace_back().post_process_function = post_process;
  return connector;
}

// Whether the preset takes it; false for none.
bool TakesInput(const connectors::Connector& connector, const char* instance) {
  const auto preset = PresetInterface(connector);
  return preset && ModelInterface(*preset).CheckInput(instance);
}
bool TakesOutput(const connectors::Connector& connector, const char* output) {
  const auto preset = PresetInterface(connector);
  const std::string answer = std::string(R"({"inference_results":[{"output":[)") + output + R"(],"status_code":200}]})";
  return preset && ModelInterface(*preset).CheckOutput(answer);
}

TEST(InterfacePresetsTest, EveryPresetIsASchemaThatIsStoredAsGiven) {
  const connectors::Parameters known[] = {{{"service_name", "bedrock"}, {"model", "ai21.j2-mid-v1"}},
                                          {{"service_name", "bedrock"}, {"model", "cohere.embed-english-v3"}},
                                          {{"service_name", "bedrock"}, {"model", "amazon.titan-embed-text-v1"}},
                                          {{"service_name", "bedrock"}, {"model", "amazon.titan-embed-image-v1"}},
                                          {{"service_name", "comprehend"}, {"api_name", "DetectDominantLanguage"}},
                                          {{"service_name", "textract"}}};
  for (const auto& parameters : known) {
    const auto preset = PresetInterface(Of(parameters));
    ASSERT_TRUE(preset);
    EXPECT_EQ(ToJson(ParseInterface(*preset).value()), ToJson(*preset));
  }
}

TEST(InterfacePresetsTest, OthersHaveNone) {
  EXPECT_FALSE(PresetInterface(Of({})));
  EXPECT_FALSE(PresetInterface(Of({{"service_name", "openai"}, {"model", "anthropic.claude-v2"}})));
  EXPECT_FALSE(PresetInterface(Of({{"service_name", "bedrock"}, {"model", "another"}})));
  EXPECT_FALSE(PresetInterface(Of({{"model", "anthropic.claude-v2"}})));
}

TEST(InterfacePresetsTest, ConversationsTakeInputs) {
  const auto claude = Of({{"service_name", "bedrock"}, {"model", "anthropic.claude-v2"}});
  EXPECT_TRUE(TakesInput(claude, R"({"parameters":{"inputs":"hello","x":1}})"));
  EXPECT_FALSE(TakesInput(claude, R"({"parameters":{"prompt":"hello"}})"));
  EXPECT_FALSE(TakesInput(claude, R"({"parameters":{"inputs":[1]}})"));
  EXPECT_FALSE(TakesInput(claude, "{}"));
  EXPECT_TRUE(TakesOutput(claude, R"({"name":"response","dataAsMap":{"completion":"x"}})"));
  EXPECT_FALSE(TakesOutput(claude, R"({"name":"sentence_embedding","data_type":"FLOAT32","shape":[1],"data":[1.0]})"));
}

TEST(InterfacePresetsTest, EmbeddingsTakeTheirParametersOrDocuments) {
  const connectors::Parameters parameters{{"service_name", "bedrock"}, {"model", "cohere.embed-english-v3"}};
  const auto raw = Of(parameters);
  EXPECT_TRUE(TakesInput(raw, R"({"parameters":{"texts":["a"]}})"));
  EXPECT_TRUE(TakesInput(raw, R"({"algorithm":"TEXT_EMBEDDING","text_docs":["a"]})"));
  EXPECT_FALSE(TakesInput(raw, R"({"parameters":{"texts":"a"}})"));
  EXPECT_TRUE(TakesOutput(raw, R"({"name":"response","dataAsMap":{}})"));
  const auto tensors = Of(parameters, "connector.post_process.cohere.embedding");
  EXPECT_TRUE(TakesOutput(tensors, R"({"name":"sentence_embedding","data_type":"FLOAT32","shape":[1],"data":[1.0]})"));
  EXPECT_FALSE(TakesOutput(tensors, R"({"name":"response","dataAsMap":{}})"));
}

}  // namespace
}  // namespace mlnode::models
