#include "query/sort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace mlnode::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Order(std::string_view sort, std::vector<std::string> sources) {
  const Result<std::vector<SortKey>> keys = ParseSort(ParseJson(sort).value());
  if (!keys) return {keys.error().message};
  std::vector<std::pair<json::array, std::string>> rows;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const SearchDocument document{.id = std::to_string(i),
                                  .source = std::make_shared<const json::object>(ParseJsonObject(sources[i]).value()),
                                  .version = 1,
                                  .seq_no = i};
    rows.emplace_back(SortValues(*keys, document, static_cast<double>(i)), document.id);
  }
  std::sort(rows.begin(), rows.end(),
            [&](const auto& a, const auto& b) { return SortsBefore(*keys, a.first, b.first); });
  std::vector<std::string> ids;
  for (const auto& row : rows) ids.push_back(row.second);
  return ids;
}

const std::vector<std::string> kThree = {R"({"t":2,"s":"b"})", R"({"s":"a"})", R"({"t":10,"s":"c"})"};

TEST(SortTest, MissingComesLastBothWays) {
  EXPECT_THAT(Order(R"("t")", kThree), ElementsAre("0", "2", "1"));
  EXPECT_THAT(Order(R"({"t":"desc"})", kThree), ElementsAre("2", "0", "1"));
  EXPECT_THAT(Order(R"([{"t":{"order":"asc","missing":"_first"}}])", kThree), ElementsAre("1", "0", "2"));
}
TEST(SortTest, ByTextIdSeqNoAndScore) {
  EXPECT_THAT(Order(R"(["s"])", kThree), ElementsAre("1", "0", "2"));
  EXPECT_THAT(Order(R"([{"_id":"desc"}])", kThree), ElementsAre("2", "1", "0"));
  EXPECT_THAT(Order(R"([{"_seq_no":"asc"}])", kThree), ElementsAre("0", "1", "2"));
  EXPECT_THAT(Order(R"("_score")", kThree), ElementsAre("2", "1", "0"));
}
TEST(SortTest, SecondKeyDecidesTies) {
  EXPECT_THAT(Order(R"([{"t":"asc"},{"s":"desc"}])", {R"({"t":1,"s":"a"})", R"({"t":1,"s":"b"})"}),
              ElementsAre("1", "0"));
}
TEST(SortTest, OfManyValuesTheExtremeCounts) {
  EXPECT_THAT(Order(R"("t")", {R"({"t":[5,1]})", R"({"t":2})"}), ElementsAre("0", "1"));
  EXPECT_THAT(Order(R"({"t":"desc"})", {R"({"t":[5,1]})", R"({"t":2})"}), ElementsAre("0", "1"));
}
TEST(SortTest, TextFieldsAreRefused) {
  EXPECT_THAT(Order(R"("name")", {}), ElementsAre(HasSubstr("Please use a keyword field instead")));
  EXPECT_THAT(Order(R"("name.keyword")", {}), ElementsAre());
}
TEST(SortTest, WrongFormsAreRefused) {
  EXPECT_THAT(Order("5", {}),
              ElementsAre("malformed sort format, either start array, start object, or an actual string"));
  EXPECT_THAT(Order(R"({"t":"up"})", {}), ElementsAre("Unknown SortOrder [up]"));
  EXPECT_THAT(Order(R"({"t":{"nope":1}})", {}), ElementsAre("[field_sort] unknown field [nope]"));
  EXPECT_EQ(ParseSort(ParseJson(R"({"_script":{}})").value()).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace mlnode::query
