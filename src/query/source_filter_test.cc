#include "query/source_filter.h"

#include <gtest/gtest.h>

namespace mlnode::query {
namespace {

constexpr std::string_view kSource =
    R"({"name":"n","model_config":{"model_type":"bert","all":{"x":1}},"actions":[{"url":"u","headers":{"k":"v"}},{"url":"w"}],"tags":["a"]})";

std::string Filtered(std::string_view given) {
  const Result<SourceFilter> filter = SourceFilter::Parse(ParseJson(given).value());
  if (!filter) return filter.error().message;
  return ToJson(filter->Apply(ParseJsonObject(kSource).value()));
}

TEST(SourceFilterTest, TrueKeepsAll) { EXPECT_EQ(Filtered("true"), kSource); }
TEST(SourceFilterTest, FalseShowsNoSource) {
  EXPECT_FALSE(SourceFilter::Parse(json::value(false)).value().shows_source());
}
TEST(SourceFilterTest, NamesPick) {
  EXPECT_EQ(Filtered(R"("name")"), R"({"name":"n"})");
  EXPECT_EQ(Filtered(R"(["tags","name"])"), R"({"name":"n","tags":["a"]})");
  EXPECT_EQ(Filtered(R"(["missing"])"), "{}");
}
TEST(SourceFilterTest, APathPicksInsideObjectsAndArrays) {
  EXPECT_EQ(Filtered(R"("model_config.all")"), R"({"model_config":{"all":{"x":1}}})");
  EXPECT_EQ(Filtered(R"("actions.url")"), R"({"actions":[{"url":"u"},{"url":"w"}]})");
  EXPECT_EQ(Filtered(R"("actions.headers.k")"), R"({"actions":[{"headers":{"k":"v"}}]})");
}
TEST(SourceFilterTest, StarsMatchAnyRun) {
  EXPECT_EQ(Filtered(R"(["*e"])"), R"({"name":"n","model_config":{"model_type":"bert"}})");
  EXPECT_EQ(Filtered(R"("model_c*")"), R"({"model_config":{"model_type":"bert","all":{"x":1}}})");
}
TEST(SourceFilterTest, ExcludesWin) {
  EXPECT_EQ(Filtered(R"({"includes":["name","model_config"],"excludes":["model_config.all"]})"),
            R"({"name":"n","model_config":{"model_type":"bert"}})");
  EXPECT_EQ(Filtered(R"({"excludes":["model_config","actions","t*"]})"), R"({"name":"n"})");
}
TEST(SourceFilterTest, WrongKindsAreRefused) {
  EXPECT_EQ(Filtered("5"), "Expected [START_ARRAY] or [VALUE_STRING] in [_source] but found 5");
  EXPECT_EQ(Filtered("[5]"), "Expected [VALUE_STRING] in [_source] but found 5");
  EXPECT_EQ(Filtered(R"({"x":[]})"), "Unknown key for a START_OBJECT in [x].");
}

}  // namespace
}  // namespace mlnode::query
