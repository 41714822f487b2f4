// Whatever a script does ends soon, with bounded memory: each limit, and the tricks to get around them.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "connectors/script/script.h"

namespace mlnode::connectors {
namespace {

struct Case {
  const char* name;
  const char* source;
  const char* message;  // a part
};
constexpr const char* kSteps = "steps";
constexpr const char* kBytes = "bytes of values";

class ScriptLimitsTest : public ::testing::TestWithParam<Case> {};
TEST_P(ScriptLimitsTest, IsKept) {
  const auto script = Script::Compile(GetParam().source);
  ASSERT_TRUE(script) << script.error().message;
  const auto begin = std::chrono::steady_clock::now();
  const auto returned = (*script)->Run({{"docs", json::array{"a", "b"}}}, {.steps = 2'000'000, .bytes = 8U << 20U});
  ASSERT_FALSE(returned);
  EXPECT_EQ(returned.error().code, Code::kResourceExhausted);
  EXPECT_TRUE(returned.error().message.find(GetParam().message) != std::string::npos) << returned.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

INSTANTIATE_TEST_SUITE_P(
    All, ScriptLimitsTest,
    ::testing::Values(
        Case{"EndlessWhile", "while (true) {}", kSteps}, Case{"EndlessFor", "for (;;);", kSteps},
        Case{"EndlessDo", "do { } while (true)", kSteps},
        Case{"Doubling", "String s = 'a'; while (true) { s += s }", kBytes},
        Case{"DoublingByConcat", "def s = 'a'; while (true) { s = s.concat(s) }", kBytes},
        Case{"DoublingByReplace", "def s = 'ab'; while (true) { s = s.replace('b', 'bb') }", kSteps},
        Case{"ReplaceAll", "def s = 'a'.repeat(1000000); return s.replace('a', 'aaaaaaaaaaaaaaaaaaaa')", kBytes},
        Case{"Repeat", "return 'abcdefgh'.repeat(2000000000)", kBytes},
        Case{"RepeatNothing", "return ''.repeat(2000000000)", kSteps},
        Case{"Builder", "def b = new StringBuilder('x'); while (true) { b.append(b) }", kBytes},
        Case{"BuilderLength", "def b = new StringBuilder(); b.setLength(2000000000)", kBytes},
        Case{"List", "def l = []; while (true) { l.add(1) }", "limit"},
        Case{"ListDoubling", "def l = [1]; while (true) { l.addAll(l) }", kBytes},
        Case{"Array", "return new int[2000000000]", kBytes},
        Case{"Map", "def m = [:]; for (int i = 0;; i++) { m[i] = i }", kBytes},
        Case{"SharedLists", "def l = [1]; for (int i = 0; i < 60; i++) { l = [l, l] } return l.toString()", "limit"},
        Case{"SharedListsAsJson", "def l = [1]; for (int i = 0; i < 60; i++) { l = [l, l] } return l", "limit"},
        Case{"SharedListsCompared",
             "def l = [1]; def m = [1]; for (int i = 0; i < 60; i++) { l = [l, l]; m = [m, m] } return l == m", kSteps},
        Case{"SharedListsHashed", "def l = [1]; for (int i = 0; i < 60; i++) { l = [l, l] } return l.hashCode()",
             kSteps},
        Case{"ListInItself", "def l = []; l.add(l); return l.toString()", "nested too deeply"},
        Case{"ListInItselfAsJson", "def l = []; l.add(l); return l", "nested too deeply"},
        Case{"ListInItselfCompared", "def l = []; l.add(l); def m = []; m.add(m); return l == m", "nested too deeply"},
        Case{"MapInItself", "def m = [:]; m.m = m; return '' + m", "nested too deeply"},
        Case{"Recursion", "int f(int n) { return f(n + 1) } return f(0)", "more than 64 deep"},
        Case{"MutualRecursion", "int f() { return g() } int g() { return f() } return f()", "more than 64 deep"},
        Case{"SearchingInCircles", "def s = 'a'.repeat(3000000); int n = 0; while (true) { n += s.indexOf('b') }",
             kSteps},
        Case{"QuadraticSearch",
             "def s = 'a'.repeat(2000000); def t = 'a'.repeat(1000000) + 'b'; while (true) { s.contains(t) }", kSteps},
        Case{"QuadraticSearchOfUnits",
             "def s = '\xC3\xA9' + 'a'.repeat(100000); def t = 'a'.repeat(50000) + 'b'; return s.indexOf(t)", kSteps},
        Case{"QuadraticLastIndex", "def s = 'a'.repeat(2000000); def t = 'a'.repeat(1000000); return s.lastIndexOf(t)",
             kSteps},
        Case{"RemovingInCircles",
             "def l = new ArrayList(Arrays.asList(new int[200000])); for (int i = 0; i < 100000; i++) { l.addAll([1, "
             "2]) } "
             "while (true) { l.add(0, 5); l.remove(0) }",
             "limit"},
        Case{"BuilderLengthInCircles", "def b = new StringBuilder('a'.repeat(2000000)); while (true) { b.length() }",
             kSteps},
        Case{"SortingInCircles",
             "def l = []; for (int i = 0; i < 50000; i++) { l.add(i) } while (true) { Collections.sort(l) }", "limit"},
        Case{"SortingWithContradictions",
             "def l = []; for (int i = 0; i < 1000; i++) { l.add(i) } while (true) { l.sort((a, b) -> 1) }", "limit"},
        Case{"LambdasInCircles", "while (true) { [1, 2].forEach(x -> x) }", "limit"},
        Case{"EscapeInCircles", "def s = '\"'.repeat(1000000); while (true) { escape(s) }", kBytes}),
    [](const ::testing::TestParamInfo<Case>& info) { return std::string(info.param.name); });

TEST(ScriptLimitsTest, DeepExpressionsInDeepCalls) {
  // 64 calls, each under as many brackets as the parser allows.
  std::string source = "int f(int n) { if (n == 0) return 0; return ";
  for (int i = 0; i < 45; ++i) source += "1 - (";
  source += "f(n - 1)";
  for (int i = 0; i < 45; ++i) source += ")";
  source += " } return f(60)";
  const auto script = Script::Compile(source);
  ASSERT_TRUE(script) << script.error().message;
  const auto returned = (*script)->Run({});
  ASSERT_FALSE(returned);
  EXPECT_EQ(returned.error().code, Code::kResourceExhausted);
  EXPECT_EQ(returned.error().message, "script error at line 1: calls and expressions are nested too deeply");
}

TEST(ScriptLimitsTest, TheDefaultsLetAnImageAndAnEmbeddingThrough) {
  const auto script = Script::Compile(
      "def b = new StringBuilder('{\"parameters\":{\"inputImage\":\"'); b.append(params.text_docs[0]); "
      "b.append('\"}}'); return '' + b + ''");
  ASSERT_TRUE(script);
  const auto returned = (*script)->Run({{"text_docs", json::array{std::string(20'000'000, 'x')}}});
  ASSERT_TRUE(returned) << returned.error().message;
  EXPECT_EQ(returned->as_string().size(), 20'000'032U);

  const auto rows = Script::Compile(
      "def b = new StringBuilder('['); for (int m = 0; m < params.e.length; m++) { for (int i = 0; i < "
      "params.e[m].length; i++) {"
      " b.append(params.e[m][i].floatValue()); b.append(',') } } return b.toString()");
  ASSERT_TRUE(rows);
  json::array matrix;
  for (int m = 0; m < 96; ++m) matrix.emplace_back(json::array(1'536, json::value(0.25)));
  const auto flat = (*rows)->Run({{"e", std::move(matrix)}});
  ASSERT_TRUE(flat) << flat.error().message;
  EXPECT_EQ(flat->as_string().size(), 1U + 96U * 1'536U * 5U);
}

}  // namespace
}  // namespace mlnode::connectors
