#include "models/input/model_update.h"

#include <gmock/gmock.h>

#include "models/testing/registration_fixture.h"

namespace mlnode::models {
namespace {

using storage::testing::WriteFault;
using ::testing::HasSubstr;

class ModelUpdateTest : public testing::RegistrationFixture {
 protected:
  ModelId MakeModel() { return registration_->CreateMeta(MetaInput(1)).value(); }
  Result<Model> Update(const ModelId& id, const json::object& body) {
    ASSIGN_OR_RETURN(const ModelUpdate update, ParseModelUpdate(body));
    return UpdateModel(*models_, clock_, id, update);
  }
  void ExpectRefused(const json::object& body, Code code, const std::string& reason, const std::string& message) {
    const ModelId id = MakeModel();
    const json::object before = StoredForm(Get(id));
    const Result<Model> refused = Update(id, body);
    ASSERT_FALSE(refused) << message;
    EXPECT_EQ(refused.error().code, code);
    EXPECT_EQ(refused.error().reason, reason);
    EXPECT_EQ(refused.error().message, message);
    EXPECT_EQ(ToJson(StoredForm(Get(id))), ToJson(before));
  }
};

TEST_F(ModelUpdateTest, ChangesWhatIsGivenAndNothingElse) {
  const ModelId id = MakeModel();
  json::object expected = PublicForm(Get(id));
  clock_.Advance(std::chrono::seconds(5));
  const Model updated = Update(id, {{"name", "new"}, {"is_enabled", true}, {"nope", 1}}).value();
  expected["name"] = "new";
  expected["is_enabled"] = true;
  expected["last_updated_time"] = clock_.WallMillis();
  expected["model_id"] = id.str();
  EXPECT_EQ(PublicForm(Get(id)), expected);
  EXPECT_EQ(updated.doc_version, 2U);
  EXPECT_EQ(Get(id).revision, updated.revision);
}

TEST_F(ModelUpdateTest, NothingIsAChangeOfTheTime) {
  const ModelId id = MakeModel();
  clock_.Advance(std::chrono::seconds(5));
  EXPECT_EQ(Update(id, {}).value().doc_version, 2U);
  EXPECT_EQ(Get(id).last_updated_time, clock_.WallMillis());
}

TEST_F(ModelUpdateTest, SettingsAreMergedKeyByKey) {
  const ModelId id = MakeModel();  // rate_limiter {4, MINUTES}, interface {input}
  ASSERT_TRUE(
      Update(id, {{"rate_limiter", {{"limit", 2.5}}}, {"interface", {{"output", json::object()}, {"other", 1}}}}));
  EXPECT_EQ(ToJson(Get(id).passthrough.at("rate_limiter")), R"({"limit":"2.5","unit":"MINUTES"})");
  EXPECT_EQ(ToJson(Get(id).passthrough.at("interface")), R"({"input":"{}","output":"{}"})");
  ASSERT_TRUE(Update(id, {{"deploy_setting", {{"model_ttl_minutes", 7}}}, {"guardrails", {{"type", "local_regex"}}}}));
  EXPECT_EQ(ToJson(Get(id).passthrough.at("deploy_setting")), R"({"model_ttl_minutes":7})");
  EXPECT_EQ(ToJson(Get(id).passthrough.at("guardrails")), R"({"type":"local_regex"})");
}

TEST_F(ModelUpdateTest, TheConfigurationIsMergedAndChecked) {
  const ModelId id = MakeModel();
  ASSERT_TRUE(Update(id, {{"model_config", {{"pooling_mode", "cls"}, {"additional_config", {{"space_type", "l2"}}}}}}));
  ASSERT_TRUE(Update(id, {{"model_config", {{"additional_config", {{"more", 1}}}}}}));
  EXPECT_EQ(ToJson(*Get(id).config),
            R"({"model_type":"bert","embedding_dimension":4,"framework_type":"SENTENCE_TRANSFORMERS",)"
            R"("additional_config":{"space_type":"l2","more":1},"pooling_mode":"CLS"})");
  ExpectRefused({{"model_config", {{"pooling_mode", "nope"}}}}, Code::kInvalidArgument, "", "Wrong pooling method");
}

TEST_F(ModelUpdateTest, MovingToAnotherGroupTakesItsNextVersion) {
  const ModelId id = MakeModel();
  const Group old_group = models_->GetGroup(Get(id).group).value();
  const Group group = models_->CreateGroup("other", {}).value();
  ASSERT_EQ(models_->NextVersion(group.id).value(), 1);
  ASSERT_TRUE(Update(id, {{"model_group_id", group.id.str()}}));
  EXPECT_EQ(Get(id).group, group.id);
  EXPECT_EQ(Get(id).version, "2");
  EXPECT_EQ(models_->GetGroup(old_group.id).value().latest_version, old_group.latest_version);
  ASSERT_TRUE(Update(id, {{"model_group_id", group.id.str()}}));
  EXPECT_EQ(Get(id).version, "2") << "its own group is no move";
}

TEST_F(ModelUpdateTest, AFailedMoveGivesTheVersionBack) {
  const ModelId id = MakeModel();
  const Group group = models_->CreateGroup("other", {}).value();
  store_.FailWrite(2, WriteFault::kDiskFull);  // the group's counter, then the model
  EXPECT_EQ(Update(id, {{"model_group_id", group.id.str()}}).error().code, Code::kResourceExhausted);
  EXPECT_EQ(models_->GetGroup(group.id).value().latest_version, 0);
}

// The group goes after its version was taken and before the model is written.
TEST_F(ModelUpdateTest, AGroupThatIsRemovedMeanwhileDoesNotGetTheModel) {
  const ModelId id = MakeModel();
  const Model before = Get(id);
  const Group group = models_->CreateGroup("other", {}).value();
  int writes = 0;
  store_.set_before_call([&](std::string_view call) {
    if (call == "TryWrite" && ++writes == 2) EXPECT_TRUE(models_->RemoveGroup(group.id));
  });
  const Result<Model> refused = Update(id, {{"model_group_id", group.id.str()}});
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("was removed while the model was being moved to it"));
  EXPECT_EQ(Get(id).group, before.group);
  EXPECT_EQ(Get(id).version, before.version);
}

TEST_F(ModelUpdateTest, TextsOfRefusals) {
  const std::string missing = "AAAAAAAAAAAAAAAAAAAA";
  ExpectRefused({{"model_group_id", missing}}, Code::kNotFound, "",
                "Failed to find the model group with the provided model group id in the update model input, "
                "MODEL_GROUP_ID: " +
                    missing);
  ExpectRefused({{"connector_id", "c"}}, Code::kInvalidArgument, "status_exception",
                "Trying to update the connector or connector_id field on a local model.");
  ExpectRefused({{"connector_id", "c"}, {"connector", {{"name", "c"}}}}, Code::kInvalidArgument, "status_exception",
                "Model cannot have both stand-alone connector and internal connector. Please check your update input "
                "body.");
  ExpectRefused({{"name", "<b>"}, {"description", "a;b"}}, Code::kInvalidArgument,
                "action_request_validation_exception",
                "Validation Failed: 1: Model Name can only contain letters, numbers, spaces, and basic punctuation "
                "(.,!?():@-_'/\");2: Model Description can only contain letters, numbers, spaces, and basic "
                "punctuation (.,!?():@-_'/\");");
  ExpectRefused({{"name", json::object()}}, Code::kInvalidArgument, "parse_exception",
                "Failed to parse field [name]: expected a string but found [START_OBJECT]");
  ExpectRefused({{"rate_limiter", {{"limit", "many"}}}}, Code::kInvalidArgument, "parse_exception",
                "Limit field must be a positive number.");
}

TEST_F(ModelUpdateTest, AnUnknownModelIsNamed) {
  const Result<Model> refused = Update(ModelId("x"), {{"name", "y"}});
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_EQ(refused.error().message, "Failed to find model to update with the provided model id: x");
}

TEST_F(ModelUpdateTest, OnlySomeFunctionsCanBeChanged) {
  RegisterInput input = MetaInput(1);
  input.model.function = FunctionName::kSparseEncoding;
  const ModelId id = registration_->CreateMeta(std::move(input)).value();
  const Result<Model> refused = Update(id, {{"name", "y"}});
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_EQ(refused.error().message, "The function category SPARSE_ENCODING is not supported at this time.");
}

TEST_F(ModelUpdateTest, AModelDeletedMeanwhileIsNotFound) {
  const ModelId id = MakeModel();
  const Group group = models_->CreateGroup("other", {}).value();
  bool removed = false;
  store_.set_before_call([&](std::string_view call) {
    if (call == "TryWrite" && !std::exchange(removed, true)) EXPECT_TRUE(models_->Remove(id));
  });
  EXPECT_THAT(Update(id, {{"model_group_id", group.id.str()}}).error().message, HasSubstr("model to update"));
  EXPECT_EQ(models_->GetGroup(group.id).value().latest_version, 0);
}

}  // namespace
}  // namespace mlnode::models
