// Models and model groups as documents over HTTP: what changes, what is refused and in which words.
#include <gmock/gmock.h>

#include "node_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMissing = "AAAAAAAAAAAAAAAAAAAA";
constexpr const char* kNoAccessControl =
    "You cannot specify model access control parameters because the Security plugin or model access control is "
    "disabled on your cluster.";

class DocumentsTest : public FakeNodeFixture {
 protected:
  void SetUp() override { StartNode(); }
  static std::string Path(const std::string& rest) { return kMl + rest; }
  static std::string Model(const std::string& id) { return Path("/models/" + id); }
  static std::string Group(const std::string& id) { return Path("/model_groups/" + id); }
  std::string MakeGroup(const std::string& body) {
    return std::string(Ok("POST", Group("_register"), body).body.at("model_group_id").as_string());
  }
  void ExpectRefused(const Answer& answer, int status, const std::string& type, const std::string& reason) {
    EXPECT_EQ(answer.status, status) << answer.text;
    EXPECT_EQ(answer.Type(), type);
    EXPECT_EQ(answer.Reason(), reason);
  }
};

TEST_F(DocumentsTest, UpdatesADeployedModel) {
  const std::string model = Register("one", ModelArchive());
  ASSERT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
  const Answer updated = Ok("PUT", Model(model), R"({"name":"renamed","is_enabled":false,"nope":1})");
  const std::int64_t revision = updated.body.at("_seq_no").as_int64();
  EXPECT_EQ(updated.body, ParseJson(R"({"_index":".plugins-ml-model","_id":")" + model +
                                    R"(","_version":3,"result":"updated","forced_refresh":true,)"
                                    R"("_shards":{"total":1,"successful":1,"failed":0},"_seq_no":)" +
                                    std::to_string(revision) + R"(,"_primary_term":1})")
                              .value());
  const Answer shown = Ok("GET", Model(model));
  EXPECT_EQ(shown.body.at("name"), "renamed");
  EXPECT_EQ(shown.body.at("model_id").as_string(), model);
  EXPECT_EQ(shown.body.at("model_state"), "DEPLOYED");

  const Answer refused = Ask("POST", Model(model) + "/_predict", R"({"text_docs":["a"]})");
  ExpectRefused(refused, 403, "status_exception", "Model is disabled.");
  Ok("PUT", Model(model), R"({"is_enabled":true})");
  EXPECT_EQ(Ask("POST", Model(model) + "/_predict", R"({"text_docs":["a"]})").status, 200);
}

TEST_F(DocumentsTest, RefusesUpdatesInThePeersWords) {
  const std::string model = Register("one", ModelArchive());
  ExpectRefused(Ask("PUT", Model(model)), 400, "parse_exception", "Update model request has empty body");
  EXPECT_EQ(Ask("PUT", Model(model), R"({"name": )").Type(), "json_e_o_f_exception");
  ExpectRefused(Ask("PUT", Model(kMissing), R"({"name":"x"})"), 404, "status_exception",
                "Failed to find model to update with the provided model id: AAAAAAAAAAAAAAAAAAAA");
  ExpectRefused(Ask("PUT", Model(model), R"({"rate_limiter":{"limit":"2","unit":"FORTNIGHTS"}})"), 400,
                "illegal_argument_exception", "No enum constant java.util.concurrent.TimeUnit.FORTNIGHTS");
  ExpectRefused(Ask("PUT", Model(model), R"({"connector_id":"c"})"), 400, "status_exception",
                "Trying to update the connector or connector_id field on a local model.");
}

TEST_F(DocumentsTest, ManagesModelGroups) {
  const std::string group = MakeGroup(R"({"name":"g","description":"d"})");
  EXPECT_EQ(Ok("GET", Group(group)).body.at("latest_version"), 0);
  EXPECT_EQ(Ok("PUT", Group(group), R"({"name":"h","description":" "})").body,
            ParseJson(R"({"status":"Updated"})").value());
  EXPECT_EQ(Ok("PUT", Group(group), "{}").status, 200);
  EXPECT_EQ(Ok("GET", Group(group)).body.at("name"), "h");
  EXPECT_EQ(Ok("GET", Group(group)).body.at("description"), "d") << "a blank text changes nothing";
  EXPECT_EQ(Ok("GET", Group("_search"), R"({"query":{"match_all":{}}})").body.at("hits").at("total").at("value"), 1);
  EXPECT_EQ(Ok("DELETE", Group(group)).body.at("result").as_string(), "deleted");
  EXPECT_EQ(Ok("DELETE", Group(group)).body.at("result").as_string(), "not_found");
}

TEST_F(DocumentsTest, RefusesGroupsInThePeersWords) {
  const std::string group = MakeGroup(R"({"name":"g"})");
  const std::string other = MakeGroup(R"({"name":"h"})");
  ExpectRefused(Ask("POST", Group("_register"), R"({"name":"g"})"), 400, "illegal_argument_exception",
                "The name you provided is already being used by a model group with ID: " + group + ".");
  ExpectRefused(Ask("PUT", Group(other), R"({"name":"g"})"), 400, "illegal_argument_exception",
                "The name you provided is already being used by another model with ID: " + group +
                    ". Please provide a different name");
  ExpectRefused(Ask("PUT", Group(kMissing), R"({"name":"x"})"), 404, "status_exception",
                "Failed to find model group with the provided model group id: AAAAAAAAAAAAAAAAAAAA");
  ExpectRefused(Ask("PUT", Group(group)), 400, "parse_exception", "Model group request has empty body");
  ExpectRefused(Ask("POST", Group("_register"), R"({"name":" "})"), 400, "action_request_validation_exception",
                "Validation Failed: 1: Model group name is required and cannot be null or blank;");
  ExpectRefused(Ask("PUT", Group(group), R"({"description":"<b>"})"), 400, "action_request_validation_exception",
                "Validation Failed: 1: Model group description can only contain letters, numbers, spaces, and basic "
                "punctuation (.,!?():@-_'/\");");
  for (const char* body : {R"({"name":"i","access_mode":"private"})", R"({"name":"i","backend_roles":["a"]})",
                           R"({"name":"i","add_all_backend_roles":false})"}) {
    ExpectRefused(Ask("POST", Group("_register"), body), 400, "illegal_argument_exception", kNoAccessControl);
    ExpectRefused(Ask("PUT", Group(group), body), 400, "illegal_argument_exception", kNoAccessControl);
  }
  const Answer null = Ask("POST", Group("_register"), R"({"name":"i","add_all_backend_roles":null})");
  EXPECT_EQ(null.Type(), "json_parse_exception");
  EXPECT_THAT(null.Reason(), HasSubstr("Current token (VALUE_NULL) not of boolean type"));
}

TEST_F(DocumentsTest, AGroupWithModelsStays) {
  const std::string model = Register("one", ModelArchive());
  const std::string group(Ok("GET", Model(model)).body.at("model_group_id").as_string());
  ExpectRefused(Ask("DELETE", Group(group)), 409, "status_exception",
                "Cannot delete the model group when it has associated model versions");
  Ok("DELETE", Model(model));
  EXPECT_EQ(Ok("DELETE", Group(group)).body.at("result"), "deleted");
}

TEST_F(DocumentsTest, SafeDeleteIsAccepted) {
  const std::string model = Register("one", ModelArchive());
  EXPECT_EQ(Ask("DELETE", Model(model) + "?safe_delete_model=perhaps").status, 400);
  EXPECT_EQ(Ok("DELETE", Model(model) + "?safe_delete_model=true").body.at("result").as_string(), "deleted");
}

TEST_F(DocumentsTest, AModelMovesToAnotherGroup) {
  const std::string model = Register("one", ModelArchive());
  const std::string group = MakeGroup(R"({"name":"g"})");
  Ok("PUT", Model(model), R"({"model_group_id":")" + group + R"("})");
  EXPECT_EQ(Ok("GET", Group(group)).body.at("latest_version"), 1);
  EXPECT_EQ(Ok("GET", Model(model)).body.at("model_group_id").as_string(), group);
  EXPECT_EQ(Ask("DELETE", Group(group)).status, 409);
}

}  // namespace
TEST_F(DocumentsTest, FindsNoConnectorWhereNoneCanBeMade) {
  for (const char* method : {"GET", "POST"}) {
    const Answer found = Ok(method, Path("/connectors/_search"), R"({"query":{"match_all":{}}})");
    EXPECT_EQ(found.body.at("hits").at("total").at("value"), 0) << method;
  }
  const std::string missing = Path("/connectors/") + kMissing;
  for (const char* method : {"GET", "DELETE"}) {
    ExpectRefused(Ask(method, missing), 404, "status_exception", "Failed to find connector");
  }
  MakeGroup(R"({"name":"g"})");  // no fresh node any more
  ExpectRefused(Ask("GET", missing), 404, "status_exception",
                "Failed to find connector with the provided connector id: AAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(Ok("DELETE", missing).body.at("result"), "not_found");
}

TEST_F(DocumentsTest, AFreshNodeAnswersAsOneWithoutIndices) {
  ExpectRefused(Ask("GET", Model(kMissing)), 404, "status_exception", "Fail to find model");
  ExpectRefused(Ask("GET", Group(kMissing)), 404, "status_exception", "Failed to find model group index");
  EXPECT_EQ(Ok("DELETE", Group(kMissing)).body.at("result"), "not_found");
  Register("one", ModelArchive());
  ExpectRefused(Ask("GET", Model(kMissing)), 404, "status_exception",
                "Failed to find model with the provided model id: AAAAAAAAAAAAAAAAAAAA");
  ExpectRefused(Ask("GET", Group(kMissing)), 404, "status_exception",
                "Failed to find model group with the provided model group id: AAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(Ok("DELETE", Group(kMissing)).body.at("result"), "not_found");
}

}  // namespace mlnode::integration
