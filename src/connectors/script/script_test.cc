// The language: what Java programmers expect of each construct. Methods: script_methods_test.cc; what is refused:
// script_refused_test.cc; limits: script_limits_test.cc.
#include "connectors/script/script.h"

#include <gtest/gtest.h>

#include <string>

namespace mlnode::connectors {
namespace {

struct Case {
  const char* name;
  const char* source;
  const char* returned;  // JSON
  const char* params = "{}";
};

std::string RunToJson(const Case& test) {
  const auto script = Script::Compile(test.source);
  if (!script) return script.error().message;
  const auto params = ParseJsonObject(test.params);
  if (!params) return params.error().message;
  const auto returned = (*script)->Run(*params);
  return returned ? ToJson(*returned) : returned.error().message;
}

class ScriptTest : public ::testing::TestWithParam<Case> {};
TEST_P(ScriptTest, Returns) { EXPECT_EQ(RunToJson(GetParam()), GetParam().returned); }
std::string NameOf(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Numbers, ScriptTest,
    ::testing::Values(
        Case{"IntegerDivisionTruncates", "return 7 / 2", "3"}, Case{"NegativeDivision", "return -7 / 2", "-3"},
        Case{"RemainderHasTheSignOfTheLeft", "return -7 % 3", "-1"}, Case{"RealDivision", "return 7 / 2.0", "3.5"},
        Case{"IntWraps", "int x = 2147483647; x += 1; return x", "-2147483648"},
        Case{"IntTimesIntWraps", "return 65536 * 65536", "0"},
        Case{"LongDoesNotWrapAtInt", "return 65536L * 65536", "4294967296"},
        Case{"LeastByMinusOne", "return -2147483648 / -1", "-2147483648"},
        Case{"CastCutsDecimals", "return (int) 3.9 + (int) -3.9", "0"},
        Case{"CastSaturates", "return (int) 1e20", "2147483647"}, Case{"CastToByteWraps", "return (byte) 300", "44"},
        Case{"CastOfNaN", "return (int) Double.NaN", "0"},
        Case{"FloatPrintsShort", "return '' + (float) 0.1", "\"0.1\""},
        Case{"DoublePrintsPoint", "return '' + 5.0", "\"5.0\""},
        Case{"SmallDouble", "return '' + 0.00001", "\"1.0E-5\""},
        Case{"LargeDouble", "return '' + 1.5e10", "\"1.5E10\""},
        Case{"BelowTenMillion", "return '' + 9999999.0", "\"9999999.0\""},
        Case{"AboveAThousandth", "return '' + 0.00125", "\"0.00125\""},
        Case{"Infinity", "return '' + 1.0 / 0", "\"Infinity\""}, Case{"Hex", "return 0xFF", "255"},
        Case{"Octal", "return 010", "8"}, Case{"Shifts", "return (1 << 33) + (-8 >> 1) + (-8 >>> 28)", "13"},
        Case{"Bits", "return (6 & 3) | (8 ^ 12)", "6"}, Case{"Not", "return ~5", "-6"},
        Case{"CharIsANumber", "char c = (char) 'a'; return c + 1", "98"},
        Case{"CharPrintsAsText", "return '' + (char) 98", "\"b\""}, Case{"IntEqualsDouble", "return 1 == 1.0", "true"},
        Case{"CompareMixed", "return 2 > 1.5 && 1L <= 1", "true"},
        Case{"NaNIsNotItself", "return Double.NaN == Double.NaN", "false"},
        Case{"Increment", "int i = 5; return i++ * 10 + ++i", "57"},
        Case{"Decrement", "def i = 5; i--; --i; return i", "3"},
        Case{"CompoundCasts", "int x = 7; x *= 1.5; return x", "10"}, Case{"PlusSign", "return +'a'.length()", "1"},
        Case{"Precedence", "return 2 + 3 * 4 - 10 / 5 % 3", "12"},
        Case{"LongLiteral", "return 5000000000L", "5000000000"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Texts, ScriptTest,
    ::testing::Values(Case{"NumbersBeforeTextAreAdded", "return 1 + 2 + 'a' + 1 + 2", "\"3a12\""},
                      Case{"NullPrints", "return 'a' + null", "\"anull\""},
                      Case{"BooleanPrints", "return 'a' + true", "\"atrue\""},
                      Case{"ListPrints", "return '' + [1, 'b', 2.5, null]", "\"[1, b, 2.5, null]\""},
                      Case{"MapPrints", "return '' + ['a': 1, 'b': [:]]", "\"{a=1, b={}}\""},
                      Case{"EqualityIsOfContents", "String a = 'x'; return a + 'y' == 'xy'", "true"},
                      Case{"IdentityIsNot", "String a = 'x'; return (a + 'y') === 'xy'", "false"},
                      Case{"UpdateAppends", "String s = 'a'; s += 1; s += 'b'; return s", "\"a1b\""},
                      Case{"BothQuotes", R"(return "it's" + 'a "b"')", R"("it'sa \"b\"")"},
                      Case{"Escapes", R"(return 'a\'b\\c' + "\"")", R"("a'b\\c\"")"},
                      Case{"LineBreakInAString", "return 'a\nb'", R"("a\nb")"},
                      Case{"Comments", "// one\nreturn /* two\n */ 'x' // three", "\"x\""},
                      Case{"CharsJoin", "return 'ab'.charAt(0) + 'c'", "\"ac\""},
                      Case{"TwoCharsAdd", "return 'ab'.charAt(0) + 'ab'.charAt(1)", "195"},
                      Case{"SubtractionEndsAChain", "return 5 - 2 + 'a'", "\"3a\""}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Flow, ScriptTest,
    ::testing::Values(
        Case{"IfElse", "if (1 > 2) return 'a'; else if (2 > 3) { return 'b' } else return 'c'", "\"c\""},
        Case{"While", "int i = 0; while (i < 5) { i += 2 } return i", "6"},
        Case{"DoWhile", "int i = 9; do { i++; } while (i < 5); return i", "10"},
        Case{"For", "int s = 0; for (int i = 0; i < 4; i++) { s += i } return s", "6"},
        Case{"ForWithoutParts", "int i = 0; for (;;) { if (++i == 3) break } return i", "3"},
        Case{"ForWithTwoSteps", "int j = 0; for (int i = 0; i < 3; i++, j += 2) {} return j", "6"},
        Case{"ForEachColon", "int s = 0; for (int x : [1, 2, 3]) s += x; return s", "6"},
        Case{"ForEachIn", "String s = ''; for (x in ['a', 'b']) { s += x } return s", "\"ab\""},
        Case{"ForEachDef", "def s = 0; for (def x : [1, 2]) { s += x } return s", "3"},
        Case{"ForEachEntry",
             "String s = ''; for (Map.Entry e : ['a': 1].entrySet()) s += e.getKey() + e.value; return s", "\"a1\""},
        Case{"Continue", "int s = 0; for (int i = 0; i < 5; i++) { if (i % 2 == 0) continue; s += i } return s", "4"},
        Case{"BreakLeavesTheInner", "int s = 0; for (int i = 0; i < 2; i++) { while (true) { s++; break } } return s",
             "2"},
        Case{"ReturnLeavesLoops", "for (int i = 0;; i++) { while (true) { if (i == 2) return i; break } }", "2"},
        Case{"NothingReturned", "int x = 1;", "null"}, Case{"LastExpressionIsReturned", "int x = 4; x * 2", "8"},
        Case{"Ternary", "return 1 < 2 ? 'a' : 'b'", "\"a\""},
        Case{"TernariesNest", "def x = 5; return x < 3 ? 'a' : x < 6 ? 'b' : 'c'", "\"b\""},
        Case{"AndStops", "def x = null; return x != null && x.length() > 0", "false"},
        Case{"OrStops", "def x = null; return x == null || x.length() > 0", "true"},
        Case{"ScopesEnd", "{ int x = 1; } { int x = 2; return x }", "2"},
        Case{"SeveralDeclared", "int a = 1, b = 2; return a + b", "3"},
        Case{"UnsetIsZero", "int a; double b; boolean c; def d; return [a, b, c, d]", "[0,0.0,false,null]"},
        Case{"EmptyStatement", ";;return 1;;", "1"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Values, ScriptTest,
    ::testing::Values(
        Case{"ParamsByField", "return params.a.b", "7", R"({"a": {"b": 7}})"},
        Case{"ParamsByIndex", "return params['a'][1].b", "8", R"({"a": [1, {"b": 8}]})"},
        Case{"KeywordsAreFields", "return params.float + params.for", "3", R"({"float": 1, "for": 2})"},
        Case{"AbsentIsNull", "return params.x == null", "true"}, Case{"NullSafe", "return params?.x?.y?.z", "null"},
        Case{"NullSafeCall", "return params.x?.toString()", "null"},
        Case{"Elvis", "return params.x ?: params.y ?: 'c'", "\"c\""},
        Case{"ElvisKeeps", "return false ?: true", "false"},
        Case{"ListByNumber", "return params.a.1.0.b", "6", R"({"a": [5, [{"b": 6}]]})"},
        Case{"FromTheEnd", "return [1, 2, 3][-1]", "3"},
        Case{"ListLength", "return params.a.length", "2", R"({"a": [5, 6]})"},
        Case{"AssignItem", "def a = [1, 2]; a[0] = 5; a[1] += 3; return a", "[5,5]"},
        Case{"AssignField", "def m = [:]; m.a = 1; m['b'] = 2; m.a++; return m", R"({"a":2,"b":2})"},
        Case{"ListsAreShared", "def a = [1]; def b = a; b.add(2); return a", "[1,2]"},
        Case{"ListsEqual", "return [1, [2]] == [1, [2]] && [1] != [2]", "true"},
        Case{"MapsEqual", "return ['a': 1, 'b': 2] == ['b': 2, 'a': 1]", "true"},
        Case{"EmptyLiterals", "return [[], [:]]", "[[],{}]"},
        Case{"NumberKeys", "def m = [1: 'a']; return m[1]", "\"a\""},
        Case{"Arrays", "int[] a = new int[3]; a[1] = 4; return a", "[0,4,0]"},
        Case{"ArrayOfBoxedIsNull", "return new Double[2]", "[null,null]"},
        Case{"ArrayLiteral", "String[] a = new String[] {'x', 'y'}; return a.length + a[1]", "\"2y\""},
        Case{"InstanceOf",
             "return [1 instanceof Integer, 1 instanceof Number, 'a' instanceof String, [] instanceof List, "
             "[:] instanceof Map, null instanceof Object, 1.0 instanceof Integer]",
             "[true,true,true,true,true,false,false]"},
        Case{"JsonNumbers",
             "return [params.a instanceof Integer, params.b instanceof Long, params.c instanceof Double]",
             "[true,true,true]", R"({"a": 1, "b": 3000000000, "c": 1.0})"},
        Case{"Casts", "def x = 3; double d = x; String s = (String) 'a'; return d + s", "\"3.0a\""},
        Case{"BigDecimal", "return new BigDecimal('2.0').intValue() + new BigDecimal('3').intValue()", "5"},
        Case{"BuilderIsReturnedAsText", "return new StringBuilder('a').append(1)", "\"a1\""},
        Case{"CharIsReturnedAsText", "return 'abc'.charAt(1)", "\"b\""},
        Case{"UnicodeSurvives", "return params.a + '\xC3\xA9'", "\"\xF0\x9F\x98\x80\xC3\xA9\"",
             "{\"a\": \"\xF0\x9F\x98\x80\"}"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Functions, ScriptTest,
    ::testing::Values(
        Case{"Call", "int twice(int x) { return 2 * x } return twice(4)", "8"},
        Case{"BeforeItIsDefined", "return f(1); def f(def x) { return x + 1 }", "2"},
        Case{"Recursion", "int f(int n) { if (n < 2) return n; return f(n - 1) + f(n - 2) } return f(15)", "610"},
        Case{"Overloads", "int f() { return 1 } int f(int x) { return 2 } return f() * 10 + f(0)", "12"},
        Case{"Void", "void add(List l) { l.add(1); return; } def l = []; add(l); return l", "[1]"},
        Case{"ArgumentsAreConverted", "double f(double x) { return x } return f(3)", "3.0"},
        Case{"OwnVariables", "int f() { int x = 9; return x } int x = 1; f(); return x", "1"},
        Case{"NothingReturnedIsNull", "def f() { int x = 1; } return f()", "null"},
        Case{"OwnEscapeWins", "String escape(def s) { return 'mine' } return escape('a')", "\"mine\""},
        Case{"Escape", R"(return escape(params.a))", R"("a\\\"b\\\\c\\nd\\te")", R"({"a": "a\"b\\c\nd\te"})"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Lambdas, ScriptTest,
    ::testing::Values(
        Case{"ForEach", "def s = []; [1, 2].forEach(x -> s.add(x * 2)); return s", "[2,4]"},
        Case{"ForEachOfAMap", "def s = []; ['a': 1].forEach((k, v) -> { s.add(k + v) }); return s", "[\"a1\"]"},
        Case{"RemoveIf", "def l = [1, 2, 3, 4]; l.removeIf(x -> x % 2 == 0); return l", "[1,3]"},
        Case{"SortNaturally", "def l = [3, 1, 2]; l.sort(null); return l", "[1,2,3]"},
        Case{"SortBy", "def l = ['ccc', 'a', 'bb']; l.sort((a, b) -> a.length() - b.length()); return l",
             R"(["a","bb","ccc"])"},
        Case{"SortIsStable", "def l = ['b1', 'a1', 'b2', 'a2']; l.sort((a, b) -> a.charAt(0) - b.charAt(0)); return l",
             R"(["a1","a2","b1","b2"])"},
        Case{"Collect", "return [1, 2].collect(x -> x + 0.5)", "[1.5,2.5]"},
        Case{"FindAll", "return [1, 2, 3].findAll(x -> x > 1)", "[2,3]"},
        Case{"Find", "return [1, 2].find(x -> x > 5)", "null"},
        Case{"AnyEvery", "return [[1, 2].any(x -> x == 2), [1, 2].every(x -> x == 2)]", "[true,false]"},
        Case{"ReturnInALambda", "return [1, 2].collect(x -> { if (x == 1) return 'one'; return 'more' })",
             R"(["one","more"])"},
        Case{"SeesVariables", "int n = 10; return [1].collect(x -> x + n)", "[11]"},
        Case{"ComputeIfAbsent",
             "def m = [:]; m.computeIfAbsent('a', k -> []).add(1); m.computeIfAbsent('a', k -> []).add(2); return m",
             R"({"a":[1,2]})"}),
    NameOf);

TEST(ScriptTest, OneScriptRunsAgainWithoutMemory) {
  const auto script = Script::Compile("def l = ['a']; l.add(params.x); params.x = 5; return l");
  ASSERT_TRUE(script) << script.error().message;
  for (int i = 0; i < 3; ++i) {
    const auto returned = (*script)->Run({{"x", i}});
    ASSERT_TRUE(returned) << returned.error().message;
    EXPECT_EQ(ToJson(*returned), "[\"a\"," + std::to_string(i) + "]");
  }
}

}  // namespace
}  // namespace mlnode::connectors
