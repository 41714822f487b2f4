// Bodies and answers in YAML and CBOR over real HTTP.
#include <gmock/gmock.h>

#include <bit>

#include "core/log.h"
#include "node_fixture.h"

namespace mlnode::integration {
namespace {

using std::string_literals::operator""s;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ContentTest : public FakeNodeFixture {
 protected:
  void SetUp() override { StartNode(); }

  Answer AskFor(const std::string& accept, const std::string& target, const std::string& body = {},
                const std::string& type = "application/json") {
    net::Headers headers;
    headers.Add("Accept", accept);
    return Ask(body.empty() ? "GET" : "POST", target, body, type, headers);
  }
  std::string DeployedModel() {
    const std::string model = Register("content", ModelArchive());
    EXPECT_EQ(Deploy(model).at("state").as_string(), "COMPLETED");
    return fmt::format("{}/models/{}/_predict", kMl, model);
  }
};

std::string TypeOf(const Answer& answer) { return std::string(answer.headers.Find("Content-Type").value_or("")); }

TEST_F(ContentTest, ModelGroupsAreRegisteredInYamlAndCbor) {
  const std::string target = fmt::format("{}/model_groups/_register?format=json", kMl);
  const Answer yaml = Ask("POST", target, "name: group one\ndescription: |\n  two\n  lines\n", "application/yaml");
  EXPECT_EQ(yaml.status, 200) << yaml.text;
  const Answer cbor = Ask("POST", target, "\xa1\x64nameigroup two"s, "application/cbor");
  EXPECT_EQ(cbor.status, 200) << cbor.text;
  const Answer found =
      Ask("POST", fmt::format("{}/model_groups/_search?format=json&filter_path=hits.hits._source.name", kMl),
          "query:\n  match_all: {}\nsort: [name.keyword]\n", "application/x-yaml");
  EXPECT_EQ(found.text, R"({"hits":{"hits":[{"_source":{"name":"group one"}},{"_source":{"name":"group two"}}]}})");
}

TEST_F(ContentTest, AnswersComeInTheFormatAskedFor) {
  const Answer yaml = Ask("GET", "/?format=yaml&filter_path=version.number");
  EXPECT_EQ(yaml.text, "---\nversion:\n  number: \"3.4.0\"\n");
  EXPECT_EQ(TypeOf(yaml), "application/yaml");
  const Answer cbor = AskFor("application/cbor", "/?filter_path=version.number");
  EXPECT_EQ(cbor.text,
            "\xa1\x67version\xa1\x66number\x65"
            "3.4.0");
  EXPECT_EQ(TypeOf(cbor), "application/cbor");
  EXPECT_EQ(TypeOf(AskFor("application/smile", "/")), "application/json; charset=UTF-8");
}

TEST_F(ContentTest, ErrorsComeInTheFormatAskedFor) {
  const Answer yaml = AskFor("application/yaml", fmt::format("{}/models/none", kMl));
  EXPECT_EQ(yaml.status, 404);
  EXPECT_EQ(TypeOf(yaml), "application/yaml");
  EXPECT_THAT(yaml.text, StartsWith("---\nerror:\n  root_cause:\n  - type: \"status_exception\"\n    reason: \""));
  EXPECT_THAT(yaml.text, HasSubstr("\nstatus: 404\n"));
}

TEST_F(ContentTest, TablesAreTextUnlessAFormatIsAskedFor) {
  EXPECT_EQ(TypeOf(Ask("GET", "/_cat/plugins")), "text/plain; charset=UTF-8");
  EXPECT_EQ(TypeOf(AskFor("*/*", "/_cat/plugins")), "text/plain; charset=UTF-8");
  EXPECT_EQ(Ask("GET", "/_cat/plugins?h=component&format=yaml").text, "---\n- component: \"opensearch-ml\"\n");
  EXPECT_EQ(AskFor("application/json", "/_cat/plugins?h=component").text, R"([{"component":"opensearch-ml"}])");
}

TEST_F(ContentTest, WrongBodiesAreRefusedWithTheirPlace) {
  const std::string target = fmt::format("{}/model_groups/_register?format=json", kMl);
  const Answer alias = Ask("POST", target, "name: &a x\ndescription: *a\n", "application/yaml");
  EXPECT_EQ(alias.status, 400);
  EXPECT_EQ(alias.Type(), "json_parse_exception");
  EXPECT_THAT(alias.Reason(), HasSubstr("alias"));
  EXPECT_THAT(alias.Reason(), HasSubstr("line: 2, column: 14"));
  const Answer tag = Ask("POST", target, "\xa1\x64name\xc2\x41x"s, "application/cbor");
  EXPECT_EQ(tag.status, 400);
  EXPECT_THAT(tag.Reason(), HasSubstr("tag 2 at byte 6"));
  EXPECT_EQ(Ask("POST", target, ":)\n", "application/smile").status, 406);
}

// The same numbers as in JSON, each as a single-precision float.
TEST_F(ContentTest, PredictsInCborAndYaml) {
  const std::string target = DeployedModel();
  const std::string json_body = R"({"text_docs":["hello world"],"target_response":["sentence_embedding"]})";
  const Answer json = Ask("POST", target, json_body);
  const json::array& data = json.body.at("inference_results").at(0).at("output").at(0).at("data").as_array();
  ASSERT_EQ(data.size(), 8U);
  std::string floats = "\x64"s + "data\x88";
  for (const json::value& value : data) {
    const auto bits = std::bit_cast<std::uint32_t>(value.to_number<float>());
    floats += '\xfa';
    for (const unsigned shift : {24U, 16U, 8U, 0U}) floats += static_cast<char>(bits >> shift);
  }
  const Answer cbor = AskFor("application/cbor", target, json_body);
  EXPECT_EQ(TypeOf(cbor), "application/cbor");
  EXPECT_TRUE(cbor.text.ends_with(floats));
  const Answer filtered = AskFor("application/cbor", target + "?filter_path=inference_results.output.data", json_body);
  EXPECT_TRUE(filtered.text.ends_with(floats));
  EXPECT_LT(filtered.text.size(), cbor.text.size());
  const Answer yaml =
      Ask("POST", target, "text_docs:\n- hello world\ntarget_response: [sentence_embedding]\n", "application/yaml");
  EXPECT_THAT(yaml.text, StartsWith("---\ninference_results:\n- output:\n  - name: \"sentence_embedding\"\n"));
  const Answer same = Ask("POST", target + "?format=json", "\xa1\x69text_docs\x81\x6bhello world"s, "application/cbor");
  EXPECT_EQ(same.body.at("inference_results").at(0).at("output").at(0).at("data"), data);
}

TEST_F(ContentTest, PredictsALargeYamlBody) {
  const std::string target = DeployedModel();
  std::string body = "text_docs:\n";
  for (int i = 0; i < 200; ++i) body += "- \"" + std::string(500, 'a') + "\"\n";
  const Answer answer = Ask("POST", target + "?format=json", body, "application/yaml");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.at("inference_results").as_array().size(), 200U);
  EXPECT_EQ(Ask("POST", target, std::string(17UL * 1024 * 1024, ' '), "application/yaml").status, 413);
}

}  // namespace
}  // namespace mlnode::integration
