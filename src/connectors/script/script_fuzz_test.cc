// A corpus of scripts and of mutations of them (bytes and tokens changed, cut, doubled, mixed): whatever compiles ends
// within its limits, and nothing crashes.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

#include "connectors/script/script.h"
#include "core/testing/manual_executor.h"

namespace mlnode::connectors {
namespace {

constexpr std::array<const char*, 14> kCorpus = {
    "StringBuilder b = new StringBuilder(); b.append('\"'); String first = params.docs[0]; b.append(first); return '{' "
    "+ b + '}';",
    "def name = 'x'; if (params.e == null || params.e.length == 0) { return params.message; } def shape = "
    "[params.e.length]; return '' + shape;",
    "for (int i=0; i<params.docs.length; i++) { if (i<params.docs.length - 1) { params.docs[i] += ','; } } return "
    "params.docs;",
    "def r = new Double[2]; for (int i=0;i<2;i++) { int k = new BigDecimal(i.toString()).intValue(); r[k] = 0.5; } "
    "return r",
    "int f(int n) { return n < 2 ? n : f(n - 1) + f(n - 2) } return f(9)",
    "def m = ['a': 1, 'b': [1, 2.5, 'c', null, true]]; for (e in m.entrySet()) { m[e.key] = e.value } return m",
    "def l = [3, 1, 2]; l.sort((a, b) -> b - a); l.removeIf(x -> x == 2); return l.collect(x -> x * 2L)",
    "while (params.n-- > 0) { if (params.n % 2 == 0) continue; else break } return params?.x?.y ?: 'none'",
    "char c = 'abc'.charAt(1); byte z = (byte) 300; return '' + c + z + (int) 'x'.charAt(0) + 1.5e-7f + 0x1F",
    "return escape(params.message.replace('a', 'bb').substring(1).toUpperCase()) + String.format('%.3f|%s', 1.5, [])",
    "def s = '\xF0\x9F\x98\x80\xC3\xA9'; def b = new StringBuilder(s); b.reverse().insert(1, s).deleteCharAt(0); "
    "return b + s.indexOf('\xC3\xA9')",
    "if (params.docs instanceof List && !(params.n instanceof String)) { throw new IllegalArgumentException('no') }",
    "int[] a = new int[] {1, 2}; a[-1] <<= 3; a[0] ^= ~a[1]; return a[0] >>> 2 | a[1] & 7",
    "def m = [:]; m.computeIfAbsent('k', k -> []).add([m.size(), m]); do { m.x = m.x ?: 0; m.x++ } while (m.x < 5); "
    "return m.keySet().join('-')",
};
constexpr std::array<const char*, 40> kTokens = {
    "(",   ")",    "{",    "}",      "[",      "]",       ";",      ",",          ".",    "?.",
    "?",   ":",    "=",    "+=",     "++",     "+",       "-",      "*",          "/",    "%",
    "==",  "&&",   "||",   "!",      "->",     "0",       "-1",     "2147483647", "1.5",  "''",
    "'a'", "null", "true", "params", "def x ", "return ", "while ", "for ",       "new ", ".add(x)",
};

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::string Next() {
    std::string text = kCorpus[random_.Below(kCorpus.size())];
    for (std::uint64_t left = random_.Below(4); left > 0; --left) Change(text);
    return text;
  }

 private:
  void Change(std::string& text) {
    const std::size_t at = random_.Below(text.size() + 1);
    const std::size_t length = std::min<std::size_t>(random_.Below(12), text.size() - at);
    switch (random_.Below(6)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(at, length));
        break;
      case 2:
        text.insert(at, kTokens[random_.Below(kTokens.size())]);
        break;
      case 3:
        text.replace(at, length, kTokens[random_.Below(kTokens.size())]);
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(random_.Below(256));
        break;
      default: {
        const std::string other = kCorpus[random_.Below(kCorpus.size())];
        text = text.substr(0, at) + other.substr(random_.Below(other.size()));
      }
    }
  }
  mlnode::testing::SeededRandom random_;
};

json::object Params() {
  return {{"docs", json::array{"one", "\xC3\xA9", nullptr}},
          {"e", json::array{0.5, 1, -2e-9}},
          {"message", "a \"quoted\"\n text"},
          {"n", 7}};
}

TEST(ScriptFuzzTest, TheCorpusCompiles) {
  for (const char* source : kCorpus) {
    const auto script = Script::Compile(source);
    EXPECT_TRUE(script) << source << "\n" << script.error().message;
  }
}

TEST(ScriptFuzzTest, WhateverCompilesEnds) {
  int compiled = 0;
  int returned = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = 1; seed <= 8'000; ++seed) {
    const std::string source = Mutator(seed).Next();
    const auto script = Script::Compile(source);
    if (!script) {
      ASSERT_EQ(script.error().code, Code::kInvalidArgument) << source;
      continue;
    }
    ++compiled;
    const auto value = (*script)->Run(Params(), {.steps = 20'000, .bytes = 1U << 20U, .depth = 16});
    returned += value ? 1 : 0;
    if (value) ASSERT_FALSE(ToJson(*value).empty());
  }
  EXPECT_GT(compiled, 2'000);
  EXPECT_GT(returned, 1'200);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

}  // namespace
}  // namespace mlnode::connectors
