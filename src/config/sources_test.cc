#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/settings.h"
#include "core/testing/temp_dir.h"

namespace mlnode::config {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

class YamlTest : public ::testing::Test {
 protected:
  Result<RawValues> Read(std::string_view text) const { return ReadYamlFile(dir_.Write("mlnode.yml", text)); }
  std::string Refusal(std::string_view text) const {
    const auto values = Read(text);
    if (values) return "accepted";
    EXPECT_EQ(values.error().code, Code::kInvalidArgument);
    return values.error().message;
  }
  mlnode::testing::TempDir dir_;
};

TEST_F(YamlTest, NestedFlatAndMixedKeysAreEqual) {
  for (const char* text : {"mlnode.http.port: 1", "mlnode:\n  http:\n    port: 1\n", "mlnode:\n  http.port: '1'\n",
                           "mlnode.http: {port: 1}"}) {
    EXPECT_THAT(Read(text).value(), ElementsAre(Pair("mlnode.http.port", "1"))) << text;
  }
}

TEST_F(YamlTest, ReadsListsAndEmptyFiles) {
  EXPECT_THAT(Read("mlnode.node.roles: [ml]\nmlnode.file_url_roots: a, b\n").value(),
              ElementsAre(Pair("mlnode.file_url_roots", R"(["a","b"])"), Pair("mlnode.node.roles", R"(["ml"])")));
  EXPECT_THAT(Read("").value(), IsEmpty());
  EXPECT_THAT(Read("# only a comment\n").value(), IsEmpty());
}

TEST_F(YamlTest, ErrorsNameFileLineAndSetting) {
  EXPECT_EQ(Refusal("\nmlnode.http.prot: 1\n"), "mlnode.yml, line 2: unknown setting [mlnode.http.prot]");
  EXPECT_EQ(Refusal("mlnode:\n  http:\n    port: 70000\n"),
            "mlnode.yml, line 3: Failed to parse value [70000] for setting [mlnode.http.port] must be <= 65535");
  EXPECT_EQ(Refusal("mlnode.http.port: 1\nmlnode:\n  http.port: 2\n"),
            "mlnode.yml, line 3: setting [mlnode.http.port] is given twice");
  EXPECT_THAT(Refusal("mlnode.http.port:\n"), HasSubstr("line 1: setting [mlnode.http.port] has no value"));
  EXPECT_THAT(Refusal("mlnode.http.port: [1]\n"),
              HasSubstr("line 1: setting [mlnode.http.port] has no value that fits"));
  EXPECT_THAT(Refusal("mlnode.node.roles: [[ml]]\n"), HasSubstr("line 1: setting [mlnode.node.roles] must be a list"));
  EXPECT_THAT(Refusal("- a\n"), HasSubstr("line 1: expected settings"));
  EXPECT_THAT(Refusal("? [a]\n: 1\n"), HasSubstr("line 1: a setting's name must be plain text"));
  EXPECT_THAT(Refusal("a: 1\n b: ]\n"), HasSubstr("mlnode.yml, line 2: "));
}

TEST_F(YamlTest, EndlessAnchorsAreRefused) { EXPECT_THAT(Refusal("a: &x\n  b: *x\n"), HasSubstr("nested too deeply")); }

TEST_F(YamlTest, AMissingFileIsNotFound) {
  EXPECT_EQ(ReadYamlFile(dir_.File("none.yml")).error().code, Code::kNotFound);
}

Result<RawValues> Environment(std::vector<const char*> entries) {
  entries.push_back(nullptr);
  return ReadEnvironment(entries.data());
}

TEST(EnvironmentTest, VariablesNameSettings) {
  const auto values = Environment({"HOME=/", "MLNODE_HTTP_PORT=9201", "MLNODE_DATA_DIR=a=b",
                                   "MLNODE__PLUGINS__ML_COMMONS__MAX_MODEL_ON_NODE=3",
                                   "MLNODE__PLUGINS__ML_COMMONS__EXCLUDE_NODES___NAME=n1"});
  EXPECT_THAT(values.value(), ElementsAre(Pair("mlnode.data_dir", "a=b"), Pair("mlnode.http.port", "9201"),
                                          Pair("plugins.ml_commons.exclude_nodes._name", "n1"),
                                          Pair("plugins.ml_commons.max_model_on_node", "3")));
}

TEST(EnvironmentTest, BadValuesNameTheVariable) {
  const auto values = Environment({"MLNODE_HTTP_PORT=x"});
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().message,
            "environment variable MLNODE_HTTP_PORT: Failed to parse value [x] for setting [mlnode.http.port]");
}

TEST(EnvironmentTest, UnknownPluginNamesAreRefusedOthersLogged) {
  const auto refused = Environment({"MLNODE__PLUGINS__ML_COMMONS__NOPE=1"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "environment variable MLNODE__PLUGINS__ML_COMMONS__NOPE names no setting");
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(Environment({"MLNODE_SERVICE_HOST=10.0.0.1", "MLNODE_NO_EQUALS", "MLNODE_CREDENTIALS_KEYS=k:c2VjcmV0",
                           "MLNODE_CLUSTER_KEY=secret of the nodes"})
                  .value(),
              IsEmpty());
  const std::string logged = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(logged, HasSubstr("MLNODE_SERVICE_HOST names no setting and is ignored"));
  EXPECT_THAT(logged, Not(HasSubstr("KEY")));
}

}  // namespace
}  // namespace mlnode::config
