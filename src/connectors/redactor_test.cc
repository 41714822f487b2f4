#include "connectors/redactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::connectors {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedactorTest, HidesEverySecretButShortOnes) {
  const Redactor redactor({{"a", "sk-secret"}, {"b", "other-key"}, {"c", "short"}});
  EXPECT_EQ(redactor.Hidden("sk-secret, other-key; sk-secretsk-secret short"), "***, ***; ****** short");
  EXPECT_EQ(redactor.Hidden("sk-secre"), "sk-secre");
  EXPECT_EQ(Redactor().Hidden("sk-secret"), "sk-secret");
}

TEST(RedactorTest, SecretsThatBeginOthersLeaveNothing) {
  EXPECT_EQ(Redactor({{"a", "abcdef"}, {"b", "abcdefghij"}}).Hidden("<abcdefghij> <abcdef>"), "<***> <***>");
  EXPECT_EQ(Redactor({{"b", "abcdef"}, {"a", "abcdefghij"}}).Hidden("<abcdefghij> <abcdef>"), "<***> <***>");
  EXPECT_EQ(Redactor({{"a", "xxabcdef"}, {"b", "abcdefyy"}}).Hidden("<xxabcdefyy>"), "<***>") << "overlapping";
  EXPECT_EQ(Redactor({{"a", "aaaaaa"}}).Hidden("<aaaaaaaaaaa>"), "<***>");
}

TEST(RedactorTest, HidesSecretsAsTheyStandInJson) {
  const Redactor redactor({{"k", "pa/ss\"w\xC3\xA9\n"}});
  for (const char* form : {R"(pa\/ss\"w\u00E9\n)", R"(pa/ss\"w\u00e9\n)", R"(pa/ss\"w\u00E9\n)",
                           "pa/ss\\\"w\xC3\xA9\\n", "pa/ss\"w\xC3\xA9\n"})
    EXPECT_EQ(redactor.Hidden(std::string("<") + form + ">"), "<***>") << form;
}

TEST(RedactorTest, NothingOfASecretIsLeftWhereATextIsCut) {
  const std::string secret = "sk-0123456789-0123456789-0123456789";
  const Redactor redactor({{"k", secret}});
  // Several whole ones, which become shorter, so that more of the text comes into view; the last is cut at every place.
  for (std::size_t before = 0; before <= 2 * secret.size(); ++before) {
    const std::string text = std::string(kMaxShownReply - before, 'x') + secret + secret + secret + secret + "tail";
    const std::string shown = redactor.Shown(text);
    EXPECT_THAT(shown, Not(HasSubstr("sk-"))) << before;
    EXPECT_THAT(shown, EndsWith("...")) << before;
    EXPECT_LE(shown.size(), kMaxShownReply + 3);
  }
}

TEST(RedactorTest, AnAnswerKeepsItsNumbers) {
  const Redactor redactor({{"dummy", "123456"}, {"k", "sk-secret"}});
  std::string body = R"({"v":[0.1234567],"echo":"Bearer sk-secret"})";
  redactor.HideInAnswer(body);
  EXPECT_EQ(body, R"({"v":[0.1234567],"echo":"Bearer ***"})");
  EXPECT_EQ(redactor.Shown("id 123456"), "id ***");
}

}  // namespace
}  // namespace mlnode::connectors
