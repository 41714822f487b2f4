#include "rest/content/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "rest/content/cbor_reader.h"
#include "rest/route_table.h"
#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using ::testing::HasSubstr;

class ReadBodyTest : public ::testing::Test {
 protected:
  RequestContext Make(std::string body, std::string type) {
    RequestContext context;
    context.exchange = testing::MakeExchange("POST", "/x", std::move(body), std::move(type));
    context.route = &route_;
    return context;
  }
  Route route_{.method = "POST", .pattern = "/x", .body = BodyUse::kJson};
};

TEST_F(ReadBodyTest, LeavesJsonWhereItIs) {
  RequestContext context = Make(R"({"a":1})", "application/json");
  EXPECT_FALSE(NeedsConversion(context));
  ASSERT_TRUE(ReadBody(context));
  EXPECT_FALSE(context.json_body);
  EXPECT_EQ(context.body().data(), context.http().body.data());
}

TEST_F(ReadBodyTest, TurnsYamlAndCborIntoJson) {
  RequestContext yaml = Make("a: 1", "Application/X-YAML; charset=utf-8");
  EXPECT_TRUE(NeedsConversion(yaml));
  ASSERT_TRUE(ReadBody(yaml));
  EXPECT_EQ(yaml.body(), R"({"a":1})");
  RequestContext cbor = Make("\xa1\x61\x61\x01", "application/cbor");
  ASSERT_TRUE(ReadBody(cbor));
  EXPECT_EQ(cbor.body(), R"({"a":1})");
}

TEST_F(ReadBodyTest, LeavesRawBytesAlone) {
  route_.body = BodyUse::kRaw;
  RequestContext context = Make("\xa1\x61\x61\x01", "application/cbor");
  EXPECT_FALSE(NeedsConversion(context));
  ASSERT_TRUE(ReadBody(context));
  EXPECT_EQ(context.body(), "\xa1\x61\x61\x01");
}

TEST_F(ReadBodyTest, RefusesTooMuch) {
  RequestContext context = Make(std::string(kMaxConvertedBytes + 1, ' '), "application/yaml");
  Status read = ReadBody(context);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kTooLarge);
  EXPECT_THAT(read.error().message, HasSubstr("16777217 bytes is larger than the limit of 16777216 bytes for YAML"));
  route_.max_body_bytes = 10;
  context = Make("\x84\xf6\xf6\xf6\xf6", "application/cbor");
  read = ReadBody(context);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "request body is larger than 10 bytes as JSON");
}

TEST_F(ReadBodyTest, LocatesErrorsInWhatWasSent) {
  Error error = MakeError(Code::kInvalidArgument, "about b");
  error.json_pointer = "/b";
  RequestContext json = Make(R"({"a":1,"b":2})", "application/json");
  EXPECT_EQ(LocateInBody(error, json).position->column, 12U);
  RequestContext yaml = Make("a: 1\nb: 2\n", "application/yaml");
  EXPECT_FALSE(LocateInBody(error, yaml).position);  // not read yet
  ASSERT_TRUE(ReadBody(yaml));
  EXPECT_EQ(LocateInBody(error, yaml).position->line, 2U);
  RequestContext cbor = Make("\xa2\x61\x61\x01\x61\x62\x02", "application/cbor");
  ASSERT_TRUE(ReadBody(cbor));
  EXPECT_FALSE(LocateInBody(error, cbor).position);
}

net::HttpReply Json(std::string body) {
  net::HttpReply reply;
  reply.body = std::move(body);
  return reply;
}

TEST(PrintAnswerTest, PrintsAsAskedFor) {
  net::HttpReply reply = Json(R"({"a":0.1})");
  PrintAnswer(ContentFormat::kJson, reply);
  EXPECT_EQ(reply.body, R"({"a":0.1})");
  PrintAnswer(ContentFormat::kYaml, reply);
  EXPECT_EQ(reply.body, "---\na: 0.1\n");
  EXPECT_EQ(reply.content_type, "application/yaml");
  reply = Json("{\n  \"a\" : 0.1\n}\n");  // pretty
  PrintAnswer(ContentFormat::kCbor, reply, CborFloats::kSingle);
  EXPECT_EQ(reply.body, "\xa1\x61\x61\xfa\x3d\xcc\xcc\xcd");
  EXPECT_EQ(reply.content_type, "application/cbor");
}

TEST(PrintAnswerTest, LeavesWhatIsNoJson) {
  net::HttpReply text = Json("1 2");
  text.content_type = "text/plain; charset=UTF-8";
  PrintAnswer(ContentFormat::kYaml, text);
  EXPECT_EQ(text.body, "1 2");
  net::HttpReply empty = Json("");
  PrintAnswer(ContentFormat::kCbor, empty);
  EXPECT_EQ(empty.content_type, "application/json; charset=UTF-8");
}

}  // namespace
}  // namespace mlnode::rest
