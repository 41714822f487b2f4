#include "rest/predict_writer.h"

#include <gmock/gmock.h>

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
      {{"input_ids", TensorView{.type = DataType::kInt64, .shape = {2}, .data = kValues, .owner = nullptr}}});
  EXPECT_EQ(
      WritePredictReply(result, {}).value(),
      R"({"inference_results":[{"output":[{"name":"input_ids","data_type":"INT64","shape":[2],"data":[101,-7]}]}]})");
}

// One document of one tensor, everything printed.
std::string WriteOne(serving::NamedTensor named) {
  serving::PredictResult result;
  result.documents.emplace_back().push_back(std::move(named));
  ResultFilter all;
  all.return_bytes = true;
  const std::string text = WritePredictReply(result, all).value();
  constexpr std::string_view kBegin = R"({"inference_results":[{"output":[)";
  return text.substr(kBegin.size(), text.size() - kBegin.size() - 4);
}

template <class T>
std::string WriteValues(DataType type, const std::vector<T>& values) {
  return WriteOne({.tensor = TensorView{.type = type,
                                        .shape = {static_cast<std::int64_t>(values.size())},
                                        .data = values.data(),
                                        .owner = nullptr}});
}

TEST(WritePredictReplyTest, NarrowsToFloat32AndInt32) {
  EXPECT_EQ(WriteValues<double>(DataType::kFloat64, {0.1, -2.5, 1e-45}),
            R"({"data_type":"FLOAT64","shape":[3],"data":[0.1,-2.5,1e-45]})");
  EXPECT_EQ(WriteValues<std::uint16_t>(DataType::kFloat16, {0x3C00, 0xC100, 0x0001, 0x0000, 0x7BFF}),
            R"({"data_type":"FLOAT16","shape":[5],"data":[1.0,-2.5,5.9604645e-08,0.0,65504.0]})");
  EXPECT_EQ(WriteValues<std::int64_t>(DataType::kInt64, {101, -7, (1LL << 32) + 5}),
            R"({"data_type":"INT64","shape":[3],"data":[101,-7,5]})");
  EXPECT_EQ(WriteValues<std::uint8_t>(DataType::kBool, {1, 0}), R"({"data_type":"BOOLEAN","shape":[2],"data":[1,0]})");
}

TEST(WritePredictReplyTest, PrintsBytesInBase64) {
  EXPECT_EQ(WriteOne({.name = "similarity", .tensor = MakeFloatTensor({-6.077798F}, {1}), .has_bytes = true}),
            R"({"name":"similarity","data_type":"FLOAT32","shape":[1],"data":[-6.077798],)"
            R"("byte_buffer":{"array":"Un3CwA==","order":"LITTLE_ENDIAN"}})");
  const std::vector<std::uint8_t> bytes = {'M', 'a', 'n', 'y', ' '};
  const TensorView tensor{.type = DataType::kUint8, .shape = {5}, .data = bytes.data(), .owner = nullptr};
  EXPECT_EQ(WriteOne({.tensor = tensor, .has_bytes = true}),
            R"({"data_type":"UINT8","shape":[5],"data":[77,97,110,121,32],)"
            R"("byte_buffer":{"array":"TWFueSA=","order":"LITTLE_ENDIAN"}})");
}

TEST(WritePredictReplyTest, PrintsBytesOnlyWhenAskedAndThere) {
  serving::PredictResult result;
  result.documents.emplace_back().push_back({.name = "a", .tensor = MakeFloatTensor({1}, {1}), .has_bytes = true});
  EXPECT_EQ(WritePredictReply(result, {}).value().find("byte_buffer"), std::string::npos);
  EXPECT_EQ(WriteOne({.name = "a", .tensor = MakeFloatTensor({1}, {1})}).find("byte_buffer"), std::string::npos);
}

TEST(WritePredictReplyTest, PrintsMapsAndTexts) {
  EXPECT_EQ(WriteOne({.data_as_map = R"({"response":[{"a":1.0}]})"}), R"({"dataAsMap":{"response":[{"a":1.0}]}})");
  EXPECT_EQ(WriteOne({.name = "highlights", .data_as_map = "{}"}), R"({"name":"highlights","dataAsMap":{}})");
  EXPECT_EQ(WriteOne({.text = "new \"york\""}), R"({"result":"new \"york\""})");
  EXPECT_EQ(WriteOne({}), "{}");
}

// Decimals are compared as float32, which is what they were.
nlohmann::json AsFloat32(nlohmann::json value) {
  if (value.is_structured()) {
    for (auto& element : value) element = AsFloat32(element);
  }
  return value.is_number_float() ? nlohmann::json(value.get<float>()) : value;
}

serving::PredictResult Provided() {
  serving::PredictResult result;
  serving::NamedTensor floats{.name = "sentence_embedding"};
  floats.provided = serving::ProvidedNumbers{.data_type = "FLOAT32", .shape = {3}, .data = {0.26, 1, -0.25}};
  serving::NamedTensor bytes{.name = "sentence_embedding"};
  bytes.provided = serving::ProvidedNumbers{.data_type = "INT8", .shape = {2}, .data = {-128, 127}};
  serving::NamedTensor map{.name = "response"};
  map.data_as_map = R"({"a":1.0})";
  result.documents = {{std::move(floats), std::move(bytes)}, {std::move(map)}};
  result.statuses = {200, 201};
  return result;
}

TEST(WritePredictReplyTest, PrintsWhatAProviderSaid) {
  EXPECT_EQ(WritePredictReply(Provided(), {}).value(),
            R"({"inference_results":[{"output":[)"
            R"({"name":"sentence_embedding","data_type":"FLOAT32","shape":[3],"data":[0.26,1.0,-0.25]},)"
            R"({"name":"sentence_embedding","data_type":"INT8","shape":[2],"data":[-128,127]}],"status_code":200},)"
            R"({"output":[{"name":"response","dataAsMap":{"a":1.0}}],"status_code":201}]})");
  EXPECT_GE(PrintedValues(Provided(), {}), 5U);
}

TEST(WritePredictCborTest, HoldsWhatAProviderSaid) {
  const std::string cbor = WritePredictCbor(Provided(), {}).value();
  const auto read = nlohmann::json::from_cbor(cbor);
  const auto& first = read.at("inference_results").at(0);
  EXPECT_EQ(first.at("status_code"), 200);
  EXPECT_EQ(first.at("output").at(0).at("data"), nlohmann::json::parse("[0.26,1.0,-0.25]"));
  EXPECT_EQ(first.at("output").at(1).at("data_type"), "INT8");
  EXPECT_EQ(read.at("inference_results").at(1).at("output").at(0).at("dataAsMap").at("a"), 1.0);
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

TEST(WritePredictCborTest, HoldsEveryKindOfTensor) {
  static const std::uint16_t kHalf = 0x3c00;
  static const double kDouble = 0.5;
  static const std::int64_t kWide = 7;
  const auto view = [](DataType type, const void* data) {
    return TensorView{.type = type, .shape = {1}, .data = data, .owner = nullptr};
  };
  serving::PredictResult result;
  result.documents.push_back({{.name = "half", .tensor = view(DataType::kFloat16, &kHalf), .has_bytes = true},
                              {.name = "double", .tensor = view(DataType::kFloat64, &kDouble)},
                              {.name = "wide", .tensor = view(DataType::kInt64, &kWide)},
                              {.text = "new york"},
                              {.data_as_map = R"({"response":[{"a":0.5}]})"}});
  const ResultFilter filter{.return_bytes = true};
  auto tensors =
      nlohmann::json::from_cbor(WritePredictCbor(result, filter).value()).at("inference_results").at(0).at("output");
  EXPECT_EQ(tensors[0]["data"][0], 1.0);
  EXPECT_THAT(tensors[0]["byte_buffer"]["array"].get_binary(), ::testing::ElementsAre(0x00, 0x3c));
  EXPECT_EQ(tensors[1]["data"][0], 0.5);
  EXPECT_EQ(tensors[2]["data"][0], 7);
  EXPECT_EQ(tensors[3]["result"], "new york");
  EXPECT_EQ(tensors[4]["dataAsMap"]["response"][0]["a"], 0.5);
}

TEST(PrintedValuesTest, CountsWhatIsKept) { EXPECT_EQ(PrintedValues(TwoDocuments(), {}), 4U); }

}  // namespace
}  // namespace mlnode::rest
