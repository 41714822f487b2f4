// Every method of the catalogue at least once.
#include <gtest/gtest.h>

#include <string>

#include "connectors/script/script.h"

namespace mlnode::connectors {
namespace {

struct Case {
  const char* source;    // an expression, or statements that end in one
  const char* returned;  // JSON, or the end of an error's text
};

class ScriptMethodsTest : public ::testing::TestWithParam<Case> {};
TEST_P(ScriptMethodsTest, Returns) {
  const auto script = Script::Compile(GetParam().source);
  ASSERT_TRUE(script) << script.error().message;
  const auto returned = (*script)->Run({});
  if (returned) {
    EXPECT_EQ(ToJson(*returned), GetParam().returned) << GetParam().source;
  } else {
    EXPECT_EQ(returned.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(returned.error().message.ends_with(GetParam().returned)) << returned.error().message;
  }
}

// é is one UTF-16 unit, the face two.
#define FACE "\xF0\x9F\x98\x80"
#define ACCENT "\xC3\xA9"

INSTANTIATE_TEST_SUITE_P(
    Strings, ScriptMethodsTest,
    ::testing::Values(
        Case{"'abc'.length()", "3"}, Case{"'a" FACE ACCENT "'.length()", "4"}, Case{"''.isEmpty()", "true"},
        Case{"'abc'.charAt(1) == (char) 'b'", "true"},
        Case{"'" FACE ACCENT "'.charAt(2) == (char) '" ACCENT "'", "true"},
        Case{"'abc'.charAt(3)", "index 3 is out of bounds for length 3"}, Case{"'abcd'.substring(1)", "\"bcd\""},
        Case{"'abcd'.substring(1, 3)", "\"bc\""}, Case{"'" FACE "x'.substring(2)", "\"x\""},
        Case{"'abcd'.substring(3, 1)", "begin 3 is behind end 1"},
        Case{"'abcd'.substring(0, 5)", "index 5 is out of bounds for length 5"},
        Case{"def f = '" FACE "'; f.substring(0, 1) + f.substring(1)", "\"" FACE "\""},
        Case{"'" FACE "'.substring(1)", "\"\xEF\xBF\xBD\""}, Case{"'banana'.indexOf('an')", "1"},
        Case{"'banana'.indexOf('an', 2)", "3"}, Case{"'banana'.indexOf('x')", "-1"},
        Case{"'" FACE "b'.indexOf('b')", "2"}, Case{"'banana'.lastIndexOf('an')", "3"},
        Case{"'" FACE "ana'.lastIndexOf('a')", "4"}, Case{"'banana'.contains('nan')", "true"},
        Case{"'banana'.startsWith('ba')", "true"}, Case{"'banana'.endsWith('ba')", "false"},
        Case{"'a.b.c'.replace('.', '--')", "\"a--b--c\""}, Case{"'aaa'.replace('aa', 'b')", "\"ba\""},
        Case{"'abc'.replace('x', 'y')", "\"abc\""}, Case{"'abc'.replace((char) 'b', (char) 'x')", "\"axc\""},
        Case{"'a,b,,c,,'.split(',')", R"(["a","b","","c"])"}, Case{"'a.b'.split('\\\\.')", R"(["a","b"])"},
        Case{"'a b'.split('\\\\s+')", "regular expressions are outside the subset"}, Case{"''.split(',')", R"([""])"},
        Case{"'a,b,'.splitOnToken(',')", R"(["a","b",""])"}, Case{"' \t a b\n'.trim()", "\"a b\""},
        Case{"'  '.trim()", "\"\""}, Case{"'AbC'.toLowerCase() + 'AbC'.toUpperCase()", "\"abcABC\""},
        Case{"'AbC'.equalsIgnoreCase('aBc')", "true"}, Case{"'a'.equals('a')", "true"},
        Case{"'a'.equals(null)", "false"}, Case{"'a'.compareTo('b') < 0", "true"}, Case{"'a'.concat('b')", "\"ab\""},
        Case{"'ab'.repeat(3)", "\"ababab\""}, Case{"'ab'.toString()", "\"ab\""}, Case{"'hello'.hashCode()", "99162322"},
        Case{"'a'.size()", "a String has no such method"}));

INSTANTIATE_TEST_SUITE_P(
    Builders, ScriptMethodsTest,
    ::testing::Values(
        Case{"new StringBuilder().append('a').append(1).append(2.0).append(null).append(true).append((char) "
             "98).toString()",
             "\"a12.0nulltrueb\""},
        Case{"new StringBuilder('abc').length()", "3"}, Case{"new StringBuilder('abc').insert(1, '--')", "\"a--bc\""},
        Case{"new StringBuilder('abc').replace(1, 9, 'x')", "\"ax\""},
        Case{"new StringBuilder('abc').deleteCharAt(1)", "\"ac\""},
        Case{"def b = new StringBuilder('abc'); b.setLength(1); b", "\"a\""},
        Case{"new StringBuilder('a" FACE "b').reverse()", "\"b" FACE "a\""},
        Case{"new StringBuilder('abc').charAt(2) == (char) 'c'", "true"},
        Case{"new StringBuilder('abc').indexOf('c')", "2"}, Case{"new StringBuilder('abc').substring(1)", "\"bc\""},
        Case{"new StringBuilder(16).append('x')", "\"x\""}, Case{"'[' + new StringBuilder('x') + ']'", "\"[x]\""},
        Case{"new StringBuilder('" FACE "').deleteCharAt(0).length()", "1"},
        Case{"def b = new StringBuilder(); def f = '" FACE
             "'; for (int i = 0; i < f.length(); i++) { b.append(f.charAt(i)) } b",
             "\"" FACE "\""}));

INSTANTIATE_TEST_SUITE_P(
    Collections, ScriptMethodsTest,
    ::testing::Values(
        Case{"def l = new ArrayList(); l.add(1); l.add(0, 2); l.addAll([3, 4]); l", "[2,1,3,4]"},
        Case{"new ArrayList([1, 2])", "[1,2]"}, Case{"[1, 2].get(1) + [1, 2].size()", "4"},
        Case{"[1].get(1)", "index 1 is out of bounds for length 1"}, Case{"def l = [1, 2]; l.set(0, 5) + l[0]", "6"},
        Case{"def l = ['a', 'b', 'a']; l.remove('a'); l", R"(["b","a"])"},
        Case{"def l = [5, 6]; l.remove(0); l", "[6]"}, Case{"[1, 2].contains(2) && [1, 2].indexOf(3) == -1", "true"},
        Case{"def l = [1]; l.clear(); l.isEmpty()", "true"}, Case{"[1, 2, 3].subList(1, 3)", "[2,3]"},
        Case{"[1, 'a'].join('-')", "\"1-a\""}, Case{"[1, [2]].toString()", "\"[1, [2]]\""},
        Case{"[1, 2].hashCode()", "994"}, Case{"new int[2].add(1)", "an array does not grow"},
        Case{"def m = new HashMap(); m.put('a', 1); m.put('a', 2); m.putIfAbsent('a', 3); m.putIfAbsent('b', 4); m",
             R"({"a":2,"b":4})"},
        Case{"['a': 1].get('a') + ['a': 1].getOrDefault('b', 5)", "6"}, Case{"['a': null].containsKey('a')", "true"},
        Case{"['a': 1].containsValue(1)", "true"}, Case{"def m = ['a': 1, 'b': 2]; m.remove('a') + m.size()", "2"},
        Case{"['b': 1, 'a': 2].keySet()", R"(["b","a"])"}, Case{"['b': 1, 'a': 2].values()", "[1,2]"},
        Case{"['a': 1].entrySet().get(0).getValue()", "1"},
        Case{"def m = ['a': 1]; m.putAll(['b': 2]); m.clear(); m.isEmpty()", "true"},
        Case{"def m = [:]; m.put([], 1)", "a key of a map cannot be a List"},
        Case{"['a': 1].toString()", "\"{a=1}\""}));

INSTANTIATE_TEST_SUITE_P(Boxed, ScriptMethodsTest,
                         ::testing::Values(Case{"(3.9).intValue() + 3.longValue() + (2.5).doubleValue()", "8.5"},
                                           Case{"'' + (0.1).floatValue()", "\"0.1\""},
                                           Case{"'' + (5).doubleValue()", "\"5.0\""}, Case{"3.toString()", "\"3\""},
                                           Case{"3.equals(3.0)", "false"}, Case{"3.compareTo(4)", "-1"},
                                           Case{"true.booleanValue()", "true"},
                                           Case{"def c = (char) 'x'; c.charValue()", "\"x\""}));

INSTANTIATE_TEST_SUITE_P(
    Statics, ScriptMethodsTest,
    ::testing::Values(
        Case{"Math.abs(-3) + Math.abs(-2.5)", "5.5"}, Case{"Math.max(1, 2) + Math.min(1, 2)", "3"},
        Case{"Math.max(1, 2.5)", "2.5"}, Case{"Math.floor(-1.5) + Math.ceil(1.2)", "0.0"},
        Case{"Math.round(2.5) + Math.round(-2.5)", "1"}, Case{"Math.sqrt(16)", "4.0"},
        Case{"Math.pow(2, 10)", "1024.0"}, Case{"Math.log(Math.E) + Math.log10(100) + Math.exp(0)", "4.0"},
        Case{"Math.signum(-2.0) + Math.rint(2.5) + Math.cbrt(8)", "3.0"},
        Case{"Math.floorMod(-7, 3) * 10 + Math.floorDiv(-7, 3)", "17"},
        Case{"Math.sin(0) + Math.cos(0) + Math.tan(0)", "1.0"},
        Case{"Math.toDegrees(Math.PI) + Math.toRadians(0)", "180.0"},
        Case{"String.valueOf(5) + String.valueOf(null)", "\"5null\""}, Case{"String.join('-', ['a', 'b'])", "\"a-b\""},
        Case{"String.join('-', 'a', 'b', 'c')", "\"a-b-c\""},
        Case{"String.format('%s=%d %.2f%%', 'x', 3, 1.005)", "\"x=3 1.00%\""},
        Case{"String.format('%x', 3)", "of String.format there are %s, %d, %f, %.2f and %%"},
        Case{"String.format('%s')", "String.format has more directives than values"},
        Case{"Integer.parseInt('-12') + Integer.parseInt('ff', 16)", "243"},
        Case{"Integer.parseInt('3000000000')", "\"3000000000\" is no number"},
        Case{"Integer.parseInt('x')", "\"x\" is no number"}, Case{"Long.parseLong('3000000000')", "3000000000"},
        Case{"Double.parseDouble(' 1e3 ')", "1000.0"}, Case{"Double.parseDouble('')", "\"\" is no number"},
        Case{"'' + Float.parseFloat('0.1')", "\"0.1\""}, Case{"Boolean.parseBoolean('TRUE')", "true"},
        Case{"Integer.valueOf(7) + Long.valueOf('8')", "15"}, Case{"Integer.MAX_VALUE", "2147483647"},
        Case{"Double.isNaN(0.0 / 0)", "true"}, Case{"Integer.compare(2, 1)", "1"},
        Case{"Character.isDigit((char) '7') && Character.isLetter((char) 'x') && !Character.isWhitespace((char) 'x')",
             "true"},
        Case{"Character.isLetterOrDigit((char) '-') || Character.isUpperCase((char) 'a')", "false"},
        Case{"Character.isLowerCase((char) 'a') && Character.getNumericValue((char) '7') == 7", "true"},
        Case{"Character.toString((char) 'x')", "\"x\""},
        Case{"def l = [2, 1]; Collections.sort(l); Collections.reverse(l); l", "[2,1]"},
        Case{"Arrays.asList(1, 2)", "[1,2]"},
        Case{"Collections.emptyList().size() + Collections.emptyMap().size()", "0"},
        Case{"Objects.equals(null, null) && Objects.isNull(null)", "true"},
        Case{"Objects.nonNull(1) && Objects.hashCode(null) == 0", "true"},
        Case{"[2, 'a'].sort(null)", "this cannot be done with an int and a String"},
        Case{"Collections.sort([[], []])", "this cannot be done with a List and a List"}));

}  // namespace
}  // namespace mlnode::connectors
