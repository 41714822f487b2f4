#include "models/input/register_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kHash(64, 'a');

json::object Body() {
  return {{"name", "all-MiniLM-L6-v2"},
          {"version", "1.0.0"},
          {"description", "all-MiniLM-L6-v2 ONNX"},
          {"function_name", "text_embedding"},
          {"model_format", "ONNX"},
          {"model_content_size_in_bytes", 83413604},
          {"model_content_hash_value", kHash},
          {"total_chunks", 9},
          {"url", "https://example.org/model.zip"},
          {"model_config",
           {{"model_type", "bert"}, {"embedding_dimension", 384}, {"framework_type", "sentence_transformers"}}}};
}
json::object Without(const std::string& key) {
  json::object body = Body();
  body.erase(key);
  return body;
}
json::object With(const std::string& key, json::value value) {
  json::object body = Body();
  body[key] = std::move(value);
  return body;
}

class RegisterInputTest : public ::testing::Test {
 protected:
  void Use(const config::RawValues& values) { settings_ = config::Settings::Create(values).value(); }
  Result<RegisterInput> Register(const json::object& body) { return ParseRegister(body, *settings_->Current()); }
  Result<RegisterInput> Meta(const json::object& body) { return ParseRegisterMeta(body, *settings_->Current()); }
  std::string MetaError(const json::object& body) { return TextOf(Meta(body)); }
  std::string RegisterError(const json::object& body) { return TextOf(Register(body)); }
  static std::string TextOf(const Result<RegisterInput>& input) {
    if (input) return "accepted";
    EXPECT_EQ(input.error().code, Code::kInvalidArgument);
    return input.error().message;
  }

  void SetUp() override {
    Use({{"plugins.ml_commons.allow_registering_model_via_url", "true"},
         {"plugins.ml_commons.allow_registering_model_via_local_file", "true"}});
  }
  std::unique_ptr<config::Settings> settings_;
};

TEST_F(RegisterInputTest, MetaReadsEveryField) {
  json::object body = Body();
  body["is_enabled"] = false;
  body["rate_limiter"] = {{"limit", "4"}, {"unit", "MINUTES"}};
  body["deploy_setting"] = {{"is_auto_deploy_enabled", true}};
  body["interface"] = {{"input", {{"type", "object"}}}, {"other", 1}};
  body["model_group_id"] = "g1";
  body["colour"] = "blue";
  const RegisterInput input = Meta(body).value();
  EXPECT_EQ(input.model.name, "all-MiniLM-L6-v2");
  EXPECT_EQ(input.model.function, FunctionName::kTextEmbedding);
  EXPECT_EQ(input.model.format, engines::ModelFormat::kOnnx);
  EXPECT_EQ(input.model.content_bytes, 83413604);
  EXPECT_EQ(input.model.content_hash, kHash);
  EXPECT_EQ(input.model.total_chunks, 9);
  EXPECT_EQ(input.model.config->at("framework_type"), "SENTENCE_TRANSFORMERS");
  EXPECT_EQ(input.model.is_enabled, false);
  EXPECT_EQ(ToJson(input.model.passthrough.at("deploy_setting")),
            R"({"is_auto_deploy_enabled":true,"model_ttl_minutes":-1})");
  EXPECT_EQ(ToJson(input.model.passthrough.at("interface")), R"({"input":"{\"type\":\"object\"}"})");
  EXPECT_EQ(ToJson(input.model.passthrough.at("rate_limiter")), R"({"limit":"4","unit":"MINUTES"})");
  EXPECT_EQ(input.group->str(), "g1");
  EXPECT_FALSE(input.url.has_value());
}

TEST_F(RegisterInputTest, MetaNamesWhatIsMissing) {
  EXPECT_EQ(MetaError({}), "model name is null");
  EXPECT_EQ(MetaError(Without("name")), "model name is null");
  EXPECT_EQ(MetaError(Without("model_format")), "model format is null");
  EXPECT_EQ(MetaError(Without("model_content_hash_value")), "model content hash value is null");
  EXPECT_EQ(MetaError(Without("model_config")), "model config is null");
  EXPECT_EQ(MetaError(Without("total_chunks")), "total chunks field is null");
  for (const char* optional : {"version", "function_name", "description", "model_content_size_in_bytes"})
    EXPECT_EQ(MetaError(Without(optional)), "accepted") << optional;
}

TEST_F(RegisterInputTest, MetaNamesWhatIsWrong) {
  EXPECT_EQ(MetaError(With("function_name", "NOPE")), "Wrong function name");
  EXPECT_EQ(MetaError(With("model_format", "PICKLE")), "Wrong model format");
  EXPECT_EQ(MetaError(With("model_format", "onnx")), "Wrong model format");
  EXPECT_EQ(MetaError(With("model_config", json::object())), "model type is null");
  EXPECT_EQ(MetaError(With("total_chunks", "9")), "Integer value passed as String");
  EXPECT_EQ(MetaError(With("total_chunks", "nine")), "Integer value passed as String");
  EXPECT_THAT(MetaError(With("total_chunks", 0)), HasSubstr("between 1 and 430"));
  EXPECT_THAT(MetaError(With("total_chunks", 431)), HasSubstr("but was [431]"));
  EXPECT_EQ(MetaError(With("total_chunks", 430)), "accepted");
  EXPECT_EQ(MetaError(With("model_content_size_in_bytes", 4294967296)),
            "Model file size exceeds the limit of 4GB: 4294967296");
  EXPECT_THAT(MetaError(With("model_content_size_in_bytes", 0)), HasSubstr("must be positive"));
  EXPECT_THAT(MetaError(With("model_content_hash_value", "../../etc")), HasSubstr("64 hexadecimal digits"));
}

TEST_F(RegisterInputTest, TheHashIsKeptInLowerCase) {
  EXPECT_EQ(Meta(With("model_content_hash_value", json::string(64, 'A'))).value().model.content_hash, kHash);
}

TEST_F(RegisterInputTest, MetaTakesAnyNameEvenNone) {
  EXPECT_EQ(Meta(With("name", "")).value().model.name, "");
  EXPECT_EQ(MetaError(With("name", "<b>")), "accepted");
}

TEST_F(RegisterInputTest, AnEmptyGroupIsNone) {
  EXPECT_FALSE(Meta(With("model_group_id", "")).value().group.has_value());
}

TEST_F(RegisterInputTest, MetaNeedsItsSetting) {
  Use({{"plugins.ml_commons.allow_registering_model_via_local_file", "false"}});
  EXPECT_EQ(MetaError({}),
            "To upload custom model from local file, user needs to enable allow_registering_model_via_local_file "
            "settings. Otherwise "
            "please use opensearch pre-trained models");
}

TEST_F(RegisterInputTest, RegisterReadsItsOwnFields) {
  const RegisterInput input = Register(With("model_node_ids", json::array{"n1", "n2"})).value();
  EXPECT_EQ(input.url, "https://example.org/model.zip");
  EXPECT_EQ(input.requested_version, "1.0.0");
  EXPECT_THAT(input.deploy_node_ids, ElementsAre("n1", "n2"));
  EXPECT_EQ(Register(With("model_format", "onnx")).value().model.format, engines::ModelFormat::kOnnx);
}

TEST_F(RegisterInputTest, RegisterNamesWhatIsMissing) {
  EXPECT_EQ(RegisterError({}), "model name is null");
  EXPECT_EQ(RegisterError(Without("model_format")), "model format is null");
  EXPECT_EQ(RegisterError(Without("model_config")), "model config is null");
  json::object pretrained = Without("model_config");
  pretrained.erase("url");
  EXPECT_EQ(RegisterError(pretrained), "accepted");
  EXPECT_EQ(RegisterError(Without("model_content_hash_value")), "accepted") << "the task fails, as with the peer";
}

TEST_F(RegisterInputTest, RegisterChecksNames) {
  const Result<RegisterInput> blank = Register(With("name", "  "));
  EXPECT_EQ(blank.error().reason, "action_request_validation_exception");
  EXPECT_EQ(blank.error().message, "Validation Failed: 1: Model name is required and cannot be null or blank;");
  json::object body = With("name", "a<b");
  body["description"] = "x;y";
  EXPECT_EQ(Register(body).error().message,
            "Validation Failed: 1: Model name can only contain letters, numbers, spaces, and basic punctuation "
            "(.,!?():@-_'/\");2: Model "
            "description can only contain letters, numbers, spaces, and basic punctuation (.,!?():@-_'/\");");
  EXPECT_TRUE(Register(With("name", "Größe 模型 (v1.0): a/b_c-d@e!?\"'")));
}

TEST_F(RegisterInputTest, RegisterByUrlNeedsItsSetting) {
  Use({{"plugins.ml_commons.allow_registering_model_via_url", "false"}});
  EXPECT_EQ(RegisterError(Body()),
            "To upload custom model user needs to enable allow_registering_model_via_url settings. Otherwise please "
            "use OpenSearch "
            "pre-trained models.");
  EXPECT_EQ(RegisterError(Without("url")), "accepted");
}

TEST_F(RegisterInputTest, DisabledKindsAreRefused) {
  Use({{"plugins.ml_commons.local_model.enabled", "false"}, {"plugins.ml_commons.remote_inference.enabled", "false"}});
  const Result<RegisterInput> local = Register(Body());
  EXPECT_EQ(local.error().reason, "status_exception");
  EXPECT_EQ(local.error().message,
            "Local Model is currently disabled. To enable it, update the setting "
            "\"plugins.ml_commons.local_model.enabled\" to true.");
  json::object remote{{"name", "r"}, {"function_name", "remote"}};
  EXPECT_THAT(Register(remote).error().message, HasSubstr("Remote Inference is currently disabled"));
}

TEST_F(RegisterInputTest, RateLimitersAreChecked) {
  for (const json::value& limit : {json::value(-1), json::value("many"), json::value(true)}) {
    const Result<RegisterInput> input = Register(With("rate_limiter", {{"limit", limit}, {"unit", "SECONDS"}}));
    EXPECT_EQ(input.error().reason, "parse_exception");
    EXPECT_EQ(input.error().message, "Limit field must be a positive number.");
  }
  EXPECT_EQ(RegisterError(With("rate_limiter", {{"limit", 1}, {"unit", "FORTNIGHTS"}})),
            "No enum constant java.util.concurrent.TimeUnit.FORTNIGHTS");
}

TEST_F(RegisterInputTest, InterfacesMustBeSchemas) {
  EXPECT_THAT(RegisterError(With("interface", {{"output", {{"type", "nope"}}}})),
              HasSubstr("[interface.output] is no JSON Schema"));
}

TEST_F(RegisterInputTest, AccessControlIsNoticed) {
  EXPECT_FALSE(Register(Body()).value().wants_access_control);
  EXPECT_TRUE(Register(With("access_mode", "public")).value().wants_access_control);
  EXPECT_FALSE(Register(With("access_mode", "nope")).value().wants_access_control);
  EXPECT_TRUE(Register(With("backend_roles", json::array{"a"})).value().wants_access_control);
  EXPECT_FALSE(Register(With("backend_roles", json::array())).value().wants_access_control);
  EXPECT_TRUE(Register(With("add_all_backend_roles", true)).value().wants_access_control);
}

TEST_F(RegisterInputTest, AChosenIdIsChecked) {
  EXPECT_EQ(Register(With("model_id", "my_Model-1")).value().model.id.str(), "my_Model-1");
  EXPECT_EQ(RegisterError(With("model_id", " ")), "model id is invalid");
  EXPECT_EQ(RegisterError(With("model_id", "_a")), "model id must not start with '_'");
  EXPECT_EQ(RegisterError(With("model_id", "-a")), "model id must not start with '-'");
  EXPECT_EQ(RegisterError(With("model_id", json::string(513, 'a'))), "model id is too long, max length is 512");
  EXPECT_THAT(RegisterError(With("model_id", "a/b")), HasSubstr("must contain only letters"));
  EXPECT_EQ(Meta(With("model_id", "abc")).value().model.id.str(), "abc");
}

TEST_F(RegisterInputTest, WrongKindsAreRefusedWithTheFieldsName) {
  for (const char* field : {"name", "description", "model_config", "rate_limiter", "is_enabled", "url"}) {
    const json::value wrong = std::string_view(field) == "model_config" || std::string_view(field) == "rate_limiter"
                                  ? json::value("text")
                                  : json::value{{"an", "object"}};
    EXPECT_THAT(RegisterError(With(field, wrong)), HasSubstr(field));
  }
}

}  // namespace
}  // namespace mlnode::models
