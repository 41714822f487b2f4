#include "connectors/compiled_connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/redactor.h"
#include "core/sha256.h"

namespace mlnode::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// "sealed:<context>:<clear>".
class FakeVault final : public CredentialVault {
 public:
  Result<std::string> Seal(std::string_view clear, std::string_view context) const override {
    return "sealed:" + std::string(context) + ":" + std::string(clear);
  }
  Result<std::string> Unseal(std::string_view sealed, std::string_view context) const override {
    const std::string prefix = "sealed:" + std::string(context) + ":";
    if (!sealed.starts_with(prefix)) return MakeError(Code::kDataLoss, "a credential was changed");
    return std::string(sealed.substr(prefix.size()));
  }
  bool IsCurrent(std::string_view) const override { return true; }
  std::vector<KeyCheck> KeyChecks() const override { return {}; }
};

class FakeRules final : public EndpointRules {
 public:
  Status CheckUrl(std::string_view url) const override {
    if (url.find("evil") == std::string_view::npos) return {};
    return MakeError(Code::kInvalidArgument, "Connector URL is not matching the trusted connector endpoint regex");
  }
  void Guard(net::ClientRequest&) const override {}
};

const storage::Key kOwner{storage::Collection::kConnectors, "c1"};
using Compiled = std::shared_ptr<const CompiledConnector>;

Connector OpenAi() {
  Connector connector;
  connector.parameters = {{"model", "text-embedding-3-small"}};
  connector.credential = {{"openAI_key", "sealed:connectors/c1/openAI_key:sk-secret"}};
  Action action;
  action.method = "post";
  action.url = "http://127.0.0.1:9291/v1/embeddings";
  action.headers = {{"Authorization", "Bearer ${credential.openAI_key}"}};
  action.request_body = "{ \"input\": ${parameters.input}, \"model\": \"${parameters.model}\" }";
  action.pre_process_function = "connector.pre_process.openai.embedding";
  action.post_process_function = "connector.post_process.openai.embedding";
  connector.actions = {action};
  return connector;
}
Compiled Compile(Connector connector) {
  auto compiled = CompiledConnector::Compile(std::move(connector), FakeVault(), kOwner);
  EXPECT_TRUE(compiled) << compiled.error().message;
  return compiled ? *compiled : nullptr;
}
Error CompileError(Connector connector) {
  auto compiled = CompiledConnector::Compile(std::move(connector), FakeVault(), kOwner);
  EXPECT_FALSE(compiled);
  return compiled ? Error{} : std::move(compiled).error();
}
RemoteInput Docs(std::vector<std::optional<std::string>> documents, std::string_view parameters = "{}") {
  RemoteInput input;
  input.algorithm = "TEXT_EMBEDDING";
  input.has_docs = true;
  input.documents = std::move(documents);
  input.parameters = ParseJsonObject(parameters).value();
  return input;
}
RemoteInput Native(std::string_view parameters) {
  RemoteInput input;
  input.parameters = ParseJsonObject(parameters).value();
  return input;
}
std::vector<std::string> Bodies(const Compiled& compiled, const RemoteInput& input) {
  const auto calls = compiled->Prepare(input, FakeRules(), {});
  if (!calls) return {"error: " + calls.error().message};
  std::vector<std::string> bodies;
  for (const PreparedCall& call : *calls) bodies.push_back(call.request.body);
  return bodies;
}

// tests/golden/fake-server-saw.json.
TEST(CompiledConnectorTest, SendsWhatTheRecordedServerSaw) {
  const Compiled compiled = Compile(OpenAi());
  const auto calls = compiled->Prepare(Docs({"hello", "world!"}), FakeRules(), {});
  ASSERT_TRUE(calls);
  ASSERT_THAT(*calls, SizeIs(1));
  const PreparedCall& call = calls->front();
  EXPECT_EQ(call.request.method, "POST");
  EXPECT_EQ(call.request.url, "http://127.0.0.1:9291/v1/embeddings");
  EXPECT_EQ(call.request.body, R"({ "input": ["hello","world!"], "model": "text-embedding-3-small" })");
  EXPECT_EQ(call.request.headers.Find("authorization"), "Bearer sk-secret");
  EXPECT_EQ(call.request.headers.Find("content-type"), "application/json");
  EXPECT_EQ(call.documents, 2U);
  EXPECT_EQ(call.request.signing, nullptr);
  EXPECT_EQ(call.request.identity, nullptr);
  EXPECT_THAT(Bodies(compiled, Native(R"({"input":["hello","world!"]})")), ElementsAre(call.request.body));
  EXPECT_THAT(Bodies(compiled, Native(R"({"input":["x"],"model":"other"})")),
              ElementsAre(R"({ "input": ["x"], "model": "other" })"));
}

TEST(CompiledConnectorTest, ParametersOfTheCallWin) {
  EXPECT_THAT(Bodies(Compile(OpenAi()), Docs({"a"}, R"({"model":"m","input":[1]})")),
              ElementsAre(R"({ "input": [1], "model": "m" })"));
}

TEST(CompiledConnectorTest, ACallDoesNotLeadTheCredentialElsewhere) {
  Connector connector = OpenAi();
  connector.parameters["endpoint"] = "api.openai.com";
  connector.actions[0].url = "https://${parameters.endpoint}/v1/embeddings";
  const Compiled compiled = Compile(std::move(connector));
  EXPECT_EQ(compiled->Prepare(Native(R"({"input":[]})"), FakeRules(), {}).value().front().request.url,
            "https://api.openai.com/v1/embeddings");
  for (const char* parameters : {R"({"input":[],"endpoint":"api.cohere.ai"})",
                                 R"({"input":[],"endpoint":"bedrock-runtime.attacker.example?x.amazonaws.com"})"}) {
    const auto calls = compiled->Prepare(Native(parameters), FakeRules(), {});
    ASSERT_FALSE(calls) << parameters;
    EXPECT_EQ(calls.error().code, Code::kInvalidArgument);
    EXPECT_THAT(calls.error().message, HasSubstr("cannot change where a connector leads"));
  }
}

TEST(CompiledConnectorTest, StepSizeCutsDocuments) {
  Connector connector = OpenAi();
  connector.parameters["input_docs_processed_step_size"] = "2";
  const Compiled compiled = Compile(std::move(connector));
  const auto calls = compiled->Prepare(Docs({"a", "b", "c"}), FakeRules(), {});
  ASSERT_TRUE(calls);
  ASSERT_THAT(*calls, SizeIs(2));
  EXPECT_THAT((*calls)[0].request.body, HasSubstr(R"(["a","b"])"));
  EXPECT_THAT((*calls)[1].request.body, HasSubstr(R"(["c"])"));
  EXPECT_EQ((*calls)[1].documents, 1U);
  for (const char* bad : {"0", "-1", "\"x\"", "1.5", "\"\""})
    EXPECT_THAT(Bodies(compiled, Docs({"a"}, R"({"input_docs_processed_step_size":)" + std::string(bad) + "}")),
                ElementsAre("error: Invalid parameter: input_docs_processed_step_size. It must be positive integer."))
        << bad;
}

TEST(CompiledConnectorTest, OneDocumentACallWhereTheFunctionTakesOne) {
  Connector connector = OpenAi();
  connector.actions[0].pre_process_function = "connector.pre_process.bedrock.embedding";
  connector.actions[0].request_body = R"({"inputText":"${parameters.inputText}"})";
  const Compiled compiled = Compile(std::move(connector));
  EXPECT_THAT(Bodies(compiled, Docs({"a", "b\""})), ElementsAre(R"({"inputText":"a"})", R"({"inputText":"b\""})"));
  EXPECT_THAT(Bodies(compiled, Docs(std::vector<std::optional<std::string>>(10'001, "a"))),
              ElementsAre("error: 10001 documents would be 10001 requests to the remote service; the limit is 10000"));
}

TEST(CompiledConnectorTest, WithoutFunctionDocumentsAreInput) {
  Connector connector = OpenAi();
  connector.actions[0].pre_process_function.reset();
  const Compiled compiled = Compile(std::move(connector));
  EXPECT_THAT(Bodies(compiled, Docs({"a", "b"})), ElementsAre(HasSubstr(R"(["a","b"])")));
  RemoteInput similarity = Docs({"a"});
  similarity.query = "q";
  EXPECT_THAT(Bodies(compiled, similarity), ElementsAre("error: pre_process_function not defined in connector"));
}

TEST(CompiledConnectorTest, SimilarityIsOneCallWhateverTheStepSize) {
  Connector connector = OpenAi();
  connector.actions[0].pre_process_function = "connector.pre_process.cohere.rerank";
  connector.actions[0].request_body =
      R"({"q":"${parameters.query}","d":${parameters.documents},"n":${parameters.top_n}})";
  RemoteInput input = Docs({"a", "b"}, R"({"input_docs_processed_step_size":1})");
  input.query = "say \"q\"";
  EXPECT_THAT(Bodies(Compile(std::move(connector)), input), ElementsAre(R"({"q":"say \"q\"","d":["a","b"],"n":2})"));
}

TEST(CompiledConnectorTest, NoDocumentsAtAll) {
  EXPECT_THAT(Bodies(Compile(OpenAi()), Docs({})), ElementsAre("error: text_docs must hold at least one document"));
}

TEST(CompiledConnectorTest, ScriptSeesNativeParametersOnlyWhenAsked) {
  Connector connector = OpenAi();
  connector.actions[0].pre_process_function = "return '{\"parameters\":{\"input\":[\"' + params.q + '\"]}}';";
  const Compiled compiled = Compile(std::move(connector));
  EXPECT_THAT(Bodies(compiled, Native(R"({"q":"x","input":[1]})")), ElementsAre(HasSubstr("[1]")));
  EXPECT_THAT(Bodies(compiled, Native(R"({"q":"x","pre_process_function.process_remote_inference_input":true})")),
              ElementsAre(HasSubstr(R"(["x"])")));
}

TEST(CompiledConnectorTest, WhatCannotBeAsked) {
  const Compiled compiled = Compile(OpenAi());
  RemoteInput batch = Native("{}");
  batch.action = ActionType::kBatchPredict;
  EXPECT_THAT(Bodies(compiled, batch), ElementsAre("error: no BATCH_PREDICT action found"));
  EXPECT_TRUE(compiled->Has(ActionType::kPredict));
  EXPECT_FALSE(compiled->Has(ActionType::kBatchPredict));
  EXPECT_EQ(compiled->Prepare(Native(R"({"output_processors":[]})"), FakeRules(), {}).error().code,
            Code::kUnimplemented);
  Connector connector = OpenAi();
  connector.actions[0].method = "PATCH";
  EXPECT_THAT(Bodies(Compile(std::move(connector)), Native(R"({"input":[]})")),
              ElementsAre("error: unsupported http method"));
}

TEST(CompiledConnectorTest, TheFinalUrlIsJudged) {
  Connector connector = OpenAi();
  connector.actions[0].url = "https://${parameters.host}/v1";
  EXPECT_THAT(Bodies(Compile(std::move(connector)), Native(R"({"input":[],"host":"evil.example"})")),
              ElementsAre("error: Connector URL is not matching the trusted connector endpoint regex"));
}

TEST(CompiledConnectorTest, CredentialsOfAnotherOwnerAreRefused) {
  Connector connector = OpenAi();
  connector.credential["openAI_key"] = "sealed:connectors/c2/openAI_key:sk-secret";
  const Error error = CompileError(std::move(connector));
  EXPECT_EQ(error.code, Code::kDataLoss);
  EXPECT_THAT(error.message + error.detail, Not(HasSubstr("sk-secret")));
}

TEST(CompiledConnectorTest, WhatIsStoredAndNotUnderstoodIsRefused) {
  Connector connector = OpenAi();
  connector.actions[0].post_process_function = "connector.post_process.of_tomorrow";
  EXPECT_EQ(CompileError(std::move(connector)).code, Code::kInvalidArgument);
  connector = OpenAi();
  connector.actions[0].headers = {{"Cookie", "${parameters.x}"}};
  EXPECT_EQ(CompileError(std::move(connector)).code, Code::kInvalidArgument);
}

Connector Aws() {
  Connector connector = OpenAi();
  connector.protocol = Protocol::kAwsSigv4;
  connector.actions[0].headers.clear();
  connector.credential = {{"access_key", "sealed:connectors/c1/access_key:AK"},
                          {"secret_key", "sealed:connectors/c1/secret_key:SK"},
                          {"session_token", "sealed:connectors/c1/session_token:ST"},
                          {"region", "sealed:connectors/c1/region:eu-west-1"}};
  connector.parameters["service_name"] = "bedrock";
  return connector;
}

TEST(CompiledConnectorTest, SigningKeyOfCredentialAndParameters) {
  const auto calls = Compile(Aws())->Prepare(Native(R"({"input":[]})"), FakeRules(), {});
  ASSERT_TRUE(calls);
  const SigningKey& key = *calls->front().request.signing;
  EXPECT_EQ(key.access_key + key.secret_key + key.session_token, "AKSKST");
  EXPECT_EQ(key.region, "eu-west-1");
  EXPECT_EQ(key.service, "bedrock");
  Connector connector = Aws();
  connector.parameters["region"] = "us-east-1";
  EXPECT_EQ(Compile(connector)->Prepare(Native(R"({"input":[]})"), FakeRules(), {})->front().request.signing->region,
            "us-east-1");
}

TEST(CompiledConnectorTest, SigningNeedsItsParts) {
  Connector connector = Aws();
  connector.credential.erase("secret_key");
  EXPECT_EQ(CompileError(connector).message, "Missing credential");
  connector = Aws();
  connector.parameters.erase("service_name");
  EXPECT_EQ(CompileError(connector).message, "Missing service name");
  connector = Aws();
  connector.credential.erase("region");
  EXPECT_EQ(CompileError(connector).message, "Missing region");
}

TEST(CompiledConnectorTest, ClientCertificate) {
  Connector connector = OpenAi();
  connector.client_config.emplace().mutual_tls_enabled = true;
  EXPECT_THAT(CompileError(connector).message, HasSubstr("client_cert_pem"));
  connector.credential["client_cert_pem"] = "sealed:connectors/c1/client_cert_pem:CERT";
  connector.credential["client_key_pem"] = "sealed:connectors/c1/client_key_pem:KEY";
  const auto calls = Compile(connector)->Prepare(Native(R"({"input":[]})"), FakeRules(), {});
  EXPECT_EQ(calls->front().request.identity->certificate + calls->front().request.identity->key, "CERTKEY");
  connector.client_config->pkcs12 = true;
  connector.credential["client_cert_pkcs12"] = "sealed:connectors/c1/client_cert_pkcs12:no base64!";
  const Error error = CompileError(connector);
  EXPECT_EQ(error.message, "credential client_cert_pkcs12 is no Base64");
  connector.credential["client_cert_pkcs12"] = "sealed:connectors/c1/client_cert_pkcs12:AAEC\nAw==";
  EXPECT_EQ(Compile(connector)->Prepare(Native(R"({"input":[]})"), FakeRules(), {})->front().request.identity->pkcs12,
            std::string("\0\1\2\3", 4));
}

TEST(CompiledConnectorTest, InterpretReadsTensors) {
  const Compiled compiled = Compile(OpenAi());
  const auto calls = compiled->Prepare(Docs({"a"}), FakeRules(), {});
  ASSERT_TRUE(calls);
  const net::ClientReply reply{.status = 201, .headers = {}, .body = R"({"data":[{"embedding":[0.26,0.5,-0.25]}]})"};
  const auto output = compiled->Interpret(calls->front(), reply, -1);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->status, 201);
  ASSERT_THAT(output->tensors, SizeIs(1));
  EXPECT_THAT(output->tensors[0].data, ElementsAre(0.26, 0.5, -0.25));
  EXPECT_THAT(output->tensors[0].data_as_map, IsEmpty());
  const auto small = compiled->Interpret(calls->front(), reply, 10);
  EXPECT_EQ(small.error().message, "JSON string size exceeds maximum allowed size (10 bytes)");
}

TEST(CompiledConnectorTest, ACancellationMayBeAnsweredWithNothing) {
  Connector connector = OpenAi();
  connector.actions.push_back(connector.actions.front());
  connector.actions.back().type = ActionType::kCancelBatchPredict;
  const Compiled compiled = Compile(connector);
  const net::ClientReply nothing{.status = 200, .headers = {}, .body = {}};
  const auto output = compiled->Interpret({.action = ActionType::kCancelBatchPredict}, nothing, -1);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_THAT(output->tensors, IsEmpty());
  EXPECT_FALSE(compiled->Interpret({.action = ActionType::kPredict}, nothing, -1));
  EXPECT_FALSE(
      compiled->Interpret({.action = ActionType::kCancelBatchPredict}, {.status = 500, .headers = {}, .body = {}}, -1));
}

TEST(CompiledConnectorTest, WhatGoesOutInOneCallIsKnownBefore) {
  EXPECT_TRUE(Compile(OpenAi())->TakesAllDocuments(Docs({"a"})));
  EXPECT_FALSE(Compile(OpenAi())->TakesAllDocuments(Docs({"a"}, R"({"input_docs_processed_step_size":"2"})")));
  EXPECT_FALSE(Compile(OpenAi())->TakesAllDocuments(RemoteInput())) << "no documents";
  Connector connector = OpenAi();
  connector.parameters["input_docs_processed_step_size"] = "2";
  EXPECT_FALSE(Compile(connector)->TakesAllDocuments(Docs({"a"})));
  connector = OpenAi();
  connector.actions[0].pre_process_function = "connector.pre_process.bedrock.embedding";
  EXPECT_FALSE(Compile(connector)->TakesAllDocuments(Docs({"a"})));
  connector.actions[0].pre_process_function = std::nullopt;
  EXPECT_TRUE(Compile(connector)->TakesAllDocuments(Docs({"a"})));
}

TEST(CompiledConnectorTest, InterpretHidesSecretsInErrors) {
  const Compiled compiled = Compile(OpenAi());
  const auto calls = compiled->Prepare(Docs({"a"}), FakeRules(), {});
  const auto output = compiled->Interpret(
      calls->front(), {.status = 401, .headers = {}, .body = "Incorrect API key provided: sk-secret"}, -1);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().upstream_status, 401);
  EXPECT_EQ(output.error().message, "Error from remote service: Incorrect API key provided: ***");
}

TEST(CompiledConnectorTest, HidesSecretsInErrorsOfStreamsAndInAnswers) {
  const Compiled compiled = Compile(OpenAi());
  EXPECT_EQ(compiled->Redact("key sk-secret is wrong"), "key *** is wrong");
  EXPECT_LT(compiled->Redact(std::string(1'000'000, 'x')).size(), kMaxShownReply + 10);
  std::string body = R"({"echo":"Bearer sk-secret"})";
  compiled->HideSecrets(body);
  EXPECT_EQ(body, R"({"echo":"Bearer ***"})");
  // The region of an ARN is no secret.
  body = R"({"jobArn":"arn:aws:bedrock:eu-west-1:job/x"})";
  Compile(Aws())->HideSecrets(body);
  EXPECT_THAT(body, HasSubstr("eu-west-1"));
}

TEST(CompiledConnectorTest, ASignedBodyIsHashedOnce) {
  const auto calls = Compile(Aws())->Prepare(Native(R"({"input":[]})"), FakeRules(), {});
  ASSERT_TRUE(calls);
  EXPECT_EQ(calls->front().request.body_hash, Sha256Hex(calls->front().request.body));
  EXPECT_THAT(Compile(OpenAi())->Prepare(Native(R"({"input":[]})"), FakeRules(), {})->front().request.body_hash,
              IsEmpty());
}

TEST(CompiledConnectorTest, AnEncodedBodyKeepsItsText) {
  const auto calls =
      Compile(OpenAi())->Prepare(Native(R"({"input":["secret"],"charset":"UTF-16LE"})"), FakeRules(), {});
  ASSERT_TRUE(calls);
  EXPECT_THAT(calls->front().text, HasSubstr("secret"));
  EXPECT_EQ(calls->front().request.body.size(), 2 * calls->front().text.size());
  EXPECT_THAT(Compile(OpenAi())->Prepare(Native(R"({"input":[]})"), FakeRules(), {})->front().text, IsEmpty());
}

TEST(CompiledConnectorTest, EndsWhenNobodyWaitsAnyMore) {
  Connector connector = OpenAi();
  connector.parameters["input_docs_processed_step_size"] = "1";
  int asked = 0;
  const auto calls = Compile(connector)->Prepare(Docs({"a", "b", "c"}), FakeRules(), [&asked]() -> Status {
    if (++asked < 3) return {};
    return MakeError(Code::kCancelled, "gone");
  });
  ASSERT_FALSE(calls);
  EXPECT_EQ(calls.error().code, Code::kCancelled);
  EXPECT_EQ(asked, 3);
}

TEST(CompiledConnectorTest, AllCallsOfARequestShareWhatMayBeScanned) {
  Connector connector = OpenAi();
  connector.parameters["input_docs_processed_step_size"] = "1";
  // Each call scans 20 MB and sends next to nothing.
  std::string nothing;
  for (int i = 0; i < 1'000; ++i) nothing += "${parameters.b:-}${parameters.c:-}";
  connector.parameters["a"] = nothing;
  connector.parameters["b"] = std::string();
  for (int i = 0; i < 1'000; ++i) connector.parameters["b"] += "${parameters.c:-}";
  connector.actions[0].request_body = R"({"input":${parameters.input},"a":"${parameters.a}"})";
  connector.parameters["c"] = "";
  const Compiled compiled = Compile(connector);
  EXPECT_TRUE(compiled->Prepare(Docs({"a", "b"}), FakeRules(), {}));
  const auto calls = compiled->Prepare(Docs(std::vector<std::optional<std::string>>(100, "a")), FakeRules(), {});
  ASSERT_FALSE(calls);
  EXPECT_EQ(calls.error().code, Code::kTooLarge);
}

TEST(CompiledConnectorTest, ResponseFilterOfTheCallCounts) {
  Connector connector = OpenAi();
  connector.actions[0].post_process_function.reset();
  const Compiled compiled = Compile(std::move(connector));
  const auto calls = compiled->Prepare(Native(R"({"input":[],"response_filter":"$['a/b'][0]"})"), FakeRules(), {});
  ASSERT_TRUE(calls);
  const auto output = compiled->Interpret(calls->front(), {.status = 200, .headers = {}, .body = R"({"a/b":[7]})"}, -1);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->tensors[0].data_as_map, R"({"response":7})");
}

}  // namespace
}  // namespace mlnode::connectors
