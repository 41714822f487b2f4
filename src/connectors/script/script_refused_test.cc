// What is outside the subset is refused when the script is compiled, and faults of a script when it runs, both with the
// line.
#include <gtest/gtest.h>

#include <string>

#include "connectors/script/script.h"

namespace mlnode::connectors {
namespace {

struct Case {
  const char* source;
  const char* message;  // after "script error at "
};

class ScriptRefusedTest : public ::testing::TestWithParam<Case> {};
TEST_P(ScriptRefusedTest, WhenCompiled) {
  const auto script = Script::Compile(GetParam().source);
  ASSERT_FALSE(script) << GetParam().source;
  EXPECT_EQ(script.error().code, Code::kInvalidArgument);
  EXPECT_EQ(script.error().message, std::string("script error at ") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, ScriptRefusedTest,
    ::testing::Values(
        Case{"return 1 +", "line 1: an expression is missing before 'end of the script'"},
        Case{"\n\nreturn x", "line 3: there is no variable x"},
        Case{"return System.currentTimeMillis()", "line 1: class System is outside the subset"},
        Case{"return Math.random()", "line 1: method Math.random is outside the subset"},
        Case{"return 'a'.getClass()", "line 1: method getClass is outside the subset"},
        Case{"return 'a'.matches('x')", "line 1: method matches is outside the subset"},
        Case{"return 'a' =~ /x/", "line 1: regular expressions are outside the subset"},
        Case{"def p = /x/", "line 1: regular expressions are outside the subset"},
        Case{"return [1].stream()", "line 1: method stream is outside the subset"},
        Case{"return [1].collect(Integer::toString)", "line 1: a function of the form x -> ... is missing"},
        Case{"def f = Integer::parseInt", "line 1: references to methods (Integer::) are outside the subset"},
        Case{"return new File('x')", "line 1: class File is outside the subset"},
        Case{"return new String('x')", "line 1: new String is outside the subset"},
        Case{"ZonedDateTime t = null", "line 1: 'ZonedDateTime' is no type of the subset"},
        Case{"return Integer.SIZE", "line 1: Integer.SIZE is outside the subset"},
        Case{"return doc['x']", "line 1: there is no variable doc"},
        Case{"try { } catch (Exception e) { }", "line 1: 'try' is outside the subset"},
        Case{"int x = 1; int x = 2", "line 1: variable x is there already"},
        Case{"int x = 1; for (int x = 0;;) {}", "line 1: variable x is there already"},
        Case{"int f() { return 1 } int f() { return 2 }", "line 1: function f is there already"},
        Case{"return f(1)", "line 1: there is no function f with 1 arguments"},
        Case{"return escape()", "line 1: there is no function escape with 0 arguments"},
        Case{"return 'a'.charAt()", "line 1: method charAt does not take that many arguments"},
        Case{"return 'a'.length(1)", "line 1: method length does not take that many arguments"},
        Case{"break", "line 1: 'break' outside a loop"},
        Case{"while (true) { [1].forEach(x -> { continue }) }", "line 1: 'continue' outside a loop"},
        Case{"1 = 2", "line 1: nothing can be assigned to what stands before '='"},
        Case{"params.a() ", "line 1: method a is outside the subset"},
        Case{"f()++", "line 1: only a variable, a field or an item can be counted up or down"},
        Case{"return 'abc", "line 1: a string does not end"},
        Case{"return '\\x'", R"(line 1: of escapes in a string there are \\, \", \', \n, \r and \t)"},
        Case{"/* x", "line 1: a comment does not end"},
        Case{"return 3000000000", "line 1: this is no int; a long ends with L"},
        Case{"return 12abc", "line 1: a number and letters run together"},
        Case{"return @", "line 1: a character that no script has here"},
        Case{"if (true) {", "line 1: a block does not end: '}' is missing"},
        Case{"return [1, 'a': 2]", "line 1: a list and a map are mixed"},
        Case{"int a = 1 int b", "line 1: ';' is missing before 'int'"},
        Case{"void x = 1", "line 1: a variable cannot be void"},
        Case{"void f() { return 1 }", "line 1: a void function returns nothing"},
        Case{"throw 'x'", "line 1: of exceptions only a new one can be thrown"},
        Case{"throw new Thread()", "line 1: Thread is no exception"},
        Case{"return new int[2][3]", "line 1: arrays of arrays are outside the subset"},
        Case{"for (int i = 0; i < 1) {}", "line 1: ';' is missing before ')'"},
        Case{"return 1 ? 2", "line 1: ':' is missing before 'end of the script'"}));

class ScriptFaultTest : public ::testing::TestWithParam<Case> {};
TEST_P(ScriptFaultTest, WhenItRuns) {
  const auto script = Script::Compile(GetParam().source);
  ASSERT_TRUE(script) << script.error().message;
  const auto returned = (*script)->Run({{"list", json::array{1}}, {"text", "a"}});
  ASSERT_FALSE(returned) << ToJson(*returned);
  EXPECT_EQ(returned.error().code, Code::kInvalidArgument);
  EXPECT_EQ(returned.error().message, std::string("script error at ") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, ScriptFaultTest,
    ::testing::Values(
        Case{"def x = 1;\nreturn params.a\n  .b.c", "line 3: field b of null"},
        Case{"return params.a.length()", "line 1: a method is called on null"},
        Case{"return params.text.x", "line 1: a String has no field x"},
        Case{"return params.list[1]", "line 1: index 1 is out of bounds for length 1"},
        Case{"return params.list['a']", "line 1: a String is not an index"},
        Case{"return params.a[0]", "line 1: an item of null"}, Case{"return 1 / 0", "line 1: / by zero"},
        Case{"return 1 % 0", "line 1: / by zero"},
        Case{"return 'a' - 1", "line 1: this cannot be done with a String and an int"},
        Case{"return null + 1", "line 1: this cannot be done with null and an int"},
        Case{"int x = params.a", "line 1: null where an int is needed"},
        Case{"int x = 1.5", "line 1: a double is not an int"}, Case{"String s = 1", "line 1: an int is not a String"},
        Case{"Map m = []", "line 1: a List is not a Map"},
        Case{"String s = (String) 5", "line 1: an int is not a String"},
        Case{"if ('a') {}", "line 1: a String is no condition"}, Case{"return !1", "line 1: an int is no condition"},
        Case{"return -'a'", "line 1: a String has no sign"},
        Case{"for (x in 5) {}", "line 1: an int cannot be gone through"},
        Case{"def l = [1, 2]; for (x in l) { l.add(x) }", "line 1: a list is changed while it is gone through"},
        Case{"params.a.b = 1", "line 1: something is assigned to a field or item of null"},
        Case{"params.text.b = 1", "line 1: nothing can be assigned to a part of a String"},
        Case{"throw new IllegalArgumentException('no ' + 'input')", "line 1: no input"},
        Case{"if (true) {\n throw new RuntimeException() }", "line 2: an exception without a message"},
        Case{"return 1.0 / 0", "line 1: the script returns a number that is not finite"},
        Case{"return ['a': 1].entrySet()", "line 1: the script returns a Map.Entry"},
        Case{"int f(int x) { return x } return f('a')", "line 1: a String is not an int"},
        Case{"[1].forEach((a, b) -> a)", "line 1: the function is given 1 values"},
        Case{"def l = []; l[0] = 1", "line 1: index 0 is out of bounds for length 0"},
        Case{"return new int[-1]", "line 1: a length cannot be negative"}));

TEST(ScriptRefusedTest, SourcesThatAreTooLongOrNoText) {
  const auto longest = Script::Compile(std::string(Script::kMaxSourceBytes, ' '));
  EXPECT_TRUE(longest) << longest.error().message;
  const auto longer = Script::Compile(std::string(Script::kMaxSourceBytes + 1, ' '));
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().message, "script error: the source has 65537 bytes, at most 65536 are allowed");
  const auto bytes = Script::Compile("return '\xFF'");
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().message, "script error: the source is not UTF-8");
}

TEST(ScriptRefusedTest, DeepNesting) {
  const std::vector<std::pair<std::string, std::string>> brackets = {{"(", ")"}, {"[", "]"}, {"-", ""},
                                                                     {"!", ""},  {"{", "}"}, {"if (true) ", ";"}};
  for (const auto& [open, close] : brackets) {
    std::string source;
    for (int i = 0; i < 3'000; ++i) source += open;
    source += "1";
    for (int i = 0; i < 3'000; ++i) source += close;
    const auto script = Script::Compile(source);
    ASSERT_FALSE(script) << open;
    EXPECT_EQ(script.error().message, "script error at line 1: expressions or statements are nested too deeply")
        << open;
  }
}

TEST(ScriptRefusedTest, LongChainsAreNotDeep) {
  std::string sum = "return 0";
  std::string calls = "return new StringBuilder()";
  std::string both = "return true";
  for (int i = 0; i < 2'000; ++i) sum += " + 1", both += " && true";
  for (int i = 0; i < 200; ++i) calls += ".append(1)";
  EXPECT_EQ(ToJson((*Script::Compile(sum))->Run({}).value()), "2000");
  EXPECT_EQ(ToJson((*Script::Compile(both))->Run({}).value()), "true");
  EXPECT_EQ(ToJson((*Script::Compile(calls))->Run({}).value()).size(), 202U);
  for (int i = 0; i < 200; ++i) calls += ".append(1)";
  EXPECT_FALSE(Script::Compile(calls));
}

}  // namespace
}  // namespace mlnode::connectors
