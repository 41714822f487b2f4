#include "engines/onnx_graph.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "core/testing/temp_dir.h"

namespace mlnode::engines {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>((value & 0x7fU) | 0x80U);
  return bytes + static_cast<char>(value);
}

// A length-delimited field.
std::string Field(std::uint64_t number, const std::string& bytes) {
  return Varint(number << 3U | 2U) + Varint(bytes.size()) + bytes;
}

std::string Node(const std::string& op_type, const std::string& attributes = "") {
  return Field(1, Field(1, "input") + Field(2, "output") + Field(4, op_type) + attributes);
}
std::string Model(const std::string& graph) { return Field(7, graph); }

class OnnxGraphTest : public ::testing::Test {
 protected:
  Result<OnnxOperators> Read(const std::string& bytes) { return ReadOnnxOperators(dir_.Write("model.onnx", bytes)); }
  void ExpectInvalid(const std::string& bytes, const std::string& why) {
    const auto read = Read(bytes);
    ASSERT_FALSE(read) << why;
    EXPECT_EQ(read.error().code, Code::kInvalidArgument);
    EXPECT_THAT(read.error().message, HasSubstr(why));
  }
  mlnode::testing::TempDir dir_;
};

TEST_F(OnnxGraphTest, FindsOperatorsAmongOtherFields) {
  const std::string version = "\x08\x09";  // varint
  const std::string fixed =
      "\x3d"
      "1234" +
      std::string("\x39") + "12345678";  // 32 and 64 bits, fields unknown to it
  const auto read =
      Read(version + Field(2, "maker") +
           Model(Field(2, "name") + Node("Gather") + Node("MatMul") + fixed + Node("MatMul")) + Field(8, "opset"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->types, ElementsAre("Gather", "MatMul"));
  EXPECT_FALSE(read->quantised);
  EXPECT_FALSE(read->dynamic);
}

TEST_F(OnnxGraphTest, LooksIntoSubgraphsAndFunctions) {
  const std::string branch = Field(5, Field(1, "then_branch") + Field(6, Node("MatMulInteger")));
  const std::string bodies = Field(5, Field(11, Node("Relu")) + Field(11, Node("Add")));
  const auto read = Read(Model(Node("If", branch + bodies)) + Field(25, Field(7, Field(4, "Mul"))));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->types, ElementsAre("Add", "If", "MatMulInteger", "Mul", "Relu"));
  EXPECT_TRUE(read->quantised);
}

TEST_F(OnnxGraphTest, KnowsQuantisedOperators) {
  for (const char* op_type :
       {"QLinearMatMul", "QLinearConv", "MatMulInteger", "MatMulIntegerToFloat", "ConvInteger", "DequantizeLinear",
        "QuantizeLinear", "QAttention", "DynamicQuantizeLSTM", "QEmbedLayerNormalization", "MatMulNBits"}) {
    EXPECT_TRUE(Read(Model(Node(op_type)))->quantised) << op_type;
  }
  for (const char* op_type : {"MatMul", "Cast", "Quick", "Conv", "LayerNormalization"}) {
    EXPECT_FALSE(Read(Model(Node(op_type)))->quantised) << op_type;
  }
  EXPECT_TRUE(Read(Model(Node("DynamicQuantizeLinear")))->dynamic);
  EXPECT_FALSE(Read(Model(Node("QLinearMatMul")))->dynamic);
}

TEST_F(OnnxGraphTest, SkipsWeightsLargerThanItsWindow) {
  const std::string weights = Field(5, std::string(300'000, '\xff'));
  const auto read = Read(Model(Node("Gather") + weights + Node("Add") + weights + Node("Mul")));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->types, ElementsAre("Add", "Gather", "Mul"));
}

TEST_F(OnnxGraphTest, RefusesWhatIsNoModel) {
  ExpectInvalid("", "holds no graph");
  ExpectInvalid(Model(""), "holds no graph");
  ExpectInvalid(Field(1, "x"), "holds no graph");
  ExpectInvalid("corrupt", "not an ONNX model");
  ExpectInvalid(std::string(16, '\xff'), "no protobuf");
  ExpectInvalid("\x3b", "no protobuf");                       // wire type 3
  ExpectInvalid(std::string("\x02\x01z", 3), "no protobuf");  // field 0
  ExpectInvalid(
      "\x3a\x7f"
      "too short",
      "ends in the middle");
  ExpectInvalid(Field(7, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "ends in the middle");
  ExpectInvalid(Model(Node(std::string(1000, 'a'))), "name is too long");
}

TEST_F(OnnxGraphTest, EveryCutIsAnErrorOrAShorterModel) {
  const std::string bytes = Field(2, "maker") + Model(Node("Gather") + Field(5, "weights") + Node("MatMulInteger"));
  for (std::size_t size = 0; size < bytes.size(); ++size) ExpectInvalid(bytes.substr(0, size), "not an ONNX model");
}

TEST_F(OnnxGraphTest, NestingIsBounded) {
  std::string graph = Node("Add");
  for (int depth = 0; depth < 100; ++depth) graph = Node("If", Field(5, Field(6, graph)));
  ExpectInvalid(Model(graph), "nested too deep");
}

TEST_F(OnnxGraphTest, MissingFileAndFolderAreInvalid) {
  EXPECT_EQ(ReadOnnxOperators("/nowhere/model.onnx").error().code, Code::kInvalidArgument);
  EXPECT_EQ(ReadOnnxOperators(dir_.path()).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace mlnode::engines
