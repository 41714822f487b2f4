// What every client meets: root, health, nodes, the shapes of errors, headers.
#include <gmock/gmock.h>

#include "core/log.h"
#include "node_fixture.h"

namespace mlnode::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ApiTest : public FakeNodeFixture {
 protected:
  void SetUp() override { StartNode(); }
};

TEST_F(ApiTest, SaysWhoItIs) {
  const Answer root = Ok("GET", "/");
  EXPECT_EQ(root.body.at("version").at("distribution").as_string(), "opensearch");
  EXPECT_EQ(root.body.at("version").at("number").as_string(), "3.4.0");
  EXPECT_EQ(root.body.at("tagline").as_string(), "The OpenSearch Project: https://opensearch.org/");
  EXPECT_EQ(root.body.at("cluster_uuid").as_string().size(), 22U);
  EXPECT_EQ(Ask("HEAD", "/").status, 200);
}

TEST_F(ApiTest, IsHealthyAndReady) {
  EXPECT_EQ(Ok("GET", "/_health").body.at("status").as_string(), "alive");
  WaitUntilReady();
  const Answer health = Ok("GET", "/_cluster/health?wait_for_status=green&wait_for_nodes=%3E%3D1&timeout=5s");
  EXPECT_EQ(health.body.at("status").as_string(), "green");
  EXPECT_EQ(health.body.at("number_of_nodes"), 1);
}

TEST_F(ApiTest, WaitsInVainForMoreNodes) {
  const Answer health = Ask("GET", "/_cluster/health?wait_for_nodes=2&timeout=200ms");
  EXPECT_EQ(health.status, 408);
  EXPECT_EQ(health.body.at("timed_out"), true);
}

TEST_F(ApiTest, ListsNodes) {
  const Answer nodes = Ok("GET", "/_nodes/_local?filter_path=nodes.*.roles");
  EXPECT_EQ(ToJson(nodes.body.at("nodes").as_object().begin()->value()), R"({"roles":["data","ml"]})");
  EXPECT_EQ(Ok("GET", "/_nodes/no-such-node").body.at("_nodes").at("total"), 0);
  EXPECT_THAT(Ok("GET", "/_cat/nodes?v&h=id,node.role,cluster_manager").text,
              MatchesRegex("id +node.role +cluster_manager\n.{4} +d +\\*\n"));
  EXPECT_EQ(Ok("GET", "/_cat/nodes?format=json&full_id=true&h=id").body.at(0).at("id").as_string().size(), 22U);
}

TEST_F(ApiTest, TellsStatsOfNodes) {
  const Answer stats = Ok("GET", "/_nodes/stats");
  EXPECT_EQ(stats.body.at("_nodes").at("total"), 1);
  const json::value& here = stats.body.at("nodes").as_object().begin()->value();
  EXPECT_GT(here.at("mlnode").at("memory").at("limit_bytes").to_number<std::int64_t>(), 0);
  EXPECT_EQ(Ok("GET", "/_nodes/_local/stats").body.at("nodes").as_object().size(), 1U);
  EXPECT_EQ(Ok("GET", "/_nodes/no-such-node/stats").body.at("nodes").as_object().size(), 0U);
  EXPECT_EQ(Ok("GET", "/_cluster/health/.plugins-ml-model").body.at("number_of_nodes"), 1);
}

TEST_F(ApiTest, CountsWhatItDoes) {
  Ok("GET", "/");
  const Answer metrics = Ok("GET", "/metrics");
  EXPECT_THAT(metrics.text, HasSubstr(R"(mlnode_http_requests_total{route="/",status="200"} 1)"));
  EXPECT_THAT(metrics.text, HasSubstr("mlnode_memory_limit_bytes"));
  EXPECT_THAT(std::string(metrics.headers.Find("Content-Type").value_or("")), HasSubstr("version=0.0.4"));
}

TEST_F(ApiTest, EchoesTheRequestIdAndPrintsPretty) {
  net::Headers headers;
  headers.Add("X-Opaque-Id", "from the client");
  const Answer answer = Ask("GET", "/?pretty&filter_path=version.number", {}, {}, headers);
  EXPECT_EQ(answer.headers.Find("X-Opaque-Id"), "from the client");
  EXPECT_EQ(answer.text, "{\n  \"version\" : {\n    \"number\" : \"3.4.0\"\n  }\n}\n");
}

TEST_F(ApiTest, RefusesAnOversizedChunkWithoutReadingIt) {
  const std::string model = Register("chunks", ModelArchive());
  const Answer answer =
      Ask("POST", fmt::format("{}/models/{}/upload_chunk/0", kMl, model), std::string(10'000'001, 'x'));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.Reason(), "Chunk size exceeds 10MB");
}

struct Refused {
  const char* method;
  const char* target;
  const char* body;
  int status;
  const char* type;
  const char* reason;
};

class RefusalTest : public ApiTest, public ::testing::WithParamInterface<Refused> {};

TEST_P(RefusalTest, Answers) {
  const Refused& expected = GetParam();
  const Answer answer = Ask(expected.method, expected.target, expected.body);
  EXPECT_EQ(answer.status, expected.status) << answer.text;
  EXPECT_EQ(answer.Type(), expected.type);
  EXPECT_THAT(answer.Reason(), HasSubstr(expected.reason));
  EXPECT_EQ(answer.body.at("status"), expected.status);
}

INSTANTIATE_TEST_SUITE_P(
    Matrix, RefusalTest,
    ::testing::Values(
        Refused{"GET", "/_plugins/_ml/models/none", "", 404, "status_exception", "Fail to find model"},
        Refused{"DELETE", "/_plugins/_ml/models/none", "", 404, "status_exception", "Failed to find model"},
        Refused{"POST", "/_plugins/_ml/models/none/_deploy", "", 404, "status_exception", "Failed to find model"},
        Refused{"POST", "/_plugins/_ml/models/none/_undeploy", "{}", 404, "status_exception", "Failed to find model"},
        Refused{"POST", "/_plugins/_ml/models/none/_predict", R"({"text_docs":["a"]})", 404, "status_exception",
                "Failed to find model"},
        Refused{"GET", "/_plugins/_ml/models/none/_explain", "", 404, "status_exception", "Failed to find model"},
        Refused{"POST", "/_plugins/_ml/_predict/nope/none", R"({"text_docs":["a"]})", 400, "illegal_argument_exception",
                "Wrong function name"},
        Refused{"POST", "/_plugins/_ml/models/_undeploy", "", 400, "illegal_argument_exception",
                "Must set specific model ids to undeploy"},
        Refused{"POST", "/_plugins/_ml/models/none/_deploy", R"({"node_ids":"x"})", 400, "parsing_exception",
                "expecting token of type [START_ARRAY] but found [VALUE_STRING]"},
        Refused{"POST", "/_plugins/_ml/models/none/_deploy", R"({"node_ids": )", 400, "json_e_o_f_exception",
                "Unexpected end-of-input"},
        Refused{"POST", "/_plugins/_ml/models/_search", "", 400, "parse_exception",
                "request body or source parameter is required"},
        Refused{"POST", "/_plugins/_ml/models/_search", R"({"query":{"nope":{}}})", 400, "parsing_exception",
                "unknown query [nope]"},
        Refused{"GET", "/_plugins/_ml/tasks/none", "", 404, "status_exception", "Failed to find task"},
        Refused{"DELETE", "/_plugins/_ml/tasks/none", "", 404, "status_exception", "Failed to find task"},
        Refused{"GET", "/_plugins/_ml/model_groups/none", "", 404, "status_exception",
                "Failed to find model group index"},
        Refused{"POST", "/_plugins/_ml/model_groups/_register", "", 400, "parse_exception",
                "Model group request has empty body"},
        Refused{"POST", "/_plugins/_ml/model_groups/_register", R"({"name":"g","access_mode":"public"})", 400,
                "illegal_argument_exception", "You cannot specify model access control parameters"},
        Refused{"POST", "/_plugins/_ml/models/_register_meta", "[]", 400, "parsing_exception", "[START_OBJECT]"},
        Refused{"POST", "/_plugins/_ml/models/_register_meta", "{}", 400, "illegal_argument_exception",
                "model name is null"},
        Refused{"POST", "/_plugins/_ml/models/none/upload_chunk/abc", "x", 400, "number_format_exception",
                "For input string: \"abc\""},
        Refused{"PUT", "/_cluster/settings", "", 400, "parse_exception", "request body is required"},
        Refused{"PUT", "/_cluster/settings", "{}", 400, "action_request_validation_exception", "no settings to update"},
        Refused{"GET", "/_cluster/health?timeout=soon", "", 400, "illegal_argument_exception", "[timeout]"},
        Refused{"GET", "/_plugins/_ml/models/x?nope=1", "", 400, "illegal_argument_exception",
                "request [/_plugins/_ml/models/x] contains unrecognized parameter: [nope]"},
        Refused{"GET", "/_plugins/_ml/models/x", "{}", 400, "illegal_argument_exception",
                "does not support having a body"}));

}  // namespace
}  // namespace mlnode::integration
