#include "query/aggregation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlnode::query {
namespace {

SearchDocument Doc(std::string_view source) {
  return {.id = "x", .source = std::make_shared<const json::object>(ParseJsonObject(source).value())};
}

class AggregationTest : public ::testing::Test {
 protected:
  std::string Count(std::string_view aggregation) const {
    const auto parsed = ParseAggregations(ParseJson(aggregation).value());
    if (!parsed) return parsed.error().message;
    std::vector<const SearchDocument*> pointers;
    for (const SearchDocument& document : documents_) pointers.push_back(&document);
    return ToJson(CountTerms(parsed->front(), pointers).at("buckets"));
  }
  const std::vector<SearchDocument> documents_ = {Doc(R"({"state":"B","n":2,"on":true,"tags":["x","x","y"]})"),
                                                  Doc(R"({"state":"B","n":10,"on":false})"),
                                                  Doc(R"({"state":"A","n":10,"tags":["y"]})"), Doc(R"({"n":null})")};
};

TEST_F(AggregationTest, CountsEachValueMostFrequentFirst) {
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"state"}}})"), R"([{"key":"B","doc_count":2},{"key":"A","doc_count":1}])");
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"tags"}}})"), R"([{"key":"y","doc_count":2},{"key":"x","doc_count":1}])");
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"none"}}})"), "[]");
}

TEST_F(AggregationTest, OrdersAsAsked) {
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"n","order":{"_key":"asc"}}}})"),
            R"([{"key":2,"doc_count":1},{"key":10,"doc_count":2}])");
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"state","order":[{"_count":"asc"},{"_key":"desc"}]}}})"),
            R"([{"key":"A","doc_count":1},{"key":"B","doc_count":2}])");
}

TEST_F(AggregationTest, BooleansAreNumbersWithAName) {
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"on","size":1}}})"),
            R"([{"key":0,"key_as_string":"false","doc_count":1}])");
}

TEST_F(AggregationTest, WhatIsNotShownIsCounted) {
  const auto parsed = ParseAggregations(ParseJson(R"({"s":{"terms":{"field":"state","size":1}}})").value()).value();
  EXPECT_EQ(ToJson(CountTerms(parsed[0], {&documents_[0], &documents_[2]})),
            R"({"doc_count_error_upper_bound":0,"sum_other_doc_count":1,"buckets":[{"key":"A","doc_count":1}]})");
}

TEST_F(AggregationTest, FewDocumentsMakeNoBucket) {
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"state","min_doc_count":2}}})"), R"([{"key":"B","doc_count":2}])");
}

TEST_F(AggregationTest, SaysWhyItRefuses) {
  EXPECT_EQ(Count(R"({"s":{"terrms":{}}})"), "Unknown aggregation type [terrms] did you mean [terms]?");
  EXPECT_EQ(Count(R"({"s":{"avg":{"field":"n"}}})"), "aggregation [avg] is not supported by this version");
  EXPECT_EQ(Count(R"({"s":{}})"), "Missing definition for aggregation [s]");
  EXPECT_EQ(Count(R"({"a>b":{"terms":{"field":"n"}}})"),
            "Invalid aggregation name [a>b]. Aggregation names can contain any character except '[', ']', and '>'");
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"n"},"aggs":{}}})"),
            "Found two aggregation type definitions in [s]: [terms] and [aggs]");
  EXPECT_EQ(Count(R"({"s":{"terms":5}})"), "Expected [START_OBJECT] under [terms], but got a [VALUE_NUMBER] in [s]");
  EXPECT_EQ(Count(R"({"s":{"terms":{}}})"), "Required one of fields [field, script], but none were specified. ");
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"n","nope":1}}})"), "[terms] unknown field [nope]");
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"n","size":0}}})"),
            "[size] must be a number of at least 1. Found [0] in [s]");
  EXPECT_EQ(Count(R"({"s":{"terms":{"field":"n","order":{"_key":"up"}}}})"), "Unknown order direction [up]");
  EXPECT_THAT(Count(R"({"s":{"terms":{"field":"name"}}})"), ::testing::HasSubstr("set fielddata=true on [name]"));
}

}  // namespace
}  // namespace mlnode::query
