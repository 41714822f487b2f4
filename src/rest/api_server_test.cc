#include "rest/api_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/testing/manual_executor.h"
#include "rest/json_reply.h"
#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

using testing::FakeExchange;
using ::testing::HasSubstr;
using testing::MakeExchange;

// Accepts nothing: a full queue.
class FullExecutor final : public Executor {
 public:
  bool Post(Task) override { return false; }
  Timer PostAfter(Duration, Task) override { return {}; }
};

class ApiServerTest : public ::testing::Test {
 protected:
  ApiServerTest() : server_(Routes(), Environment(background_)) {}

  ApiServer::Environment Environment(Executor& background) {
    return {.background = background,
            .cpu = cpu_,
            .clock = clock_,
            .random = random_,
            .metrics = metrics_,
            .slow_log_millis = slow_millis_};
  }

  static std::unique_ptr<RouteTable> Routes() {
    auto table = std::make_unique<RouteTable>();
    Route echo{.method = "POST",
               .pattern = "/echo/{what}",
               .handler = [](const RequestContext& context) -> Result<net::HttpReply> {
                 return JsonReply(context,
                                  json::object{{"what", context.PathParam("what")}, {"bytes", context.body().size()}});
               },
               .body = BodyUse::kJson,
               .max_body_bytes = 100'000,
               .too_large = "too much to echo"};
    table->Add(echo);
    table->AddAlias("/old/{what}", echo);
    table->Add({.method = "GET", .pattern = "/missing", .handler = [](const RequestContext&) -> Result<net::HttpReply> {
                  return MakeError(Code::kNotFound, "not here");
                }});
    table->Add({.method = "GET", .pattern = "/throws", .handler = [](const RequestContext&) -> Result<net::HttpReply> {
                  throw std::runtime_error("secret text");
                }});
    table->Add({.method = "POST",
                .pattern = "/nodes",
                .handler = [](const RequestContext& context) -> Result<net::HttpReply> {
                  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true));
                  RETURN_IF_ERROR(StringsField(body, "node_ids"));
                  return JsonReply(context, body);
                },
                .body = BodyUse::kJson});
    table->Add({.method = "POST",
                .pattern = "/async",
                .async = [](const std::shared_ptr<RequestContext>& context,
                            Answer answer) { answer(JsonReply(*context, json::object{{"body", context->body()}})); },
                .body = BodyUse::kJson});
    table->Add({.method = "GET",
                .pattern = "/async",
                .async = [](const std::shared_ptr<RequestContext>& context, Answer answer) {
                  answer(JsonReply(*context, json::object{{"async", true}}));
                }});
    return table;
  }

  net::HttpReply Ask(std::shared_ptr<FakeExchange> exchange) {
    server_.Handle(exchange);
    background_.RunUntilIdle();
    EXPECT_EQ(exchange->replies, 1);
    return exchange->answer.value_or(net::HttpReply());
  }
  static net::HttpRequest Head(const char* method, const char* target, std::size_t bytes,
                               const char* type = "application/json") {
    net::HttpRequest request;
    request.method = method;
    request.target = target;
    request.headers.Add("Content-Length", std::to_string(bytes));
    request.headers.Add("Content-Type", type);
    return request;
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor background_{clock_};
  mlnode::testing::ManualExecutor cpu_{clock_};
  mlnode::testing::SeededRandom random_{1};
  std::shared_ptr<std::atomic<std::int64_t>> slow_millis_ = std::make_shared<std::atomic<std::int64_t>>(0);
  Metrics metrics_;
  ApiServer server_;
};

// As recorded from the peer.
TEST_F(ApiServerTest, AWrongFieldIsShownWithItsPlace) {
  const net::HttpReply reply = Ask(MakeExchange("POST", "/nodes", R"({"node_ids": "x"})"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr(R"(found [VALUE_STRING]","line":1,"col":14}],"type":"parsing_exception")"));
}

TEST_F(ApiServerTest, RunsAHandlerOnBackground) {
  auto exchange = MakeExchange("POST", "/echo/a%20b?pretty", "{}");
  server_.Handle(exchange);
  EXPECT_EQ(exchange->replies, 0);
  background_.RunUntilIdle();
  ASSERT_EQ(exchange->replies, 1);
  EXPECT_THAT(exchange->answer->body, HasSubstr(R"("what" : "a b")"));
}

TEST_F(ApiServerTest, AnswersAnAsyncHandlerWithoutBackground) {
  auto exchange = MakeExchange("GET", "/async");
  server_.Handle(exchange);
  ASSERT_EQ(exchange->replies, 1);
  EXPECT_EQ(exchange->answer->body, R"({"async":true})");
}

TEST_F(ApiServerTest, TurnsAnErrorIntoHttp) {
  const net::HttpReply reply = Ask(MakeExchange("GET", "/missing"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.body, HasSubstr("not here"));
}

TEST_F(ApiServerTest, NeverFiltersAnError) {
  EXPECT_THAT(Ask(MakeExchange("GET", "/missing?filter_path=nothing")).body, HasSubstr("not here"));
}

TEST_F(ApiServerTest, TurnsAnExceptionIntoAnInternalErrorWithTheRequestId) {
  net::HttpRequest request;
  request.method = "GET";
  request.target = "/throws";
  request.headers.Add("X-Opaque-Id", "id-7");
  const net::HttpReply reply = Ask(std::make_shared<FakeExchange>(request));
  EXPECT_EQ(reply.status, 500);
  EXPECT_THAT(reply.body, HasSubstr("request id id-7"));
  EXPECT_THAT(reply.body, ::testing::Not(HasSubstr("secret text")));
  EXPECT_EQ(reply.headers.Find("X-Opaque-Id"), "id-7");
}

TEST_F(ApiServerTest, AnUnknownPathIsABadRequest) {
  const net::HttpReply reply = Ask(MakeExchange("GET", "/nope?x=1"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, R"({"error":"no handler found for uri [/nope] and method [GET]"})");
}

TEST_F(ApiServerTest, AWrongMethodNamesTheRightOne) {
  const net::HttpReply reply = Ask(MakeExchange("GET", "/echo/x?y=1"));
  EXPECT_EQ(reply.status, 405);
  EXPECT_THAT(reply.body, HasSubstr("uri [/echo/x?y=1] and method [GET], allowed: [POST]"));
}

TEST_F(ApiServerTest, OptionsTellsTheMethods) {
  const net::HttpReply reply = Ask(MakeExchange("OPTIONS", "/echo/x"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "text/plain; charset=UTF-8");
  EXPECT_EQ(reply.headers.Find("Allow"), "POST");
}

TEST_F(ApiServerTest, RefusesAnUnknownVerbNamingTheKnownOnes) {
  const net::HttpReply reply = Ask(MakeExchange("BREW", "/echo/x"));
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.headers.Find("Allow"), "POST");
  EXPECT_THAT(reply.body, HasSubstr("Unexpected HTTP method, allowed: [POST]"));
  EXPECT_EQ(Ask(MakeExchange("BREW", "/nope")).headers.Find("Allow"), "");
}

TEST_F(ApiServerTest, RefusesABrokenUri) {
  for (const char* target : {"/echo/x?y=%2", "/echo/%zz", "/echo/%ff%fe", "/echo/x?y=%ff", "/echo/x?%c0%80=1",
                             "/nope/\xff", "/missing?y=\xc3"}) {
    const net::HttpReply reply =
        Ask(MakeExchange(std::string_view(target).starts_with("/echo") ? "POST" : "GET", target));
    EXPECT_EQ(reply.status, 400) << target;
    EXPECT_EQ(reply.body, R"({"error":"invalid uri has been requested"})") << target;
  }
}

TEST_F(ApiServerTest, ReplacesARequestIdThatCannotBePrinted) {
  for (const char* id : {"\xff\xfe", "a\x01", "\x7f"}) {
    net::HttpRequest request;
    request.method = "GET";
    request.target = "/throws";
    request.headers.Add("X-Opaque-Id", id);
    const net::HttpReply reply = Ask(std::make_shared<FakeExchange>(request));
    const auto shown = reply.headers.Find("X-Opaque-Id");
    ASSERT_TRUE(shown);
    EXPECT_NE(*shown, id);
    EXPECT_THAT(reply.body, HasSubstr("request id " + std::string(*shown)));
  }
}

TEST_F(ApiServerTest, RefusesAFilterPathBeyondItsLimits) {
  const net::HttpReply reply = Ask(MakeExchange(
      "GET", "/missing?filter_path=" + std::string(100, 'a') + [] {
        std::string many;
        for (int i = 0; i < 64; ++i) many += ",a";
        return many;
      }()));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("[filter_path] has 65 patterns; the limit is 64"));
}

TEST_F(ApiServerTest, ChecksTheContentTypeOfABody) {
  EXPECT_EQ(Ask(MakeExchange("POST", "/echo/x", "{}", "text/plain")).status, 406);
  EXPECT_EQ(Ask(MakeExchange("POST", "/echo/x", "{}", "")).status, 406);
  EXPECT_EQ(Ask(MakeExchange("POST", "/echo/x")).status, 200);
}

TEST_F(ApiServerTest, RefusesUnknownParametersAndUnexpectedBodies) {
  EXPECT_THAT(Ask(MakeExchange("GET", "/missing?nope=1")).body, HasSubstr("unrecognized parameter: [nope]"));
  EXPECT_THAT(Ask(MakeExchange("GET", "/missing", "{}")).body, HasSubstr("does not support having a body"));
}

TEST_F(ApiServerTest, AnOldPathWarns) {
  const net::HttpReply reply = Ask(MakeExchange("POST", "/old/x"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.Find("Warning"),
            "299 OpenSearch-3.4.0-unknown \"[POST /old/{what}] is deprecated! Use [POST /echo/{what}] instead.\"");
}

TEST_F(ApiServerTest, AFullBackgroundIsTooManyRequests) {
  FullExecutor full;
  ApiServer server(Routes(), Environment(full));
  auto exchange = MakeExchange("GET", "/missing");
  server.Handle(exchange);
  ASSERT_EQ(exchange->replies, 1);
  EXPECT_EQ(exchange->answer->status, 429);
  EXPECT_TRUE(exchange->answer->headers.Find("Retry-After"));
}

TEST_F(ApiServerTest, RefusesALargeBodyBeforeItIsRead) {
  const auto reply = server_.CheckHead(Head("POST", "/echo/x", 100'001));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 413);
  EXPECT_THAT(reply->body, HasSubstr("too much to echo"));
  EXPECT_FALSE(server_.CheckHead(Head("POST", "/echo/x", 100'000)));
}

TEST_F(ApiServerTest, RefusesALargeBodyNobodyReads) {
  EXPECT_EQ(server_.CheckHead(Head("POST", "/nope", 1'000'000))->status, 400);
  EXPECT_EQ(server_.CheckHead(Head("PUT", "/echo/x", 1'000'000))->status, 405);
  EXPECT_EQ(server_.CheckHead(Head("POST", "/echo/x", 90'000, "text/plain"))->status, 406);
}

TEST_F(ApiServerTest, ReadsASmallBodyBeforeRefusingIt) {
  EXPECT_FALSE(server_.CheckHead(Head("POST", "/nope", 10)));
  EXPECT_FALSE(server_.CheckHead(Head("POST", "/echo/x", 10, "text/plain")));
}

TEST_F(ApiServerTest, ThePackedSizeOfABodyIsNotItsSize) {
  net::HttpRequest head = Head("POST", "/echo/x", 100'001);
  head.headers.Add("Content-Encoding", "gzip");
  EXPECT_FALSE(server_.CheckHead(head));
}

TEST_F(ApiServerTest, CountsRequestsByRouteAndStatus) {
  Ask(MakeExchange("GET", "/missing"));
  Ask(MakeExchange("GET", "/missing"));
  Ask(MakeExchange("GET", "/nope"));
  const std::string text = metrics_.ToText();
  EXPECT_THAT(text, HasSubstr(R"(mlnode_http_requests_total{route="/missing",status="404"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(mlnode_http_requests_total{route="none",status="400"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(mlnode_http_request_seconds_count{route="/missing"} 2)"));
}

TEST_F(ApiServerTest, WhatHttpRefusesHasTheSameShape) {
  const net::HttpReply reply = server_.Refusal(431, "header too large");
  EXPECT_EQ(reply.status, 431);
  EXPECT_EQ(reply.body, R"({"error":"header too large","status":431})");
}

// Refused by their heads, so no handler and no answer of ours ever sees them.
TEST_F(ApiServerTest, CountsWhatIsRefusedBeforeItsBody) {
  const auto refused = [this](const std::string& method, const std::string& target, const std::string& type) {
    net::HttpRequest head{.method = method, .target = target, .headers = {}, .body = {}, .peer = {}, .received = {}};
    head.headers.Add("Content-Length", "1000000");
    head.headers.Add("Content-Type", type);
    const auto reply = server_.CheckHead(head);
    return reply ? reply->status : 0;
  };
  EXPECT_EQ(refused("DELETE", "/echo/a", "application/json"), 405);
  EXPECT_EQ(RequestsAnswered(metrics_, kNoRoute, 405).Value(), 1);
  EXPECT_EQ(refused("POST", "/echo/a", "text/html"), 406);
  EXPECT_EQ(RequestsAnswered(metrics_, "/echo/{what}", 406).Value(), 1);
  EXPECT_EQ(refused("POST", "/echo/a", "application/json"), 413);
  EXPECT_EQ(RequestsAnswered(metrics_, "/echo/{what}", 413).Value(), 1);
  EXPECT_EQ(server_.Refusal(431, "header").status, 431);
  EXPECT_EQ(RequestsAnswered(metrics_, kNoRoute, 431).Value(), 1);
}

TEST_F(ApiServerTest, HandlersReadEveryFormatAsJson) {
  EXPECT_EQ(Ask(MakeExchange("POST", "/nodes?format=json", "node_ids: [a, \"1\"]", "application/yaml")).body,
            R"({"node_ids":["a","1"]})");
  EXPECT_EQ(Ask(MakeExchange("POST", "/nodes?format=json", "\xa1\x61\x61\x80", "application/cbor")).body,
            R"({"a":[]})");
}

TEST_F(ApiServerTest, AnAsyncHandlerGetsOtherFormatsFromCpu) {
  auto json = MakeExchange("POST", "/async", R"({"a":1})");
  server_.Handle(json);
  EXPECT_EQ(json->replies, 1);  // at once
  auto yaml = MakeExchange("POST", "/async?format=json", "a: 1", "application/yaml");
  server_.Handle(yaml);
  EXPECT_EQ(yaml->replies, 0);
  cpu_.RunUntilIdle();
  ASSERT_EQ(yaml->replies, 1);
  EXPECT_EQ(yaml->answer->body, R"({"body":"{\"a\":1}"})");
}

TEST_F(ApiServerTest, AnAsyncHandlerNeverSeesABodyThatIsWrong) {
  auto exchange = MakeExchange("POST", "/async", "a: *b", "application/yaml");
  server_.Handle(exchange);
  cpu_.RunUntilIdle();
  ASSERT_EQ(exchange->replies, 1);
  EXPECT_EQ(exchange->answer->status, 400);
  EXPECT_EQ(exchange->answer->content_type, "application/yaml");
}

TEST_F(ApiServerTest, AFullCpuIsTooManyRequests) {
  FullExecutor full;
  ApiServer::Environment environment{.background = background_,
                                     .cpu = full,
                                     .clock = clock_,
                                     .random = random_,
                                     .metrics = metrics_,
                                     .slow_log_millis = slow_millis_};
  ApiServer server(Routes(), environment);
  auto exchange = MakeExchange("POST", "/async", "a: 1", "application/yaml");
  server.Handle(exchange);
  ASSERT_EQ(exchange->replies, 1);
  EXPECT_EQ(exchange->answer->status, 429);
}

TEST_F(ApiServerTest, AWrongFieldIsShownWithItsPlaceInTheYaml) {
  const net::HttpReply reply =
      Ask(MakeExchange("POST", "/nodes?format=json", "a: 1\nnode_ids: x\n", "application/yaml"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr(R"("line":2,"col":11)"));
}

TEST_F(ApiServerTest, AnswersInTheFormatAskedFor) {
  net::HttpReply reply = Ask(MakeExchange("GET", "/missing?format=yaml"));
  EXPECT_EQ(reply.content_type, "application/yaml");
  EXPECT_EQ(reply.body,
            "---\nerror:\n  root_cause:\n  - type: \"status_exception\"\n    reason: \"not here\"\n"
            "  type: \"status_exception\"\n  reason: \"not here\"\nstatus: 404\n");
  reply = Ask(MakeExchange("GET", "/nope?format=yaml"));
  EXPECT_EQ(reply.body, "---\nerror: \"no handler found for uri [/nope] and method [GET]\"\n");
  reply = Ask(MakeExchange("POST", "/echo/x?format=cbor&filter_path=bytes", "{}"));
  EXPECT_EQ(reply.content_type, "application/cbor");
  EXPECT_EQ(reply.body,
            "\xa1\x65"
            "bytes\x02");
}

TEST_F(ApiServerTest, ARefusalBeforeTheBodyHasTheFormatToo) {
  EXPECT_EQ(server_.CheckHead(Head("POST", "/echo/x?format=yaml", 100'001))->body,
            "---\nerror:\n  root_cause:\n  - type: \"status_exception\"\n    reason: \"too much to echo\"\n"
            "  type: \"status_exception\"\n  reason: \"too much to echo\"\nstatus: 413\n");
}

}  // namespace
}  // namespace mlnode::rest
