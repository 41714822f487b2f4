#include "connectors/connector_input.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::connectors {
namespace {

using ::testing::HasSubstr;

json::object Json(std::string_view text) { return ParseJsonObject(text).value(); }

json::object Body() {
  return Json(R"({"name":"n","description":"d","version":1,"protocol":"http","parameters":{"model":"m","n":5},)"
              R"("credential":{"key":"sk-secret"},"actions":[{"action_type":"predict","method":"POST",)"
              R"("url":"https://api.openai.com/v1/embeddings","headers":{"Authorization":"Bearer ${credential.key}"},)"
              R"("request_body":"{ \"input\": ${parameters.input} }"}]})");
}

json::object Without(json::object body, const char* field) {
  body.erase(field);
  return body;
}
json::object With(json::object body, const char* field, json::value value) {
  body[field] = std::move(value);
  return body;
}

template <class T>
std::string Refusal(const Result<T>& result) {
  if (result) return "";
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  return result.error().message;
}

TEST(ConnectorInputTest, CreateReadsWhatIsGiven) {
  const ConnectorInput input = ParseCreate(With(Body(), "connector_id", "my-id_1")).value();
  EXPECT_EQ(input.connector.version, "1");
  EXPECT_EQ(input.connector.parameters.at("n"), "5");
  EXPECT_EQ(input.secrets.at("key"), "sk-secret");
  EXPECT_TRUE(input.connector.credential.empty());
  EXPECT_EQ(input.connector.actions.at(0).method, "POST");
  EXPECT_EQ(input.id, "my-id_1");
  EXPECT_FALSE(input.dry_run);
}

TEST(ConnectorInputTest, WhatIsMissingIsNamedInThePeersOrder) {
  EXPECT_EQ(Refusal(ParseCreate({})), "Connector name is null");
  EXPECT_EQ(Refusal(ParseCreate(Without(Body(), "name"))), "Connector name is null");
  EXPECT_EQ(Refusal(ParseCreate(Without(Body(), "version"))), "Connector version is null");
  EXPECT_EQ(Refusal(ParseCreate(Without(Body(), "protocol"))), "Connector protocol is null");
  EXPECT_EQ(Refusal(ParseCreate(With(Body(), "protocol", nullptr))), "Connector protocol is null");
  EXPECT_EQ(Refusal(ParseCreate(Without(Body(), "credential"))), "Connector credential is null or empty list");
  EXPECT_EQ(Refusal(ParseCreate(With(Body(), "credential", json::object()))),
            "Connector credential is null or empty list");
  EXPECT_EQ(Refusal(ParseCreate(Without(Without(Without(Body(), "parameters"), "description"), "actions"))), "")
      << "that there are no actions is said by CheckConnector";
  EXPECT_EQ(Refusal(ParseCreate(With(Body(), "nope", 1))), "");
}

TEST(ConnectorInputTest, ADryRunChecksNothing) {
  EXPECT_TRUE(ParseCreate(Json(R"({"dry_run":true,"protocol":"carrier-pigeon"})")).value().dry_run);
}

TEST(ConnectorInputTest, ChosenIds) {
  for (const char* id : {"", "-a", "_a", "a b", "a/b", "ä"}) {
    EXPECT_THAT(Refusal(ParseCreate(With(Body(), "connector_id", id))), HasSubstr("connector id must contain only"))
        << id;
  }
  EXPECT_EQ(Refusal(ParseCreate(With(Body(), "connector_id", json::string(513, 'a')))),
            "connector id is too long, max length is 512");
}

TEST(ConnectorInputTest, SecretsAreNeverPartOfAnError) {
  const std::string refusal = Refusal(ParseCreate(With(Body(), "credential", Json(R"({"key":{"sk-secret":1}})"))));
  EXPECT_EQ(refusal, "[credential.key] must be a string, but is START_OBJECT");
}

TEST(ConnectorInputTest, McpIsKnownAndNotBuilt) {
  EXPECT_EQ(ParseCreate(With(Body(), "protocol", "mcp_sse")).error().code, Code::kUnimplemented);
}

TEST(ConnectorInputTest, ParametersInSecurityHeadersAreRefused) {
  json::object body = Body();
  body["actions"].as_array()[0].as_object()["headers"] = json::object{{"Authorization", "Bearer ${parameters.key}"}};
  EXPECT_THAT(Refusal(ParseCreate(body)), HasSubstr("cannot use ${parameters.*} placeholders for security reasons"));
}

TEST(ConnectorInputTest, InlineOnesNeedNeitherNameNorCredential) {
  EXPECT_EQ(Refusal(ParseInline(Without(Without(Without(Body(), "name"), "version"), "credential"))), "");
  EXPECT_EQ(Refusal(ParseInline(Without(Body(), "protocol"))), "Connector protocol is null");
}

TEST(ConnectorUpdateTest, MergesParametersAndReplacesTheRest) {
  const Connector before = ParseCreate(Body()).value().connector;
  const auto update = ParseUpdate(Json(R"({"description":"new","parameters":{"n":6,"x":[1]}})")).value();
  EXPECT_FALSE(update.secrets);
  const Connector after = Apply(update, before).value();
  EXPECT_EQ(after.name, "n");
  EXPECT_EQ(after.description, "new");
  EXPECT_EQ(after.parameters, (Parameters{{"model", "m"}, {"n", "6"}, {"x", "[1]"}}));
  EXPECT_EQ(after.actions.size(), 1U);
  const auto replaced =
      Apply(ParseUpdate(Json(R"({"actions":[{"action_type":"execute","url":"u","method":"GET"}],"client_config":{}})"))
                .value(),
            before);
  EXPECT_EQ(replaced.value().actions[0].type, ActionType::kExecute);
  EXPECT_TRUE(replaced.value().client_config);
}

TEST(ConnectorUpdateTest, SecretsAreTakenOutOfTheFields) {
  const auto update = ParseUpdate(Json(R"({"credential":{"key":"sk-secret"}})")).value();
  EXPECT_EQ(update.secrets->at("key"), "sk-secret");
  EXPECT_EQ(ToJson(update.fields), "{}");
  EXPECT_TRUE(ParseUpdate({}).value().fields.empty());
}

TEST(ConnectorUpdateTest, AFieldThatIsWrongAloneIsRefused) {
  EXPECT_THAT(Refusal(ParseUpdate(Json(R"({"actions":{}})"))), HasSubstr("[actions]"));
  EXPECT_EQ(Refusal(ParseUpdate(Json(R"({"actions":[{"action_type":"predict","method":"GET"}]})"))),
            "url can't be null");
  EXPECT_EQ(Refusal(ParseUpdate(Json(R"({"protocol":"x"})"))), "Can't find class for type x");
}

class CheckConnectorTest : public ::testing::Test {
 protected:
  std::string Check(const json::object& body) {
    const ConnectorInput input = ParseInline(body).value();
    std::vector<std::string> names;
    for (const auto& [name, value] : input.secrets) names.push_back(name);
    const Status checked = CheckConnector(input.connector, names, *rules_);
    return checked ? "" : checked.error().message;
  }
  static json::object Aws(const char* credential, const char* parameters) {
    return Json(fmt::format(
        R"({{"protocol":"aws_sigv4","credential":{},"parameters":{},"actions":[{{"action_type":"predict","method":"POST",)"
        R"("url":"https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke"}}]}})",
        credential, parameters));
  }
  const std::shared_ptr<const EndpointRules> rules_ =
      EndpointRules::Make(*config::Settings::Create({}).value()->Current());
};

TEST_F(CheckConnectorTest, EveryActionsUrlMustBeTrusted) {
  EXPECT_EQ(Check(Body()), "");
  EXPECT_EQ(Check(Without(Body(), "actions")), "No actions configured for this connector");
  json::object body = Body();
  body["actions"].as_array().push_back(
      Json(R"({"action_type":"execute","method":"GET","url":"https://example.com/"})"));
  EXPECT_EQ(Check(body), "Connector URL is not matching the trusted connector endpoint regex");
}

TEST_F(CheckConnectorTest, ParametersAreFilledInBefore) {
  json::object body = Body();
  body["actions"].as_array()[0].as_object()["url"] = "https://${parameters.endpoint}/v1";
  body["parameters"] = json::object{{"endpoint", "api.openai.com"}};
  EXPECT_EQ(Check(body), "");
  body["parameters"] = json::object{{"endpoint", "evil.example"}};
  EXPECT_EQ(Check(body), "Connector URL is not matching the trusted connector endpoint regex");
}

class ChangeTest : public CheckConnectorTest {
 protected:
  // Of a connector with a credential and two actions: why the update is refused; empty: it is not.
  std::string Refused(const std::string& update) {
    const Result<Connector> changed = Change(ParseUpdate(Json(update)).value(), before_, *rules_);
    if (changed) return "";
    EXPECT_EQ(changed.error().code, Code::kInvalidArgument);
    return changed.error().message;
  }
  static std::string Actions(const std::string& type, const std::string& url) {
    return R"("actions":[{"action_type":")" + type + R"(","method":"POST","url":")" + url + "\"}]";
  }
  void SetUp() override {
    before_ = ParseInline(Json(R"({"protocol":"http","parameters":{"host":"api.openai.com","path":"v1"},"actions":[
        {"action_type":"predict","method":"POST","url":"https://${parameters.host}/${parameters.path}/x"},
        {"action_type":"execute","method":"POST","url":"https://api.cohere.ai/v1"}]})"))
                  .value()
                  .connector;
    before_.credential = {{"key", "v2:k:sealed"}};
  }
  Connector before_;
};

TEST_F(ChangeTest, AKeptCredentialGoesNowhereElse) {
  const std::string why = "give \"credential\" in the same request";
  for (const std::string& update : {
           std::string(R"({"parameters":{"host":"api.cohere.ai"}})"),
           std::string(R"({"parameters":{"host":"${parameters.path}.amazonaws.com","path":"bedrock"}})"),
           "{" + Actions("predict", "https://api.deepseek.com/v1") + "}",
           "{" + Actions("predict", "https://api.cohere.ai/v1") + "}",
           "{" + Actions("batch_predict", "https://api.deepseek.com/v1") + "}",
       }) {
    EXPECT_NE(Refused(update), "") << update;
    const std::string with = R"({"credential":{"key":"sk"},)" + update.substr(1);
    EXPECT_THAT(Refused(with), Not(HasSubstr(why))) << with;
  }
  EXPECT_THAT(Refused(R"({"parameters":{"host":"api.cohere.ai"}})"), HasSubstr(why));
  EXPECT_THAT(Refused(R"({"parameters":{"host":"api.cohere.ai"}})"), HasSubstr("https://api.cohere.ai:443"));
  EXPECT_EQ(Refused(R"({"credential":{"key":"sk"},"parameters":{"host":"api.cohere.ai"}})"), "");
  EXPECT_EQ(Refused("{" + Actions("predict", "https://evil.example/") + "}"),
            "Connector URL is not matching the trusted connector endpoint regex");
}

TEST_F(ChangeTest, WhatLeadsToTheSameHostNeedsNoCredential) {
  for (const std::string& update : {
           std::string(R"({"description":"x"})"),
           std::string(R"({"parameters":{"path":"v2","model":"gpt-y"}})"),
           std::string(R"({"parameters":{"host":"api.openai.com"}})"),
           std::string(R"({"client_config":{"max_connection":3}})"),
           "{" + Actions("predict", "https://api.openai.com/v2") + "}",
           "{" + Actions("batch_predict", "https://api.openai.com/v1/batches") + "}",
       }) {
    EXPECT_EQ(Refused(update), "") << update;
  }
  before_.credential.clear();
  EXPECT_EQ(Refused(R"({"parameters":{"host":"api.cohere.ai"}})"), "") << "there is nothing to lead away";
}

TEST_F(ChangeTest, SchemeAndPortCountToo) {
  const auto rules = EndpointRules::Make(
      *config::Settings::Create({{"plugins.ml_commons.trusted_connector_endpoints_regex", R"([".*"])"}})
           .value()
           ->Current());
  for (const char* url : {"http://api.openai.com/v1", "https://api.openai.com:444/v1"}) {
    EXPECT_FALSE(Change(ParseUpdate(Json("{" + Actions("predict", url) + "}")).value(), before_, *rules)) << url;
  }
  EXPECT_TRUE(Change(ParseUpdate(Json("{" + Actions("predict", "HTTPS://API.openai.com:443/v1") + "}")).value(),
                     before_, *rules));
}

TEST_F(ChangeTest, SwitchingVerificationOffNeedsTheCredential) {
  EXPECT_THAT(Refused(R"({"client_config":{"skip_ssl_verification":true}})"), HasSubstr("skip_ssl_verification"));
  EXPECT_EQ(Refused(R"({"client_config":{"skip_ssl_verification":true},"credential":{"key":"sk"}})"), "");
  before_.client_config.emplace().skip_ssl_verification = true;
  EXPECT_EQ(Refused(R"({"client_config":{"skip_ssl_verification":true}})"), "") << "it is off already";
  EXPECT_EQ(Refused(R"({"client_config":{"skip_ssl_verification":false}})"), "");
}

TEST_F(CheckConnectorTest, SigningNeedsKeysServiceAndRegion) {
  constexpr const char* kKeys = R"({"access_key":"a","secret_key":"b"})";
  EXPECT_EQ(Check(Aws(R"({"access_key":"a"})", "{}")), "Missing credential");
  EXPECT_EQ(Check(Aws(kKeys, R"({"region":"us-east-1"})")), "Missing service name");
  EXPECT_EQ(Check(Aws(kKeys, R"({"service_name":"bedrock"})")), "Missing region");
  EXPECT_EQ(Check(Aws(kKeys, R"({"service_name":"bedrock","region":"us-east-1"})")), "");
  EXPECT_EQ(Check(Aws(R"({"access_key":"a","secret_key":"b","service_name":"bedrock","region":"us-east-1"})", "{}")),
            "");
}

}  // namespace
}  // namespace mlnode::connectors
