#include "models/remote/remote_registration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/testing/test_vault.h"
#include "core/testing/manual_executor.h"
#include "models/input/model_update.h"
#include "models/registration_repair.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::models {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kConnector =
    R"({"name":"c","version":1,"protocol":"http","parameters":{"model":"m"},"credential":{"key":"sk-secret"},)"
    R"("actions":[{"action_type":"predict","method":"POST","url":"https://api.openai.com/v1/embeddings"}]})";

class RemoteRegistrationTest : public ::testing::Test {
 protected:
  RegisterInput Parse(const std::string& more) {
    const auto body = ParseJsonObject(R"({"name":"r","function_name":"remote","description":"d")" + more + "}");
    return ParseRegister(body.value(), *settings_->Current()).value();
  }
  RegisterInput Inline(const std::string& connector = kConnector) { return Parse(R"(,"connector":)" + connector); }
  RegisterInput Named() {
    const auto input = connectors::ParseCreate(ParseJsonObject(kConnector).value()).value();
    connectors::Connector connector = input.connector;
    connector.id = connectors::ConnectorId("c1");
    EXPECT_TRUE(connectors_.Create(connector, input.secrets));
    return Parse(R"(,"connector_id":"c1")");
  }
  Result<RemoteRegistered> Register(RegisterInput input) {
    const config::SnapshotPtr settings = settings_->Current();
    return RegisterRemote({.models = models_,
                           .tasks = tasks_,
                           .actions = actions_,
                           .connectors = connectors_,
                           .vault = *vault_,
                           .settings = *settings,
                           .random = random_,
                           .clock = clock_,
                           .owner = {NodeId("n1"), 3}},
                          std::move(input));
  }
  Result<Model> Update(const ModelId& id, const std::string& body) {
    auto update = ParseModelUpdate(ParseJsonObject(body).value());
    if (!update) return update.error();
    const config::SnapshotPtr settings = settings_->Current();
    if (update->connector) {
      const Status prepared = PrepareConnectorChange(
          {.models = models_, .connectors = connectors_, .vault = *vault_, .settings = *settings}, id,
          *update->connector);
      if (!prepared) return prepared.error();
    }
    return UpdateModel(models_, clock_, id, *update);
  }
  connectors::Secrets SecretsOf(const ModelId& id) {
    const Model model = models_.Get(id).value();
    return connectors::UnsealAll(*vault_, model.connector->credential, {storage::Collection::kModels, id.str()})
        .value();
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  storage::MemoryStore memory_{clock_};
  storage::testing::FaultStore store_{memory_};
  const std::unique_ptr<connectors::CredentialVault> vault_ = connectors::testing::TestVault();
  const std::unique_ptr<config::Settings> settings_ = config::Settings::Create({}).value();
  ModelRepository models_{store_, random_, clock_};
  tasks::TaskRepository tasks_{store_, random_, clock_};
  connectors::ConnectorRepository connectors_{store_, random_, clock_, *vault_};
  ActionStats actions_;
};

TEST_F(RemoteRegistrationTest, ANamedConnectorIsAllItTakes) {
  const RemoteRegistered made = Register(Named()).value();
  const Model model = models_.Get(made.model).value();
  EXPECT_EQ(model.connector_id->str(), "c1");
  EXPECT_FALSE(model.connector);
  EXPECT_EQ(model.registration, Registration::kRegistered);
  EXPECT_EQ(ToJson(PublicForm(model)),
            R"({"name":"r","model_group_id":")" + model.group.str() +
                R"(","algorithm":"REMOTE","model_version":"1","description":"d","model_state":"REGISTERED",)"
                R"("created_time":)" +
                std::to_string(model.created_time) + R"(,"last_updated_time":)" + std::to_string(model.created_time) +
                R"(,"is_hidden":false,"connector_id":"c1"})");
  const tasks::TaskRecord task = tasks_.Get(made.task).value();
  EXPECT_EQ(task.state, tasks::TaskState::kCompleted);
  EXPECT_EQ(task.model, made.model);
  EXPECT_EQ(task.function_name, "REMOTE");
  EXPECT_FALSE(task.is_async);
}

// The model is registered and answered, and the store did not take the end of its task.
TEST_F(RemoteRegistrationTest, ATaskThatWasNotEndedIsCompletedByARepair) {
  store_.set_before_call([&](std::string_view call) {
    if (call == "TryWrite" && !models_.List().empty()) store_.Sever();
  });
  const RemoteRegistered made = Register(Inline()).value();
  store_.set_before_call({});
  store_.Reconnect();
  ASSERT_EQ(tasks_.Get(made.task)->state, tasks::TaskState::kCreated);
  ASSERT_TRUE(RepairRegistrations(models_, tasks_, clock_, std::chrono::hours(1)));
  const tasks::TaskRecord task = tasks_.Get(made.task).value();
  EXPECT_EQ(task.state, tasks::TaskState::kCompleted);
  EXPECT_EQ(task.model, made.model);
}

TEST_F(RemoteRegistrationTest, AConnectorOfItsOwnIsSealedForTheModel) {
  const RemoteRegistered made = Register(Inline()).value();
  const std::string stored = ToJson(store_.Get({storage::Collection::kModels, made.model.str()}).value()->body);
  EXPECT_THAT(stored, HasSubstr(R"("credential":{"key":"v2:test2:)"));
  EXPECT_THAT(stored, Not(HasSubstr("sk-secret")));
  EXPECT_EQ(SecretsOf(made.model).at("key"), "sk-secret");
  const Model model = models_.Get(made.model).value();
  EXPECT_THAT(ToJson(PublicForm(model)), HasSubstr(R"("connector":{"name":"c","version":"1","protocol":"http")"));
  EXPECT_THAT(ToJson(PublicForm(model)), Not(HasSubstr("credential")));
}

TEST_F(RemoteRegistrationTest, WhatIsMissingIsSaidInThePeersWords) {
  EXPECT_EQ(Register(Parse("")).error().message,
            "You must provide connector content when creating a remote model without connector id!");
  EXPECT_EQ(
      Register(Inline(R"({"protocol":"http","actions":[{"action_type":"execute","url":"https://api.openai.com/x",)"
                      R"("method":"GET"}]})"))
          .error()
          .message,
      "Connector endpoint is required when creating a remote model without connector id!");
  EXPECT_EQ(Register(Inline(R"({"protocol":"http","actions":[{"action_type":"predict","url":"https://example.com/",)"
                            R"("method":"GET"}]})"))
                .error()
                .message,
            "Connector URL is not matching the trusted connector endpoint regex");
  const Error unknown = Register(Parse(R"(,"connector_id":"nope")")).error();
  EXPECT_EQ(unknown.code, Code::kNotFound);
  EXPECT_EQ(unknown.message, "Failed to find connector:nope");
  EXPECT_TRUE(models_.List().empty());
  EXPECT_TRUE(models_.ListGroups().empty()) << "nothing stays of what was refused";
  EXPECT_TRUE(tasks_.List().empty());
}

TEST_F(RemoteRegistrationTest, ATakenIdFailsItsTaskAndGivesTheVersionBack) {
  ASSERT_TRUE(Register(Parse(R"(,"model_id":"mine","connector":)" + std::string(kConnector))));
  const auto again = Register(Parse(R"(,"model_id":"mine","connector":)" + std::string(kConnector)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
  EXPECT_EQ(models_.ListGroups().at(0).latest_version, 1);
  EXPECT_TRUE(tasks_.InProgress().empty());
}

TEST_F(RemoteRegistrationTest, BothKindsOfConnectorAtOnceAreRefused) {
  const auto body = ParseJsonObject(R"({"name":"r","function_name":"remote","connector_id":"c1","connector":)" +
                                    std::string(kConnector) + "}");
  EXPECT_THAT(ParseRegister(body.value(), *settings_->Current()).error().message, HasSubstr("cannot have both"));
}

TEST_F(RemoteRegistrationTest, LocalModelsHaveNoConnector) {
  const auto body =
      ParseJsonObject(R"({"name":"l","function_name":"text_embedding","model_format":"ONNX","connector":5})");
  const auto input = ParseRegister(body.value(), *settings_->Current());
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_FALSE(input->connector);
}

TEST_F(RemoteRegistrationTest, AKnownServiceGetsAnInterfaceUnlessOneIsGiven) {
  const std::string connector =
      R"({"protocol":"aws_sigv4","credential":{"access_key":"a","secret_key":"b"},"parameters":{"region":"us-east-1",)"
      R"("service_name":"bedrock","model":"anthropic.claude-v2"},"actions":[{"action_type":"predict","method":"POST",)"
      R"("url":"https://bedrock-runtime.${parameters.region}.amazonaws.com/model/${parameters.model}/invoke"}]})";
  const Model preset = models_.Get(Register(Inline(connector)).value().model).value();
  EXPECT_TRUE(preset.passthrough.contains("interface"));
  const Model given =
      models_.Get(Register(Parse(R"(,"interface":{"input":{}},"connector":)" + connector)).value().model).value();
  EXPECT_EQ(ToJson(given.passthrough.at("interface").as_object()), R"({"input":"{}"})");
}

TEST_F(RemoteRegistrationTest, AnOwnConnectorIsChangedByTheModelsUpdate) {
  const ModelId id = Register(Inline()).value().model;
  const Model changed =
      Update(id, R"({"connector":{"parameters":{"model":"n"},"credential":{"other":"sk-new"}}})").value();
  EXPECT_EQ(changed.connector->parameters.at("model"), "n");
  EXPECT_EQ(SecretsOf(id), (connectors::Secrets{{"other", "sk-new"}}));
  ASSERT_TRUE(Update(id, R"({"connector":{"description":"x"}})"));
  EXPECT_EQ(SecretsOf(id), (connectors::Secrets{{"other", "sk-new"}})) << "kept where none is given";
  const auto refused = Update(
      id, R"({"connector":{"actions":[{"action_type":"predict","method":"POST","url":"https://evil.example/"}]}})");
  EXPECT_EQ(refused.error().message, "Connector URL is not matching the trusted connector endpoint regex");
}

TEST_F(RemoteRegistrationTest, TheModelsUpdateDoesNotLeadAKeptCredentialElsewhere) {
  const ModelId id = Register(Inline()).value().model;
  const std::string moved =
      R"("actions":[{"action_type":"predict","method":"POST","url":"https://api.cohere.ai/v1/embed"}])";
  EXPECT_THAT(Update(id, R"({"connector":{)" + moved + "}}").error().message, HasSubstr("give \"credential\""));
  EXPECT_EQ(SecretsOf(id), (connectors::Secrets{{"key", "sk-secret"}}));
  EXPECT_EQ(models_.Get(id).value().connector->actions.at(0).url, "https://api.openai.com/v1/embeddings");
  EXPECT_TRUE(Update(id, R"({"connector":{"credential":{"key":"sk-cohere"},)" + moved + "}}"));
  EXPECT_EQ(SecretsOf(id), (connectors::Secrets{{"key", "sk-cohere"}}));
}

TEST_F(RemoteRegistrationTest, AnotherConnectorIsNamedByTheModelsUpdate) {
  const ModelId named = Register(Named()).value().model;
  EXPECT_EQ(Update(named, R"({"connector_id":"nope"})").error().message, "Failed to find connector:nope");
  EXPECT_EQ(Update(named, R"({"connector":{"description":"x"}})").error().message,
            "Cannot update connector settings for this model. The model was created with a connector_id and does not "
            "have an inline connector.");
  const ModelId own = Register(Inline()).value().model;
  const Model moved = Update(own, R"({"connector_id":"c1"})").value();
  EXPECT_EQ(moved.connector_id->str(), "c1");
  EXPECT_FALSE(models_.Get(own).value().connector);
  EXPECT_EQ(store_.Find(storage::Collection::kModels, "connector_id", "c1").size(), 2U);
  EXPECT_EQ(Update(ModelId("gone"), R"({"connector_id":"nope"})").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace mlnode::models
