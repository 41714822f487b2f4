#include "rest/predict_writer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace mlnode::rest {
namespace {

serving::PredictResult TwoDocuments() {
  serving::PredictResult result;
  result.documents.push_back({{"sentence_embedding", MakeFloatTensor({0.5F, -1.25F, 1e-7F}, {3})}});
  result.documents.push_back(
      {{"sentence_embedding", MakeFloatTensor({0.043933574F}, {1, 1})}, {"other \"one\"", MakeFloatTensor({}, {0})}});
  return result;
}

std::string Write(const ResultFilter& filter) { return WritePredictReply(TwoDocuments(), filter).value(); }

TEST(WritePredictReplyTest, PrintsEveryTensor) {
  EXPECT_EQ(
      Write({}),
      R"({"inference_results":[{"output":[{"name":"sentence_embedding","data_type":"FLOAT32","shape":[3],"data":[0.5,-1.25,1e-07]}]},)"
      R"({"output":[{"name":"sentence_embedding","data_type":"FLOAT32","shape":[1,1],"data":[0.043933574]},)"
      R"({"name":"other \"one\"","data_type":"FLOAT32","shape":[0],"data":[]}]}]})");
}

TEST(WritePredictReplyTest, LeavesDataOut) {
  ResultFilter filter;
  filter.return_number = false;
  filter.positions = {0};
  EXPECT_EQ(Write(filter),
            R"({"inference_results":[{"output":[{"name":"sentence_embedding","data_type":"FLOAT32","shape":[3]}]},)"
            R"({"output":[{"name":"sentence_embedding","data_type":"FLOAT32","shape":[1,1]}]}]})");
}

TEST(WritePredictReplyTest, ADocumentWithNothingKeptIsAnEmptyObject) {
  ResultFilter filter;
  filter.names = {"nope"};
  EXPECT_EQ(Write(filter), R"({"inference_results":[{},{}]})");
  EXPECT_EQ(PrintedValues(TwoDocuments(), filter), 0U);
}

TEST(WritePredictReplyTest, KeepsByPosition) {
  ResultFilter filter;
  filter.positions = {1};
  EXPECT_EQ(
      Write(filter),
      R"({"inference_results":[{},{"output":[{"name":"other \"one\"","data_type":"FLOAT32","shape":[0],"data":[]}]}]})");
}

TEST(WritePredictReplyTest, PrintsIntegers) {
  static const std::int64_t kValues[] = {101, -7};
  serving::PredictResult result;
  result.documents.push_back(
      {{"input_ids", {.type = DataType::kInt64, .shape = {2}, .data = kValues, .owner = nullptr}}});
  EXPECT_EQ(
      WritePredictReply(result, {}).value(),
      R"({"inference_results":[{"output":[{"name":"input_ids","data_type":"INT64","shape":[2],"data":[101,-7]}]}]})");
}

TEST(WritePredictReplyTest, NamesATensorItCannotPrint) {
  static const std::uint16_t kHalf = 0;
  serving::PredictResult result;
  result.documents.push_back({{"half", {.type = DataType::kFloat16, .shape = {1}, .data = &kHalf, .owner = nullptr}}});
  const auto text = WritePredictReply(result, {});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kUnimplemented);
  EXPECT_EQ(text.error().message, "output [half] has type FLOAT16, which this version cannot print");
}

// Decimals are compared as float32, which is what they were.
nlohmann::json AsFloat32(nlohmann::json value) {
  if (value.is_structured()) {
    for (auto& element : value) element = AsFloat32(element);
  }
  return value.is_number_float() ? nlohmann::json(value.get<float>()) : value;
}

TEST(WritePredictCborTest, HoldsWhatTheJsonHolds) {
  ResultFilter by_position, no_data, nothing;
  by_position.positions = {1};
  no_data.return_number = false;
  nothing.names = {"nope"};
  for (const ResultFilter& filter : {ResultFilter(), by_position, no_data, nothing}) {
    const std::string cbor = WritePredictCbor(TwoDocuments(), filter).value();
    EXPECT_EQ(nlohmann::json::from_cbor(cbor), AsFloat32(nlohmann::json::parse(Write(filter))));
  }
}

TEST(WritePredictCborTest, WritesFloat32AsItIs) {
  serving::PredictResult result;
  result.documents.push_back({{"e", MakeFloatTensor({0.043933574F, -1.25F}, {2})}});
  const std::string cbor = WritePredictCbor(result, {}).value();
  EXPECT_TRUE(
      cbor.ends_with(std::string("\x64"
                                 "data\x82\xfa\x3d\x33\xf3\xb1\xfa\xbf\xa0\x00\x00",
                                 16)));
  const auto data = nlohmann::json::from_cbor(cbor).at("inference_results").at(0).at("output").at(0).at("data");
  EXPECT_EQ(data.at(0).get<float>(), 0.043933574F);
}

TEST(WritePredictCborTest, NamesATensorItCannotPrint) {
  static const std::uint16_t kHalf = 0;
  serving::PredictResult result;
  result.documents.push_back({{"half", {.type = DataType::kFloat16, .shape = {1}, .data = &kHalf, .owner = nullptr}}});
  EXPECT_EQ(WritePredictCbor(result, {}).error().code, Code::kUnimplemented);
}

TEST(PrintedValuesTest, CountsWhatIsKept) { EXPECT_EQ(PrintedValues(TwoDocuments(), {}), 4U); }

}  // namespace
}  // namespace mlnode::rest
