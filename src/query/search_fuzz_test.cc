// The search parser on arbitrary bytes: a libFuzzer entry point, and its seeds with small damages replayed as a test.
#include <gtest/gtest.h>

#include <array>

#include "core/testing/manual_executor.h"
#include "query/search.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlnode;  // the entry point stands outside the namespace
  const auto body = ParseJsonObject(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!body) return 0;
  const auto request = query::SearchRequest::Parse(*body);
  if (!request) return 0;
  const auto source = std::make_shared<const json::object>(*body);
  const std::vector<query::SearchDocument> documents = {{"a", source, 1, 1}, {"b", source, 1, 2}, {"c", nullptr, 1, 3}};
  const auto answer =
      query::Search(*request, documents, {.index = "i", .default_excludes = {"a*"}, .always_excludes = {}});
  if (!answer || ToJson(*answer).empty()) __builtin_trap();
  return 0;
}

namespace mlnode::query {
namespace {

constexpr auto kSeeds = std::to_array<std::string_view>({
    R"({"query":{"match_all":{"boost":2}},"from":0,"size":5,"sort":[{"query.x":"desc"},"_score",{"a":{"order":"asc","missing":"_first"}}]})",
    R"({"query":{"bool":{"must":[{"term":{"name.keyword":"x"}}],"should":{"match":{"name":"a b"}},"minimum_should_match":"50%"}}})",
    R"({"query":{"range":{"t":{"gte":"now-1d+2h","lt":5}}},"_source":{"includes":["a*","b.c"],"excludes":["*"]}})",
    R"({"query":{"wildcard":{"n":{"value":"*a?\\*","case_insensitive":true}}},"track_total_hits":3,"version":true})",
    R"({"query":{"terms":{"a":[1,"b",true,1e999]}},"size":1e3,"_source":false})",
    R"({"query":{"regexp":{"n":{"value":"[a-c]+\\.(x|y){1,3}","case_insensitive":true}}},"min_score":0.5,"timeout":"5s"})",
    R"({"query":{"constant_score":{"filter":{"match_phrase":{"name":"a b"}}}},"post_filter":{"term":{"name":"a"}},"track_scores":true})",
    R"({"query":{"range":{"t":{"gt":"2026-01-31||+1M/d","lte":"now-1y/w"}}},"aggs":{"s":{"terms":{"field":"query.a","size":2,"order":[{"_key":"asc"}]}}}})",
    R"({"query":{"ids":{"values":["a"]}},"sort":["_seq_no","_id"],"seq_no_primary_term":true})",
});

void Feed(const std::string& text) {
  EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), 0);
}

TEST(SearchFuzzTest, SeedsAndTheirDamagesAreAnsweredOrRefused) {
  mlnode::testing::SeededRandom random(20250101);
  for (std::string_view seed : kSeeds) {
    Feed(std::string(seed));
    for (int round = 0; round < 2000; ++round) {
      std::string text(seed);
      for (std::uint64_t changes = 1 + random.Below(3); changes > 0; --changes) {
        const std::size_t at = random.Below(text.size());
        constexpr std::string_view kBytes = "{}[]\":,0-9.eE\\*?ntf";
        switch (random.Below(3)) {
          case 0:
            text[at] = kBytes[random.Below(kBytes.size())];
            break;
          case 1:
            text.erase(at, 1 + random.Below(8));
            break;
          default:
            text.insert(at, text.substr(random.Below(text.size()), random.Below(12)));
            break;
        }
        if (text.empty()) text = "{";
      }
      Feed(text);
    }
  }
}

}  // namespace
}  // namespace mlnode::query
