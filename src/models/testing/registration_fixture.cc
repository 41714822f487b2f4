#include "models/testing/registration_fixture.h"

#include "core/sha256.h"

namespace mlnode::models::testing {

RegistrationFixture::RegistrationFixture() {
  models_ = std::make_unique<ModelRepository>(store_, random_, clock_);
  tasks_ = std::make_unique<tasks::TaskRepository>(store_, random_, clock_);
  Use({});
}

RegistrationFixture::~RegistrationFixture() { executor_.DropAll(); }

void RegistrationFixture::Use(const config::RawValues& more) {
  registration_.reset();
  config::RawValues values{{"plugins.ml_commons.allow_registering_model_via_url", "true"},
                           {"plugins.ml_commons.allow_registering_model_via_local_file", "true"},
                           {"mlnode.pretrained.base_url", "http://artifacts.example/ml-models"},
                           {"mlnode.file_url_roots", "[\"" + folder_.path() + "\"]"}};
  for (const auto& [name, value] : more) values[name] = value;
  settings_ = config::Settings::Create(values).value();
  registration_ =
      std::make_unique<ModelRegistration>(RegistrationEnvironment{.models = *models_,
                                                                  .tasks = *tasks_,
                                                                  .actions = actions_,
                                                                  .random = random_,
                                                                  .clock = clock_,
                                                                  .background = executor_,
                                                                  .settings = *settings_,
                                                                  .client = client_,
                                                                  .temporary = folder_.File("tmp"),
                                                                  .owner = {NodeId("n1"), 3},
                                                                  .resources = [this] { return resources_; }});
}

RegisterInput RegistrationFixture::UrlInput(const std::string& zip, const std::string& hash) {
  const std::string file = folder_.Write("model.zip", zip);
  const json::object body{
      {"name", "minilm-by-url"},
      {"description", "by url"},
      {"model_format", "ONNX"},
      {"is_enabled", true},
      {"model_content_hash_value", hash.empty() ? Sha256Hex(zip) : hash},
      {"url", "file://" + file},
      {"model_config",
       {{"model_type", "bert"}, {"embedding_dimension", 4}, {"framework_type", "sentence_transformers"}}}};
  return ParseRegister(body, *settings_->Current()).value();
}

RegisterInput RegistrationFixture::MetaInput(std::int64_t chunks) {
  const json::object body{
      {"name", "in chunks"},
      {"description", "kept"},
      {"model_format", "ONNX"},
      {"is_enabled", false},
      {"deploy_setting", json::object()},
      {"rate_limiter", {{"limit", 4}, {"unit", "MINUTES"}}},
      {"interface", {{"input", json::object()}}},
      {"model_content_hash_value", std::string(64, 'a')},
      {"total_chunks", chunks},
      {"model_config",
       {{"model_type", "bert"}, {"embedding_dimension", 4}, {"framework_type", "sentence_transformers"}}}};
  return ParseRegisterMeta(body, *settings_->Current()).value();
}

tasks::TaskRecord RegistrationFixture::Register(RegisterInput input) {
  const TaskId task = registration_->RegisterFromUrl(std::move(input), {}).value();
  executor_.RunUntilIdle();
  return tasks_->Get(task).value();
}

}  // namespace mlnode::models::testing
