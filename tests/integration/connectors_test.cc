// Connectors and the registration of remote models over HTTP: the recorded exchanges connector-* and remote-register-*,
// and what is tried to read a credential back.
#include <gmock/gmock.h>

#include "node_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kConnectors = std::string(kMl) + "/connectors";
const std::string kModels = std::string(kMl) + "/models";
constexpr const char* kSecret = "sk-secret";

std::string Action(const std::string& url) {
  return R"([{"action_type":"predict","method":"POST","url":")" + url +
         R"(","headers":{"Authorization":"Bearer ${credential.openAI_key}"},)"
         R"("request_body":"{ \"input\": ${parameters.input}, \"model\": \"${parameters.model}\" }",)"
         R"("pre_process_function":"connector.pre_process.openai.embedding",)"
         R"("post_process_function":"connector.post_process.openai.embedding"}])";
}

std::string Connector(const std::string& more = {}, const std::string& url = "http://127.0.0.1:9291/v1/embeddings") {
  return R"({"name":"openai embeddings","description":"fake OpenAI","version":1,"protocol":"http",)"
         R"("parameters":{"model":"text-embedding-3-small"},"credential":{"openAI_key":"sk-secret"},"actions":)" +
         Action(url) + more + "}";
}

class ConnectorsTest : public FakeNodeFixture {
 protected:
  void SetUp() override {
    settings_["plugins.ml_commons.trusted_connector_endpoints_regex"] = R"(["^http://127\\.0\\.0\\.1:9291/.*$"])";
    StartNode();
  }
  std::string Create(const std::string& body = Connector()) {
    return std::string(Ok("POST", kConnectors + "/_create", body).body.at("connector_id").as_string());
  }
  json::object RegisterRemote(const std::string& more) {
    return Ok("POST", kModels + "/_register", R"({"name":"r","function_name":"remote")" + more + "}").body.as_object();
  }
};

TEST_F(ConnectorsTest, AreMadeReadChangedFoundAndDeleted) {
  const std::string id = Create();
  const std::string path = kConnectors + "/" + id;
  const json::value shown = Ok("GET", path).body;
  EXPECT_EQ(shown.at("version"), "1");
  EXPECT_EQ(shown.at("actions").at(0).at("action_type"), "PREDICT");

  const Answer updated = Ask("PUT", path, R"({"description":"changed","parameters":{"x":1}})");
  EXPECT_EQ(updated.status, 200) << updated.text;
  EXPECT_EQ(updated.body.at("_index"), ".plugins-ml-connector");
  EXPECT_EQ(updated.body.at("_version"), 2);
  EXPECT_EQ(updated.body.at("result"), "updated");
  EXPECT_EQ(Ok("PUT", path, "{}").body.at("_version"), 3);
  EXPECT_EQ(Ok("GET", path).body.at("parameters"), ParseJson(R"({"model":"text-embedding-3-small","x":"1"})").value());

  const json::value found = Ok("POST", kConnectors + "/_search", R"({"query":{"match":{"name":"openai"}}})").body;
  EXPECT_EQ(found.at("hits").at("hits").at(0).at("_id").as_string(), id);
  EXPECT_EQ(found.at("hits").at("hits").at(0).at("_version"), 3);

  EXPECT_EQ(Ok("DELETE", path).body.at("result"), "deleted");
  EXPECT_EQ(Ask("GET", path).status, 404);
}

TEST_F(ConnectorsTest, SurviveARestart) {
  const std::string id = Create();
  const std::string before = Ok("GET", kConnectors + "/" + id).text;
  Restart();
  EXPECT_EQ(Ok("GET", kConnectors + "/" + id).text, before);
}

TEST_F(ConnectorsTest, RefusalsAreThePeers) {
  EXPECT_EQ(Ask("GET", kConnectors + "/nope").Reason(), "Failed to find connector") << "a node without any document";
  Create();
  EXPECT_EQ(Ask("GET", kConnectors + "/nope").Reason(),
            "Failed to find connector with the provided connector id: nope");
  EXPECT_EQ(Ask("PUT", kConnectors + "/nope", R"({"description":"x"})").status, 404);
  EXPECT_EQ(Ok("DELETE", kConnectors + "/nope").body.at("result"), "not_found");
  const Answer untrusted = Ask("POST", kConnectors + "/_create", Connector("", "https://example.com/v1"));
  EXPECT_EQ(untrusted.status, 400);
  EXPECT_EQ(untrusted.Type(), "illegal_argument_exception");
  EXPECT_EQ(untrusted.Reason(), "Connector URL is not matching the trusted connector endpoint regex");
  const Answer nobody = Ask("PUT", kConnectors + "/nope");
  EXPECT_EQ(nobody.Reason(), "Failed to update connector: Request body is empty");
  EXPECT_EQ(nobody.Type(), "parse_exception");
  const Answer name = Ask("POST", kConnectors + "/_create", Connector(R"(,"provisioned_by":"<b>")"));
  EXPECT_EQ(name.Type(), "action_request_validation_exception");
  EXPECT_THAT(name.Reason(), HasSubstr("can only contain letters, numbers"));
  EXPECT_THAT(Ask("POST", kConnectors + "/_create", Connector(R"(,"access_mode":"private")")).Reason(),
              HasSubstr("You cannot specify connector access control parameters"));
  EXPECT_EQ(Ok("POST", kConnectors + "/_create", R"({"dry_run":true})").body.at("connector_id"), "dryRunConnector");
  EXPECT_EQ(Create(Connector(R"(,"connector_id":"mine")")), "mine");
  const Answer taken = Ask("POST", kConnectors + "/_create", Connector(R"(,"connector_id":"mine")"));
  EXPECT_EQ(taken.status, 409);
  EXPECT_EQ(taken.Reason(), "connector id 'mine' already exists");
}

TEST_F(ConnectorsTest, AKeptCredentialIsNotLedElsewhere) {
  Ok("PUT", "/_cluster/settings",
     R"({"persistent":{"plugins.ml_commons.trusted_connector_endpoints_regex":["^http://127\\.0\\.0\\.1:.*$"]}})");
  const std::string id = Create();
  const std::string path = kConnectors + "/" + id;
  const std::string moved = "{\"actions\":" + Action("http://127.0.0.1:9292/v1/embeddings");
  const Answer refused = Ask("PUT", path, moved + "}");
  EXPECT_EQ(refused.status, 400) << refused.text;
  EXPECT_EQ(refused.Type(), "illegal_argument_exception");
  EXPECT_THAT(refused.Reason(), HasSubstr("give \"credential\" in the same request"));
  EXPECT_EQ(Ask("PUT", path, R"({"client_config":{"skip_ssl_verification":true}})").status, 400);
  EXPECT_EQ(Ok("GET", path).body.at("actions").at(0).at("url"), "http://127.0.0.1:9291/v1/embeddings");
  EXPECT_EQ(Ask("PUT", path, moved + R"(,"credential":{"openAI_key":"sk-secret"}})").status, 200);
}

TEST_F(ConnectorsTest, OffMeansNoneIsMade) {
  Ok("PUT", "/_cluster/settings", R"({"persistent":{"plugins.ml_commons.remote_inference.enabled":false}})");
  const Answer off = Ask("POST", kConnectors + "/_create", Connector());
  EXPECT_EQ(off.status, 400);
  EXPECT_THAT(off.Reason(), HasSubstr("Remote Inference is currently disabled"));
}

TEST_F(ConnectorsTest, RemoteModelsAreRegisteredAtOnce) {
  const std::string connector = Create();
  const json::object made = RegisterRemote(R"(,"connector_id":")" + connector + "\"");
  EXPECT_EQ(made.at("status"), "CREATED");
  const std::string model(made.at("model_id").as_string());
  const json::value task = Ok("GET", std::string(kMl) + "/tasks/" + std::string(made.at("task_id").as_string())).body;
  EXPECT_EQ(task.at("state"), "COMPLETED");
  EXPECT_EQ(task.at("task_type"), "REGISTER_MODEL");
  EXPECT_EQ(task.at("function_name"), "REMOTE");
  EXPECT_EQ(task.at("model_id").as_string(), model);
  const json::value shown = Ok("GET", kModels + "/" + model).body;
  EXPECT_EQ(shown.at("algorithm"), "REMOTE");
  EXPECT_EQ(shown.at("model_state"), "REGISTERED");
  EXPECT_EQ(shown.at("connector_id").as_string(), connector);

  const Answer in_use = Ask("DELETE", kConnectors + "/" + connector);
  EXPECT_EQ(in_use.status, 409);
  EXPECT_EQ(in_use.Type(), "status_exception");
  EXPECT_EQ(in_use.Reason(),
            "1 models are still using this connector, please delete or update the models first: [" + model + "]");
  EXPECT_EQ(Ask("PUT", kConnectors + "/" + connector, "{}").status, 200) << "nothing is deployed";
  Ok("DELETE", kModels + "/" + model);
  EXPECT_EQ(Ok("DELETE", kConnectors + "/" + connector).body.at("result"), "deleted");
}

TEST_F(ConnectorsTest, RegistrationIsRefusedInThePeersWords) {
  const auto refuse = [&](const std::string& more) {
    return Ask("POST", kModels + "/_register", R"({"name":"r","function_name":"remote")" + more + "}");
  };
  const Answer unknown = refuse(R"(,"connector_id":"nope")");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.Type(), "status_exception");
  EXPECT_EQ(unknown.Reason(), "Failed to find connector:nope");
  EXPECT_EQ(refuse("").Reason(),
            "You must provide connector content when creating a remote model without connector id!");
  EXPECT_EQ(refuse(R"(,"connector":)" + Connector("", "https://example.com/")).Reason(),
            "Connector URL is not matching the trusted connector endpoint regex");
}

// Everything that answers with what is stored, asked for the credential in every way there is.
class CredentialReadBackTest : public ConnectorsTest {
 protected:
  void SetUp() override {
    ConnectorsTest::SetUp();
    connector_ = Create();
    model_ = std::string(RegisterRemote(R"(,"connector":)" + Connector()).at("model_id").as_string());
  }
  void ExpectNothing(const std::string& method, const std::string& target, const std::string& body = {}) {
    const Answer answer = Ask(method, target, body);
    EXPECT_THAT(answer.text, Not(HasSubstr(kSecret))) << target << body;
    EXPECT_THAT(answer.text, Not(HasSubstr("v2:"))) << target << body << ": the sealed form";
  }
  std::int64_t Hits(const std::string& target, const std::string& query) {
    return Ok("POST", target, R"({"query":)" + query + "}").body.at("hits").at("total").at("value").as_int64();
  }
  std::string connector_, model_;
};

TEST_F(CredentialReadBackTest, NoAnswerShowsIt) {
  for (const std::string& target :
       {kConnectors + "/" + connector_, kModels + "/" + model_, kModels + "/" + model_ + "?return_content=true",
        std::string(kMl) + "/profile", std::string(kMl) + "/profile/models/" + model_, std::string(kMl) + "/stats",
        std::string("/_cluster/settings?include_defaults=true&flat_settings=true"), std::string("/_cat/indices"),
        std::string("/metrics"), std::string(kMl) + "/models/" + model_ + "/_explain"}) {
    ExpectNothing("GET", target);
  }
}

TEST_F(CredentialReadBackTest, NoSearchShowsIt) {
  for (const std::string& target : {kConnectors + "/_search", kModels + "/_search"}) {
    for (
        const char* body :
        {R"({"query":{"match_all":{}}})", R"({"_source":["credential.*","connector.credential.*","*"]})",
         R"({"_source":{"includes":["*credential*"],"excludes":[]}})", R"({"sort":[{"credential.openAI_key":"asc"}]})",
         R"({"sort":["connector.credential.openAI_key"]})",
         R"({"aggs":{"a":{"terms":{"field":"credential.openAI_key"}},"b":{"terms":{"field":"connector.credential.openAI_key.keyword"}}}})"}) {
      ExpectNothing("POST", target, body);
    }
  }
}

TEST_F(CredentialReadBackTest, NoQueryTellsAboutIt) {
  for (const auto& [target, field] :
       {std::pair(kConnectors + "/_search", std::string("credential.openAI_key")),
        std::pair(kModels + "/_search", std::string("connector.credential.openAI_key"))}) {
    for (const std::string& query :
         {R"({"exists":{"field":")" + field + R"("}})", R"({"prefix":{")" + field + R"(":"v1"}})",
          R"({"prefix":{")" + field + R"(":"s"}})", R"({"wildcard":{")" + field + R"(":"*"}})",
          R"({"regexp":{")" + field + R"(":".*"}})", R"({"term":{")" + field + R"(":"sk-secret"}})",
          R"({"range":{")" + field + R"(":{"gte":""}}})"}) {
      EXPECT_EQ(Hits(target, query), 0) << target << query;
    }
  }
}

TEST_F(CredentialReadBackTest, NoErrorRepeatsIt) {
  const std::string path = kConnectors + "/" + connector_;
  ExpectNothing("PUT", path, R"({"credential":{"openAI_key":["sk-secret"]}})");
  ExpectNothing("PUT", path, R"({"credential":"sk-secret"})");
  ExpectNothing("POST", kConnectors + "/_create", Connector("", "https://example.com/v1"));
  ExpectNothing("POST", kModels + "/_register",
                R"({"name":"r","function_name":"remote","connector":)" + Connector("", "https://example.com/v1") + "}");
  ExpectNothing("PUT", kModels + "/" + model_, R"({"connector":{"credential":{"openAI_key":{"sk-secret":1}}}})");
}

TEST_F(CredentialReadBackTest, NoLogLineHasIt) {
  ::testing::internal::CaptureStderr();
  const std::string again = Create();
  Ok("PUT", kConnectors + "/" + again, R"({"credential":{"openAI_key":"sk-secret-2"}})");
  Ask("POST", kConnectors + "/_create", Connector("", "https://example.com/v1"));
  Ok("PUT", kModels + "/" + model_, R"({"connector":{"credential":{"openAI_key":"sk-secret-3"}}})");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr(kSecret)));
}

}  // namespace
}  // namespace mlnode::integration
