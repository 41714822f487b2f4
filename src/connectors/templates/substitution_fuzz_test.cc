// Random templates of random values that name one another: whatever comes out is bounded and the same as what a plain
// reading of the rules gives, and a body is JSON or refused.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

#include "connectors/templates/json_text.h"
#include "connectors/templates/payload.h"
#include "connectors/templates/substitution.h"
#include "core/testing/manual_executor.h"

namespace mlnode::connectors {
namespace {

constexpr std::array<const char*, 24> kPieces{"${parameters.a}",
                                              "${parameters.b}",
                                              "${parameters.c}",
                                              "${parameters.d:-null}",
                                              "\"${parameters.e:-null}\"",
                                              "$${parameters.a}",
                                              "${parameters.",
                                              "${credential.k}",
                                              "}",
                                              "$",
                                              "{",
                                              "\"",
                                              "\\",
                                              "[",
                                              "]",
                                              ":",
                                              ",",
                                              "1",
                                              "text",
                                              "\xC3\xA9",
                                              "\xFF",
                                              "\n",
                                              ":-",
                                              "${parameters.b.toString()}"};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}
  std::string Text(std::uint64_t pieces) {
    std::string text;
    for (std::uint64_t left = random_.Below(pieces); left > 0; --left) text += kPieces[random_.Below(kPieces.size())];
    return text;
  }
  Parameters Values() {
    Parameters values;
    for (const char* name : {"a", "b", "c", "d"})
      if (random_.Below(4) != 0) values[name] = Text(6);
    return values;
  }

 private:
  mlnode::testing::SeededRandom random_;
};

TEST(SubstitutionFuzzTest, EndsAndKeepsItsPromises) {
  const auto begin = std::chrono::steady_clock::now();
  int filled = 0;
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    Generator generator(seed);
    const std::string text = generator.Text(12);
    const Parameters values = generator.Values();
    const auto made = Substitute(text, "parameters.", ParameterLookup(values));
    made ? ++filled : ++refused;
    if (!made) {
      EXPECT_EQ(made.error().code, Code::kInvalidArgument) << seed;
      continue;
    }
    if (text.find("${parameters.") == std::string::npos) {
      EXPECT_EQ(*made, text) << seed;
    }
  }
  EXPECT_GT(filled, 1'000);
  EXPECT_GT(refused, 1'000) << "circles";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

TEST(SubstitutionFuzzTest, ABodyIsJsonOrRefused) {
  int made_bodies = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    Generator generator(seed);
    Action action;
    action.method = "POST";
    action.url = "https://example.com/";
    action.request_body = "{\"a\":\"${parameters.a:-x}\",\"b\":" + (seed % 2 == 0 ? generator.Text(3) : "[]") + "}";
    // As a caller's values come: escaped.
    const auto body = MakeBody(action, Merge({}, generator.Values(), {}));
    if (!body) continue;
    ++made_bodies;
    EXPECT_TRUE(IsJsonContainer(*body) || IsNdjson(*body)) << seed << *body;
  }
  EXPECT_GT(made_bodies, 1'000);
}

TEST(SubstitutionFuzzTest, EscapedTextReadsBack) {
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    Generator generator(seed);
    const std::string text = generator.Text(12);
    const auto back = ParseJson("\"" + EscapeJson(text) + "\"");
    ASSERT_TRUE(back) << seed;
    if (text.find('\xFF') == std::string::npos) {
      EXPECT_EQ(std::string_view(back->get_string()), text) << seed;
    }
  }
}

}  // namespace
}  // namespace mlnode::connectors
