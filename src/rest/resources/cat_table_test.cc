#include "rest/resources/cat_table.h"

#include <gtest/gtest.h>

#include "rest/testing/fake_exchange.h"

namespace mlnode::rest {
namespace {

CatTable Nodes() {
  CatTable table;
  table.default_columns = {"ip", "name"};
  table.aliases = {{"n", "name"}};
  table.rows = {{{"ip", "10.0.0.1"}, {"name", "b"}, {"id", "x1"}}, {{"ip", "1.1.1.1"}, {"name", "a"}, {"id", "x2"}}};
  return table;
}

std::string Body(const char* target) { return CatReply(testing::MakeContext(target), Nodes()).value().body; }

TEST(CatReplyTest, PadsColumns) { EXPECT_EQ(Body("/_cat/nodes"), "10.0.0.1 b\n1.1.1.1  a\n"); }

TEST(CatReplyTest, PrintsAHeaderLine) { EXPECT_EQ(Body("/_cat/nodes?v"), "ip       name\n10.0.0.1 b\n1.1.1.1  a\n"); }

TEST(CatReplyTest, ChoosesColumnsByNameOrAlias) { EXPECT_EQ(Body("/_cat/nodes?h=id,n,nope&v"), "id n\nx1 b\nx2 a\n"); }

TEST(CatReplyTest, PrintsJson) {
  EXPECT_EQ(Body("/_cat/nodes?format=json&h=id,name"), R"([{"id":"x1","name":"b"},{"id":"x2","name":"a"}])");
}

TEST(CatReplyTest, AnyFormatAskedForIsAnArray) {
  EXPECT_EQ(Body("/_cat/nodes?format=yaml&h=id"), R"([{"id":"x1"},{"id":"x2"}])");  // printed as YAML at the door
  EXPECT_EQ(Body("/_cat/nodes?format=text&h=id"), "x1\nx2\n");
}

TEST(CatReplyTest, Sorts) {
  EXPECT_EQ(Body("/_cat/nodes?h=name&s=name"), "a\nb\n");
  EXPECT_EQ(Body("/_cat/nodes?h=name&s=id:desc"), "a\nb\n");
}

TEST(CatReplyTest, NamesAnUnknownSortKey) {
  const auto reply = CatReply(testing::MakeContext("/_cat/nodes?s=nope"), Nodes());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message, "Unable to sort by unknown sort key `nope`");
}

}  // namespace
}  // namespace mlnode::rest
