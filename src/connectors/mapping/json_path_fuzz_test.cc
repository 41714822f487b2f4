// Random paths, valid and not, on random documents: whatever compiles ends, soon and without a crash; and paths of
// plain steps give what the crate gives.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

#include "connectors/mapping/json_path.h"
#include "core/testing/manual_executor.h"

namespace mlnode::connectors {
namespace {

constexpr std::array<const char*, 30> kPieces{
    ".a",    ".b",     "[0]", "[-1]", "[*]", ".*", "..",   "..a",     "['a']",         "[\"b\"]",
    "[",     "]",      "(",   ")",    "?",   "@",  "@.a",  "[?@.a]",  "[?(@.b == 1)]", "[0,1]",
    "[0:2]", "[::-1]", "$",   "'",    "\\",  "!",  " && ", "[?@..a]", "\xC3\xA9",      "length(@.a)"};
constexpr std::array<const char*, 6> kSteps{".a", ".b", "[0]", "[-1]", "[*]", "['a']"};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}
  template <std::size_t kSize>
  std::string Path(const std::array<const char*, kSize>& pieces, std::uint64_t most) {
    std::string path = "$";
    for (std::uint64_t left = random_.Below(most) + 1; left > 0; --left) path += pieces[random_.Below(kSize)];
    return path;
  }
  json::value Document(int depth) {
    switch (random_.Below(depth == 0 ? 2 : 5)) {
      case 0:
        return json::value(random_.Below(3));
      case 1:
        return json::value("text");
      case 2:
        return json::array{Document(depth - 1), Document(depth - 1)};
      default:
        return json::object{{"a", Document(depth - 1)}, {"b", Document(depth - 1)}};
    }
  }

 private:
  mlnode::testing::SeededRandom random_;
};

TEST(JsonPathFuzzTest, WhateverCompilesEnds) {
  const auto begin = std::chrono::steady_clock::now();
  int compiled = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    Generator generator(seed);
    const auto path = JsonPath::Compile(generator.Path(kPieces, 8));
    if (!path) {
      EXPECT_EQ(path.error().code, Code::kInvalidArgument);
      continue;
    }
    ++compiled;
    const auto found = (*path)->Query(ToJson(generator.Document(5)));
    if (!found) {
      EXPECT_EQ(found.error().code, Code::kTooLarge) << found.error().message;
    }
  }
  EXPECT_GT(compiled, 1'000);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

// A name written with an escape is the crate's to follow.
TEST(JsonPathFuzzTest, PlainStepsGiveWhatTheCrateGives) {
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    Generator generator(seed);
    const std::string path = generator.Path(kSteps, 5);
    const std::string document = ToJson(generator.Document(5));
    const auto here = (*JsonPath::Compile("$['x']" + path.substr(1)))->Query("{\"x\":" + document + "}");
    const auto crate = (*JsonPath::Compile("$['\\u0078']" + path.substr(1)))->Query("{\"x\":" + document + "}");
    ASSERT_TRUE(here && crate) << path;
    if (*here && **here != json::array()) ++compared;
    if (!*here || !*crate) {
      // What leads nowhere before the first [*] is nowhere here and an empty list there.
      EXPECT_TRUE(!*crate || **crate == json::array()) << path << document;
      EXPECT_TRUE(!*here || **here == json::array()) << path << document;
      continue;
    }
    EXPECT_EQ(ToJson(**here), ToJson(**crate)) << path << " of " << document;
  }
  EXPECT_GT(compared, 500);
}

TEST(JsonPathFuzzTest, DeepAndLongPathsDoNotOverflowTheStack) {
  for (const char* piece : {"[?(", "[?!(", "[?@[?", "(", "!", "[0", "..*", "[0,0]", "[?@.a&&@.b||", "['", "[?'a'=="}) {
    std::string path = "$";
    while (path.size() + 16 < JsonPath::kMaxPathBytes) path += piece;
    const auto begin = std::chrono::steady_clock::now();
    const auto compiled = JsonPath::Compile(path);
    if (compiled) {
      const auto found = (*compiled)->Query("[[[[1]]]]");
      EXPECT_TRUE(found || found.error().code == Code::kTooLarge);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << piece;
  }
}

}  // namespace
}  // namespace mlnode::connectors
