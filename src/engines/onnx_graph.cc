#include "engines/onnx_graph.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace mlnode::engines {
namespace {

// Field numbers of onnx.proto3. NodeProto and its attributes nest; everything else is skipped.
constexpr std::uint64_t kModelGraph = 7;
constexpr std::uint64_t kModelFunctions = 25;
constexpr std::uint64_t kGraphNode = 1;
constexpr std::uint64_t kFunctionNode = 7;
constexpr std::uint64_t kNodeOpType = 4;
constexpr std::uint64_t kNodeAttribute = 5;
constexpr std::uint64_t kAttributeGraph = 6;
constexpr std::uint64_t kAttributeGraphs = 11;

constexpr int kDeepest = 32;  // graphs in graphs; exports have two or three
constexpr std::size_t kLongestName = 256;
constexpr std::size_t kMostTypes = 4096;  // ONNX has about 200, runtimes as many of their own

// Operators that compute on integers, by how their names begin (ONNX and its com.microsoft domain).
constexpr std::array<std::string_view, 12> kQuantised = {
    "QLinear",    "MatMulInteger", "ConvInteger", "DynamicQuantize", "QuantizeLinear", "DequantizeLinear",
    "QAttention", "QGemm",         "QEmbed",      "MatMulNBits",     "QOrdered",       "MatMulBnb4"};
constexpr std::string_view kDynamic = "DynamicQuantize";

Error NotOnnx(const std::string& why) {
  return MakeError(Code::kInvalidArgument, "the model file is not an ONNX model: " + why);
}

// Bytes of a file by offset, read through a window, so that a file that is cut or fails under the reader is an error
// and not a signal.
class FileWindow {
 public:
  explicit FileWindow(const std::filesystem::path& file) : descriptor_(open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) return;
    const off_t end = lseek(descriptor_, 0, SEEK_END);
    size_ = end < 0 ? 0 : static_cast<std::uint64_t>(end);
  }
  FileWindow(const FileWindow&) = delete;
  FileWindow& operator=(const FileWindow&) = delete;
  ~FileWindow() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  bool is_open() const { return descriptor_ >= 0; }
  std::uint64_t size() const { return size_; }

  // False beyond the end, or when the file cannot be read.
  bool Byte(std::uint64_t at, std::uint8_t& byte) {
    if (at < begin_ || at >= begin_ + filled_) {
      begin_ = at;
      const ssize_t got = at < size_ ? pread(descriptor_, window_.data(), window_.size(), static_cast<off_t>(at)) : 0;
      filled_ = got < 0 ? 0 : static_cast<std::size_t>(got);
      if (filled_ == 0) return false;
    }
    byte = window_[at - begin_];
    return true;
  }

 private:
  int descriptor_;
  std::uint64_t size_ = 0;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
  std::vector<std::uint8_t> window_ = std::vector<std::uint8_t>(64 * 1024);
};

struct Range {
  std::uint64_t begin;
  std::uint64_t end;
};

// One field of a message: its number and, where it is length-delimited, its bytes.
struct Field {
  std::uint64_t number = 0;
  bool has_bytes = false;
  Range bytes{};
};

class OperatorWalk {
 public:
  explicit OperatorWalk(FileWindow& file) : file_(file) {}

  Status Model() {
    return Fields({0, file_.size()}, [&](const Field& field) -> Status {
      if (field.number == kModelGraph && field.has_bytes) {
        has_graph_ = true;
        return Nodes(field.bytes, kGraphNode, 0);
      }
      if (field.number == kModelFunctions && field.has_bytes) return Nodes(field.bytes, kFunctionNode, 0);
      return {};
    });
  }
  bool has_graph() const { return has_graph_; }
  std::set<std::string> TakeTypes() { return std::move(types_); }

 private:
  Status Nodes(Range message, std::uint64_t node_field, int depth) {
    if (depth > kDeepest) return NotOnnx("graphs nested too deep");
    return Fields(message, [&](const Field& field) -> Status {
      return field.number == node_field && field.has_bytes ? Node(field.bytes, depth) : Status();
    });
  }

  Status Node(Range message, int depth) {
    return Fields(message, [&](const Field& field) -> Status {
      if (field.number == kNodeOpType && field.has_bytes) return Name(field.bytes);
      if (field.number == kNodeAttribute && field.has_bytes) return Attribute(field.bytes, depth);
      return {};
    });
  }

  Status Attribute(Range message, int depth) {
    return Fields(message, [&](const Field& field) -> Status {
      const bool is_graph = field.number == kAttributeGraph || field.number == kAttributeGraphs;
      return is_graph && field.has_bytes ? Nodes(field.bytes, kGraphNode, depth + 1) : Status();
    });
  }

  Status Name(Range bytes) {
    if (bytes.end - bytes.begin > kLongestName) return NotOnnx("an operator's name is too long");
    std::string name;
    for (std::uint64_t at = bytes.begin; at < bytes.end; ++at) {
      std::uint8_t byte = 0;
      if (!file_.Byte(at, byte)) return NotOnnx("it ends in the middle");
      name += static_cast<char>(byte);
    }
    types_.insert(std::move(name));
    return types_.size() <= kMostTypes ? Status() : NotOnnx("too many kinds of operators");
  }

  // Calls `visit` for every field of the message.
  template <class Visit>
  Status Fields(Range message, Visit visit) {
    std::uint64_t at = message.begin;
    while (at < message.end) {
      Field field;
      RETURN_IF_ERROR(Next(at, message.end, field));
      RETURN_IF_ERROR(visit(field));
    }
    return {};
  }

  // Reads the field at `at` and moves `at` behind it.
  Status Next(std::uint64_t& at, std::uint64_t end, Field& field) {
    ASSIGN_OR_RETURN(const std::uint64_t tag, Varint(at, end));
    field.number = tag >> 3U;
    std::uint64_t length = 0;
    switch (tag & 7U) {
      case 0: {  // varint
        ASSIGN_OR_RETURN(const std::uint64_t ignored, Varint(at, end));
        (void)ignored;
        break;
      }
      case 1:  // 64 bits
        length = 8;
        break;
      case 2: {  // length-delimited
        ASSIGN_OR_RETURN(length, Varint(at, end));
        field.has_bytes = true;
        break;
      }
      case 5:  // 32 bits
        length = 4;
        break;
      default:
        return NotOnnx("it is no protobuf");
    }
    if (field.number == 0) return NotOnnx("it is no protobuf");
    if (length > end - at) return NotOnnx("it ends in the middle");
    field.bytes = {at, at + length};
    at += length;
    return {};
  }

  Result<std::uint64_t> Varint(std::uint64_t& at, std::uint64_t end) {
    constexpr unsigned kWidest = 64;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < kWidest; shift += 7) {
      std::uint8_t byte = 0;
      if (at >= end || !file_.Byte(at, byte)) return NotOnnx("it ends in the middle");
      ++at;
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    return NotOnnx("it is no protobuf");
  }

  FileWindow& file_;
  bool has_graph_ = false;
  std::set<std::string> types_;
};

}  // namespace

Result<OnnxOperators> ReadOnnxOperators(const std::filesystem::path& file) {
  FileWindow window(file);
  if (!window.is_open()) return MakeError(Code::kInvalidArgument, "the model file cannot be read");
  OperatorWalk walk(window);
  RETURN_IF_ERROR(walk.Model());
  OnnxOperators operators{.types = walk.TakeTypes()};
  if (!walk.has_graph() || operators.types.empty()) return NotOnnx("it holds no graph");
  for (const std::string& type : operators.types) {
    operators.quantised = operators.quantised || std::ranges::any_of(kQuantised, [&](std::string_view begin) {
                            return type.starts_with(begin);
                          });
    operators.dynamic = operators.dynamic || type.starts_with(kDynamic);
  }
  return operators;
}

}  // namespace mlnode::engines
