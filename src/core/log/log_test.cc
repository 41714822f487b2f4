#include "core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.h"
#include "core/log/log_format.h"

namespace mlnode {
namespace {
using testing::EndsWith;
using testing::HasSubstr;

constexpr EpochMillis kAt = 1'769'903'998'123;  // 2026-01-31T23:59:58.123Z

TEST(LogFormatTest, TextHasTimeLevelPartRequestAndMessage) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, {kAt, LogLevel::kWarn, "deploy", "req-1", "model m"}),
            "2026-01-31T23:59:58.123Z WARN  [deploy] {req-1} model m");
  EXPECT_EQ(FormatLogLine(LogFormat::kText, {kAt, LogLevel::kError, "net", "", "gone"}),
            "2026-01-31T23:59:58.123Z ERROR [net] gone");
}

TEST(LogFormatTest, JsonIsOneObject) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, {kAt, LogLevel::kInfo, "deploy", "req-1", "m"}),
            R"({"ts":"2026-01-31T23:59:58.123Z","level":"info","part":"deploy","request_id":"req-1","msg":"m"})");
  EXPECT_THAT(FormatLogLine(LogFormat::kJson, {kAt, LogLevel::kInfo, "deploy", "", "m"}), Not(HasSubstr("request_id")));
}

TEST(LogFormatTest, MessagesCannotForgeLinesOrJson) {
  const std::string nasty = "a\nb\r\x1b[31m\"q\"\\\x7f\xff\xc2\x9b é";
  EXPECT_THAT(FormatLogLine(LogFormat::kText, {kAt, LogLevel::kInfo, "x", "i\nd", nasty}),
              EndsWith("{i\\nd} a\\nb\\u000d\\u001b[31m\"q\"\\\\u007f\xEF\xBF\xBD\\u009b é"));
  const auto parsed = ParseJsonObject(FormatLogLine(LogFormat::kJson, {kAt, LogLevel::kInfo, "x", "i\"d", nasty}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->at("msg").as_string(), "a\nb\r\x1b[31m\"q\"\\\x7f\xEF\xBF\xBD\xc2\x9b é");
  EXPECT_EQ(parsed->at("request_id").as_string(), "i\"d");
}

TEST(LogFormatTest, LevelNamesReadBack) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    EXPECT_EQ(ParseLogLevel(LogLevelName(level)), level);
  }
  EXPECT_EQ(ParseLogLevel("loud"), std::nullopt);
}

TEST(LogFormatTest, TimesBeforeTheEpochAreRight) { EXPECT_EQ(FormatUtc(-1), "1969-12-31T23:59:59.999Z"); }

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { InitLog(LogLevel::kWarn, LogFormat::kText); }
  template <class F>
  static std::string Capture(F&& body) {
    testing::internal::CaptureStderr();
    body();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, WritesOnlyEnabledLevels) {
  int evaluated = 0;
  const std::string text = Capture([&] {
    LOG_INFO("core", "hidden {}", ++evaluated);
    LOG_WARN("core", "shown {}", 1);
    SetLogLevel(LogLevel::kDebug);
    LOG_DEBUG("core", "debug");
  });
  EXPECT_EQ(evaluated, 0);
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
  EXPECT_THAT(text, HasSubstr("WARN  [core] shown 1\n"));
  EXPECT_THAT(text, EndsWith("DEBUG [core] debug\n"));
}

TEST_F(LogTest, RequestScopesNest) {
  InitLog(LogLevel::kInfo, LogFormat::kText);
  const std::string text = Capture([] {
    const LogRequestScope outer("outer");
    {
      const LogRequestScope inner("inner");
      LOG_INFO("core", "one");
    }
    LOG_INFO("core", "two");
  });
  EXPECT_THAT(text, HasSubstr("{inner} one"));
  EXPECT_THAT(text, HasSubstr("{outer} two"));
}

TEST_F(LogTest, BracesInMessagesAreText) {
  EXPECT_THAT(Capture([] { LogLine(LogLevel::kError, "core", "{} %v {0}"); }), EndsWith("[core] {} %v {0}\n"));
}

}  // namespace
}  // namespace mlnode
