// The expected signatures are those of AWS's published Signature Version 4 test suite (aws-sig-v4-test-suite), each
// recomputed with botocore 1.43; the Bedrock and Host ones are botocore's.
#include "connectors/transport/sigv4.h"

#include <gtest/gtest.h>

#include <string>

namespace mlnode::connectors {
namespace {

constexpr EpochMillis kAt = 1'440'938'160'000;  // 2015-08-30T12:36:00Z
constexpr const char* kEmptyRoot = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

OutgoingRequest Request(std::string method, const std::string& target, SigningKey key = {}) {
  key.access_key = "AKIDEXAMPLE";
  key.secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  key.region = "us-east-1";
  if (key.service.empty()) key.service = "service";
  OutgoingRequest request;
  request.method = std::move(method);
  request.url = "https://example.amazonaws.com" + target;
  request.signing = std::make_shared<const SigningKey>(std::move(key));
  return request;
}

std::string After(std::string_view text, std::string_view mark) {
  const auto at = text.find(mark);
  if (at == std::string_view::npos) return {};
  const auto rest = text.substr(at + mark.size());
  return std::string(rest.substr(0, rest.find(',')));
}

std::string Authorization(OutgoingRequest request) {
  EXPECT_TRUE(SignV4(request, kAt).has_value());
  EXPECT_EQ(request.headers.Find("x-amz-date"), "20150830T123600Z");
  return std::string(request.headers.Find("authorization").value_or(""));
}

std::string Signature(OutgoingRequest request) { return After(Authorization(std::move(request)), "Signature="); }

TEST(SigV4Test, SignsAsTheSuiteDoes) {
  EXPECT_EQ(Authorization(Request("GET", "/")),
            std::string("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                        "SignedHeaders=host;x-amz-date, Signature=") +
                kEmptyRoot);
  EXPECT_EQ(Signature(Request("POST", "/")), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
}

TEST(SigV4Test, OrdersAndEncodesTheQuery) {
  const std::string unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(Signature(Request("GET", "/?Param2=value2&Param1=value1")),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  EXPECT_EQ(Signature(Request("GET", "/?Param1=value2&Param1=value1")),
            "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694");
  EXPECT_EQ(Signature(Request("GET", "/?" + unreserved + "=" + unreserved)),
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197");
  EXPECT_EQ(Signature(Request("GET", "/?%E1%88%B4=bar")),
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
  EXPECT_EQ(Signature(Request("GET", "/?\xE1\x88\xB4=bar")),
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
}

TEST(SigV4Test, NormalisesThePath) {
  for (const char* path : {"/example/..", "/example1/example2/../..", "//", "/./", "/.."}) {
    EXPECT_EQ(Signature(Request("GET", path)), kEmptyRoot) << path;
  }
  EXPECT_EQ(Signature(Request("GET", "//example//")),
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84");
  EXPECT_EQ(Signature(Request("GET", "/./example")),
            "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5");
  EXPECT_EQ(Signature(Request("GET", "/example space/")),
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741");
  EXPECT_EQ(Signature(Request("GET", "/\xE1\x88\xB4")),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
  EXPECT_EQ(Signature(Request("GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")),
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
}

TEST(SigV4Test, SignsTheConnectorsHeaders) {
  auto form = Request("POST", "/");
  form.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  form.body = "Param1=value1";
  EXPECT_EQ(Signature(form), "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
  auto trimmed = Request("GET", "/");
  trimmed.headers.Add("My-Header1", " value1");
  trimmed.headers.Add("My-Header2", " \"a   b   c\"");
  EXPECT_EQ(After(Authorization(trimmed), "SignedHeaders="), "host;my-header1;my-header2;x-amz-date");
  EXPECT_EQ(Signature(trimmed), "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
  auto upper = Request("POST", "/");
  upper.headers.Add("My-Header1", "VALUE1");
  EXPECT_EQ(Signature(upper), "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d");
}

TEST(SigV4Test, JoinsTheValuesOfOneName) {
  auto twice = Request("GET", "/");
  twice.headers.Add("My-Header1", "value1");
  twice.headers.Add("my-header1", "value2");
  auto once = Request("GET", "/");
  once.headers.Add("My-Header1", "value1,value2");
  EXPECT_EQ(Signature(twice), Signature(once));
}

TEST(SigV4Test, SignsTheSessionToken) {
  SigningKey key;
  key.session_token =
      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt"
      "hAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVX"
      "AkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA"
      "==";
  auto request = Request("POST", "/", key);
  EXPECT_EQ(Signature(request), "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
  ASSERT_TRUE(SignV4(request, kAt).has_value());
  EXPECT_EQ(request.headers.Find("X-Amz-Security-Token"), key.session_token);
}

TEST(SigV4Test, SignsABedrockPathWithAColon) {
  SigningKey key;
  key.service = "bedrock";
  auto encoded = Request("POST", "", key);
  encoded.url =
      "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-sonnet-20240229-v1%3A0/invoke";
  encoded.headers.Add("Content-Type", "application/json");
  encoded.body = R"({"inputText":"hi"})";
  EXPECT_EQ(Signature(encoded), "3ed5ad8c2bea52b32819f91ee0838c97dcce0393ccc6c831c01f851d13d3cd30");
  auto plain = encoded;
  plain.url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-sonnet-20240229-v1:0/invoke";
  EXPECT_EQ(Signature(plain), "93621955a159fdc2ce4c5dabdc38213c49c49ae30e4e455c5b7536ed68f724d9");
}

TEST(SigV4Test, LeavesThePathOfS3AsItIs) {
  SigningKey key;
  key.service = "s3";
  EXPECT_NE(Signature(Request("GET", "//a", key)), Signature(Request("GET", "/a", key)));
}

TEST(SigV4Test, ReplacesWhatItMakes) {
  auto request = Request("GET", "/");
  request.headers.Add("authorization", "Bearer other");
  request.headers.Add("X-Amz-Date", "20000101T000000Z");
  request.headers.Add("X-Amz-Security-Token", "old");
  EXPECT_EQ(Signature(request), kEmptyRoot);
  ASSERT_TRUE(SignV4(request, kAt).has_value());
  ASSERT_TRUE(SignV4(request, kAt).has_value());  // a second attempt
  EXPECT_EQ(request.headers.Count("authorization"), 1U);
  EXPECT_EQ(request.headers.Count("x-amz-date"), 1U);
  EXPECT_EQ(request.headers.Count("x-amz-security-token"), 0U);
}

TEST(SigV4Test, LeavesOutWhatTheClientWrites) {
  auto request = Request("GET", "/");
  request.headers.Add("User-Agent", "mlnode");
  request.headers.Add("Content-Length", "0");
  request.headers.Add("Connection", "close");
  EXPECT_EQ(Signature(request), kEmptyRoot);
}

TEST(SigV4Test, FillsInTheContentHashWhereItIsAskedFor) {
  auto request = Request("POST", "/");
  request.headers.Add("x-amz-content-sha256", "required");
  request.body = "Param1=value1";
  ASSERT_TRUE(SignV4(request, kAt).has_value());
  EXPECT_EQ(request.headers.Find("x-amz-content-sha256"),
            "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e");
  auto unsigned_body = Request("POST", "/");
  unsigned_body.headers.Add("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
  auto other = unsigned_body;
  other.body = "anything";
  EXPECT_EQ(Signature(unsigned_body), Signature(other));
}

TEST(SigV4Test, HashesTheBodyOnceForAllAttempts) {
  OutgoingRequest request;
  request.method = "POST";
  request.url = "https://bedrock-runtime.us-east-1.amazonaws.com/x";
  request.body = "{}";
  HashBody(request);
  EXPECT_EQ(request.body_hash, "") << "not signed";
  request.signing = std::make_shared<const SigningKey>(SigningKey{"AKID", "secret", "", "us-east-1", "bedrock"});
  HashBody(request);
  EXPECT_EQ(request.body_hash, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  const auto signature = [](OutgoingRequest signed_request) {
    EXPECT_TRUE(SignV4(signed_request, 0));
    return std::string(*signed_request.headers.Find("Authorization"));
  };
  OutgoingRequest unknown = request;
  unknown.body_hash.clear();
  EXPECT_EQ(signature(request), signature(unknown));
  OutgoingRequest other = request;
  other.body = "not read again";
  EXPECT_EQ(signature(request), signature(other));
  request.headers.Add("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
  HashBody(request);
  EXPECT_EQ(request.body_hash, "") << "not part of the signature";
}

TEST(SigV4Test, TheHostFollowsTheUrlAsTheClientWritesIt) {
  auto with_port = Request("GET", "/");
  with_port.url = "https://example.amazonaws.com:443/";
  EXPECT_EQ(Signature(with_port), kEmptyRoot);
  with_port.url = "https://example.amazonaws.com:8443/";
  EXPECT_NE(Signature(with_port), kEmptyRoot);
}

TEST(SigV4Test, NeedsAUrl) {
  auto request = Request("GET", "/");
  request.url = "nowhere";
  EXPECT_EQ(SignV4(request, kAt).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace mlnode::connectors
