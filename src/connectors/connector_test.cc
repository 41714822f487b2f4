#include "connectors/connector.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/connector_fields.h"
#include "storage/testing/golden_document.h"

namespace mlnode::connectors {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const storage::Key kKey{storage::Collection::kConnectors, "c1"};

json::object Json(const char* text) { return ParseJsonObject(text).value(); }

TEST(ConnectorFormTest, GoldenFileReadsAndWritesBackEqual) {
  const storage::Document golden = storage::testing::GoldenDocument(kKey, "connector.1.json");
  const Result<Connector> read = ReadConnector(golden);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(ToJson(StoredForm(*read)), ToJson(golden.body));
  EXPECT_EQ(read->id.str(), "c1");
  EXPECT_EQ(read->client_config->read_timeout, std::chrono::seconds(60));
  EXPECT_EQ(read->client_config->batch_max_documents, 64);
  EXPECT_EQ(read->actions[0].headers[1].second, "search");
}

TEST(ConnectorFormTest, NextFormatIsRefused) {
  const auto golden = storage::testing::GoldenDocument(kKey, "connector.1.json");
  EXPECT_EQ(ReadConnector(storage::testing::OfNextFormat(golden)).error().code, Code::kDataLoss);
}

TEST(ConnectorFormTest, PublicFormHasNoCredential) {
  const auto golden = storage::testing::GoldenDocument(kKey, "connector.1.json");
  const std::string shown = ToJson(PublicForm(ReadConnector(golden).value()));
  EXPECT_THAT(shown, Not(HasSubstr("\"credential\"")));
  EXPECT_THAT(shown, Not(HasSubstr("v1:")));
  EXPECT_THAT(shown, HasSubstr("Bearer ${credential.openAI_key}"));
}

TEST(ConnectorFormTest, FieldsStandInThePeersOrder) {
  const auto stored = Json(
      R"({"provisioned_by":"p","tenant_id":"t","client_config":{},"last_updated_time":2,"created_time":1,"access":"public",)"
      R"("owner":{"name":"o"},"backend_roles":["r"],"actions":[{"action_type":"execute","url":"u","method":"GET"}],)"
      R"("parameters":{"a":"b"},"protocol":"aws_sigv4","description":"d","version":"1","name":"n"})");
  const json::object shown = PublicForm(ReadConnector({.key = kKey, .body = stored}).value());
  std::vector<std::string> order;
  for (const auto& entry : shown) order.emplace_back(entry.key());
  EXPECT_THAT(order, ::testing::ElementsAre("name", "version", "description", "protocol", "parameters", "actions",
                                            "backend_roles", "owner", "access", "created_time", "last_updated_time",
                                            "client_config", "tenant_id", "provisioned_by"));
}

TEST(ConnectorFormTest, EveryMalformedFieldIsNamed) {
  const auto golden = storage::testing::GoldenDocument(kKey, "connector.1.json");
  for (const char* field : {"name", "version", "description", "protocol", "parameters", "actions", "created_time",
                            "last_updated_time", "client_config", "provisioned_by", "credential"}) {
    storage::Document damaged = golden;
    damaged.body[field] = json::array{json::object{{"sk-secret", json::array()}}};
    const Result<Connector> read = ReadConnector(damaged);
    ASSERT_FALSE(read) << field;
    EXPECT_EQ(read.error().code, Code::kDataLoss);
    EXPECT_THAT(read.error().message, HasSubstr("[" + std::string(field) + "]"));
    EXPECT_THAT(read.error().message, Not(HasSubstr("sk-secret")));
  }
}

TEST(ConnectorFormTest, AnInlineOneNeedsNoNameAndShowsNoTimes) {
  const Connector read = ReadInlineConnector(Json(R"({"protocol":"http"})")).value();
  EXPECT_EQ(ToJson(PublicForm(read)), R"({"protocol":"http"})");
  EXPECT_FALSE(ReadInlineConnector(Json("{}")));
}

TEST(ConnectorFormTest, TheFirstActionOfATypeCounts) {
  Connector connector;
  connector.actions.resize(3);
  connector.actions[0].type = ActionType::kExecute;
  EXPECT_EQ(connector.Find(ActionType::kPredict), &connector.actions[1]);
  EXPECT_EQ(connector.Find(ActionType::kBatchPredict), nullptr);
}

std::string ActionRefusal(const char* text) {
  const auto parsed = ParseActions(json::array{Json(text)});
  return parsed ? "" : parsed.error().message;
}

TEST(ConnectorFieldsTest, ActionsAreRefusedInThePeersWords) {
  EXPECT_EQ(ActionRefusal(R"({"action_type":"nope","url":"u","method":"GET"})"),
            "No enum constant org.opensearch.ml.common.connector.ConnectorAction.ActionType.NOPE");
  EXPECT_EQ(ActionRefusal(R"({"action_type":"predict","method":"GET"})"), "url can't be null");
  EXPECT_EQ(ActionRefusal(R"({"action_type":"predict","url":"u"})"), "method can't be null");
  EXPECT_EQ(ActionRefusal(R"({"url":"u","method":"GET"})"), "action type can't be null");
  EXPECT_EQ(ActionRefusal(R"({"action_type":"predict","url":"u","method":"GET","name":"Execute"})"),
            "name can't be one of action type [PREDICT, EXECUTE, BATCH_PREDICT, CANCEL_BATCH_PREDICT, "
            "BATCH_PREDICT_STATUS]");
  EXPECT_THAT(ActionRefusal(R"({"action_type":"predict","url":"u","method":"GET","name":"a b"})"), HasSubstr("name"));
  EXPECT_EQ(ActionRefusal(R"({"action_type":"Batch_Predict","url":"u","method":"GET","name":"a-b_1","x":1})"), "");
  EXPECT_FALSE(ParseActions(json::array{1}));
}

TEST(ConnectorFieldsTest, HeadersAreTextsInTheirOrder) {
  const auto actions = ParseActions(
      json::array{Json(R"({"action_type":"predict","url":"u","method":"POST","headers":{"z":"1","a":2,"m":true}})")});
  const std::vector<std::pair<std::string, std::string>> expected{{"z", "1"}, {"a", "2"}, {"m", "true"}};
  EXPECT_EQ(actions.value()[0].headers, expected);
  EXPECT_EQ(ActionRefusal(R"({"action_type":"predict","url":"u","method":"POST","headers":{"a":["sk-secret"]}})"),
            "[headers.a] must be a string, but is START_ARRAY");
}

TEST(ConnectorFieldsTest, ParametersBecomeTexts) {
  const Parameters parameters =
      ParametersOf(Json(R"({"s":"a\"b","n":0.5,"b":true,"l":[1, 2],"o":{"a": null},"x":null})"));
  EXPECT_THAT(parameters, ::testing::ElementsAre(::testing::Pair("b", "true"), ::testing::Pair("l", "[1,2]"),
                                                 ::testing::Pair("n", "0.5"), ::testing::Pair("o", R"({"a":null})"),
                                                 ::testing::Pair("s", "a\"b")));
}

TEST(ConnectorFieldsTest, ClientConfigHasThePeersDefaults) {
  EXPECT_EQ(ToJson(ClientConfigForm(ParseClientConfig({}).value())),
            R"({"max_connection":30,"connection_timeout":30,"read_timeout":30,"retry_backoff_millis":200,)"
            R"("retry_timeout_seconds":30,"max_retry_times":0,"retry_backoff_policy":"constant",)"
            R"("skip_ssl_verification":false})");
}

TEST(ConnectorFieldsTest, ClientConfigOutsideItsRangeIsRefused) {
  const auto refusal = [](const char* text) {
    const auto parsed = ParseClientConfig(Json(text));
    return parsed ? "" : parsed.error().message;
  };
  EXPECT_EQ(refusal(R"({"retry_backoff_policy":"linear"})"), "Unsupported retry backoff policy");
  for (const char* field :
       {"max_connection", "connection_timeout", "read_timeout", "retry_backoff_millis", "retry_timeout_seconds"}) {
    EXPECT_THAT(refusal(fmt::format(R"({{"{}":-2}})", field).c_str()), HasSubstr(field));
  }
  EXPECT_THAT(refusal(R"({"max_retry_times":-2})"), HasSubstr("max_retry_times"));
  EXPECT_EQ(refusal(R"({"max_retry_times":-1,"keystore_type":"pkcs12"})"), "");
  EXPECT_THAT(refusal(R"({"keystore_type":"JKS"})"), HasSubstr("keystore_type"));
  EXPECT_THAT(refusal(R"({"_mlnode":{"batch_max_documents":100000}})"), HasSubstr("batch_max_documents"));
}

TEST(ConnectorFieldsTest, Protocols) {
  EXPECT_EQ(ParseProtocol("http").value(), Protocol::kHttp);
  EXPECT_EQ(ParseProtocol("aws_sigv4").value(), Protocol::kAwsSigv4);
  EXPECT_EQ(ParseProtocol("mcp_sse").error().code, Code::kUnimplemented);
  EXPECT_EQ(ParseProtocol("carrier-pigeon").error().message, "Can't find class for type carrier-pigeon");
}

}  // namespace
}  // namespace mlnode::connectors
