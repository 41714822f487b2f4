// serving/testing/remote_servable_fixture.h: a remote model whose provider is the test: on virtual time, a fake caller
// and connectors that echo (fake_remote.h).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/testing/manual_executor.h"
#include "serving/remote/guard.h"
#include "serving/remote/remote_servable.h"
#include "serving/testing/fake_remote.h"
#include "storage/memory/memory_store.h"

namespace mlnode::serving::testing {

class RemoteServableFixture : public ::testing::Test {
 protected:
  RemoteServableFixture() {
    Put(storage::Collection::kConnectors, "c", json::object{{"max_connection", 2}});
    Put(storage::Collection::kModels, "m", json::object{{"connector_id", "c"}});
  }
  void Put(storage::Collection collection, const std::string& id, json::object body) {
    const auto put = storage::Update(store_, random_, {collection, id},
                                     [&](json::object& stored) -> Result<bool> {
                                       stored = body;
                                       return true;
                                     },
                                     {.create_if_absent = true});
    ASSERT_TRUE(put) << put.error().message;
  }
  void SetGuardrails(const std::string& guardrails) {
    Put(storage::Collection::kModels, "m",
        {{"connector_id", "c"}, {"guardrails", ParseJsonObject(guardrails).value()}});
  }
  Result<std::shared_ptr<const connectors::CompiledConnector>> Compile(const storage::Document& holder) {
    ++compiled_;
    if (compile_error_) return *compile_error_;
    connectors::Connector connector;
    connector.client_config.emplace().max_connection = IntField(holder.body, "max_connection").value().value_or(30);
    connector.client_config->batch_max_documents = IntField(holder.body, "batch_max_documents").value().value_or(0);
    if (holder.body.contains("together")) connector.parameters["together"] = "true";
    if (holder.body.contains("charset")) connector.parameters["charset"] = "UTF-16";
    auto echo = std::make_shared<EchoConnector>(std::move(connector));
    echo->on_call = on_call_;
    return std::shared_ptr<const connectors::CompiledConnector>(std::move(echo));
  }
  struct Predicted {
    std::optional<Result<PredictResult>> answer;
    CancelFlag cancelled = std::make_shared<std::atomic<bool>>(false);
    const Error& error() const { return answer->error(); }
    const PredictResult& result() const { return answer->value(); }
  };
  std::shared_ptr<Predicted> Predict(connectors::RemoteInput input, Deadline deadline = Deadline::Never()) {
    auto predicted = std::make_shared<Predicted>();
    PredictRequest request;
    request.deadline = deadline;
    request.cancelled = predicted->cancelled;
    request.remote = std::make_shared<const connectors::RemoteInput>(std::move(input));
    servable_->Predict(std::move(request), servable_, [predicted](Result<PredictResult> result) {
      EXPECT_FALSE(predicted->answer) << "answered twice";
      predicted->answer = std::move(result);
    });
    executor_.RunUntilIdle();
    return predicted;
  }
  std::shared_ptr<Predicted> PredictNative(json::object parameters,
                                           connectors::ActionType action = connectors::ActionType::kPredict) {
    connectors::RemoteInput input;
    input.action = action;
    input.parameters = std::move(parameters);
    return Predict(std::move(input));
  }
  std::shared_ptr<Predicted> PredictDocs(const std::vector<std::string>& texts) {
    connectors::RemoteInput input;
    input.has_docs = true;
    input.documents.assign(texts.begin(), texts.end());
    return Predict(std::move(input));
  }
  void Answer(const std::string& body, int status = 200) {
    caller_.Answer(body, status);
    executor_.RunUntilIdle();
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{3};
  mlnode::testing::ManualExecutor executor_{clock_};
  FullableExecutor cpu_{executor_};
  storage::MemoryStore store_{clock_};
  Metrics metrics_;
  FakeCaller caller_;
  std::unique_ptr<config::Settings> settings_ = config::Settings::Create({}).value();
  std::optional<Error> compile_error_;
  std::function<void()> on_call_;  // of connectors
  int compiled_ = 0;
  RemoteEnvironment environment_{.store = store_,
                                 .caller = caller_,
                                 .cpu = cpu_,
                                 .timers = executor_,
                                 .clock = clock_,
                                 .metrics = metrics_,
                                 .settings = *settings_,
                                 .compile = [this](const storage::Document& holder) { return Compile(holder); },
                                 .rules = [] { return std::make_shared<const TrustingRules>(); }};
  std::shared_ptr<Servable> servable_ = MakeUndeployedRemote(ModelId("m"), environment_);
};

}  // namespace mlnode::serving::testing
