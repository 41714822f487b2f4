#include "remote_fixture.h"

namespace mlnode::integration {

void RemoteFixture::StartProvider(connectors::ProviderDouble::Options options) {
  auto provider = connectors::ProviderDouble::Start(std::move(options));
  ASSERT_TRUE(provider) << provider.error().message;
  provider_ = *std::move(provider);
}

void RemoteFixture::SetUp() {
  StartProvider();
  StartNode();
  Set("trusted_connector_endpoints_regex", json::array{R"(^http://127\.0\.0\.1:.*$)"});
  Set("connector.private_ip_enabled", true);
}

void RemoteFixture::Set(const std::string& name, const json::value& value) {
  Ok("PUT", "/_cluster/settings", ToJson(json::object{{"persistent", {{"plugins.ml_commons." + name, value}}}}));
}

json::object RemoteFixture::Connector(const std::string& path, const std::string& request_body,
                                      const json::object& parts) const {
  json::object action{{"action_type", "predict"},
                      {"method", "POST"},
                      {"url", provider_->Url(path)},
                      {"headers", {{"Authorization", "Bearer ${credential.key}"}}},
                      {"request_body", request_body}};
  for (const auto& [key, value] : parts) action[key] = value;
  return {{"name", "provider"},
          {"description", "a double"},
          {"version", "1"},
          {"protocol", "http"},
          {"parameters", {{"model", "m-1"}}},
          {"credential", {{"key", "sk-1"}}},
          {"actions", json::array{action}}};
}

json::object RemoteFixture::Embeddings(const std::string& prefix) const {
  return Connector(prefix + "/v1/embeddings", R"({ "input": ${parameters.input}, "model": "${parameters.model}" })",
                   {{"pre_process_function", "connector.pre_process.openai.embedding"},
                    {"post_process_function", "connector.post_process.openai.embedding"}});
}

json::object RemoteFixture::Chat() const {
  return Connector("/v1/chat/completions", R"({ "model": "${parameters.model}", "messages": ${parameters.messages} })");
}

std::string RemoteFixture::RegisterRemote(const json::object& connector, const json::object& more) {
  json::object body{{"name", "remote"}, {"function_name", "remote"}, {"description", "r"}, {"connector", connector}};
  for (const auto& [key, value] : more) body[key] = value;
  const Answer answer = Ok("POST", std::string(kMl) + "/models/_register", ToJson(body));
  return answer.status == 200 ? std::string(answer.body.at("model_id").as_string()) : std::string();
}

Answer RemoteFixture::Predict(const std::string& model, const json::value& body) {
  return Ask("POST", std::string(kMl) + "/models/" + model + "/_predict", ToJson(body));
}

Answer RemoteFixture::PredictDocs(const std::string& model, const json::array& texts) {
  return Ask("POST", std::string(kMl) + "/_predict/text_embedding/" + model,
             ToJson(json::object{{"text_docs", texts}}));
}

std::size_t RemoteFixture::DeployTasks() {
  const Answer found =
      Ok("POST", std::string(kMl) + "/tasks/_search", R"({"query":{"term":{"task_type":"DEPLOY_MODEL"}},"size":100})");
  return found.body.at("hits").at("hits").as_array().size();
}

}  // namespace mlnode::integration
