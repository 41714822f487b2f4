#include "core/json/json_place.h"

#include <gtest/gtest.h>

namespace mlnode {
namespace {

struct Case {
  std::string_view text;
  std::string_view pointer;
  std::size_t line, column;
};
class FindPositionTest : public testing::TestWithParam<Case> {};
TEST_P(FindPositionTest, NamesTheFirstByteOfTheValue) {
  const auto position = FindPosition(GetParam().text, GetParam().pointer);
  ASSERT_TRUE(position);
  EXPECT_EQ(position->line, GetParam().line);
  EXPECT_EQ(position->column, GetParam().column);
}
// The first three as recorded from the peer.
INSTANTIATE_TEST_SUITE_P(Places, FindPositionTest,
                         testing::Values(Case{"[]", "", 1, 1}, Case{R"({"query": {"nope": {}}})", "/query/nope", 1, 20},
                                         Case{R"({"node_ids": "x"})", "/node_ids", 1, 14}, Case{" \n  5", "", 2, 3},
                                         Case{"{\"a\":[1,\n{\"b\":2}]}", "/a/1/b", 2, 6},
                                         Case{R"({"x":"}\"],","a/b~":{"c":[[],{}]},"d":1})", "/d", 1, 39},
                                         Case{R"({"a/b~":{"c":[true , null]}})", "/a~1b~0/c/1", 1, 22},
                                         Case{R"({"\u0061":7})", "/a", 1, 11}));

TEST(FindPositionMissTest, SaysNothingWhenThereIsNoSuchValue) {
  EXPECT_FALSE(FindPosition(R"({"a":[1]})", "/b"));
  EXPECT_FALSE(FindPosition(R"({"a":[1]})", "/a/1"));
  EXPECT_FALSE(FindPosition(R"({"a":[1]})", "/a/0/x"));
}

TEST(PointerToTest, TellsAValueByItsAddress) {
  const json::object root = ParseJsonObject(R"({"a":1,"b":{"c/d":[0,{"e~":1}]}})").value();
  const json::value& inner = root.at("b").at("c/d").at(1).at("e~");
  EXPECT_EQ(PointerTo(root, inner), "/b/c~1d/1/e~0");
  const json::value other = inner;
  EXPECT_EQ(PointerTo(root, other), std::nullopt);
}

TEST(LocateTest, FillsInErrorAndCause) {
  Error error = MakeError(Code::kInvalidArgument, "x");
  error.json_pointer = "/a";
  error.cause = std::make_shared<const Error>(error);
  const Error located = Locate(error, "{ \"a\" : 1}");
  ASSERT_TRUE(located.position && located.cause->position);
  EXPECT_EQ(located.position->column, 9U);
  EXPECT_EQ(located.cause->position->column, 9U);
}

TEST(LocateTest, FieldsOfTheWrongKindAreFound) {
  const std::string text = R"({"node_ids": "x"})";
  const json::object body = ParseJsonObject(text).value();
  EXPECT_EQ(Locate(StringsField(body, "node_ids").error(), text).position->column, 14U);
  EXPECT_EQ(Locate(ParseJsonObject("[]").error(), "[]").position->column, 1U);
}

}  // namespace
}  // namespace mlnode
