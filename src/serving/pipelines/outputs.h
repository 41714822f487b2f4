// serving/pipelines/outputs.h: what the pipelines say and check of an engine's outputs. Pure functions.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/tensor.h"
#include "engines/engine.h"
#include "serving/pipeline.h"

namespace mlnode::serving {

// False when a floating-point value is NaN or infinite, as float32 at the latest. Integers are finite.
bool IsFinite(const TensorView& tensor);

// kInvalidArgument: "Output 'x' of the model <what>." For Pipeline::Inspect.
Error NotUsable(std::string_view output, std::string_view what);
// kInternal: another FLOAT32 shape than at the warm-up; NaN or infinity. For AnswerSink::Take.
Error Unexpected(std::string_view output, const TensorView& answer, const std::vector<std::int64_t>& wanted,
                 std::size_t text);
Error NotFinite(std::string_view output, std::size_t text);

std::string ShapeText(const std::vector<std::int64_t>& shape);  // "[2, 3]"
// Index of the output of this name; -1: none.
int OutputIndex(const engines::LoadedModel& engine, std::string_view name);
std::vector<int> AllOutputs(const engines::LoadedModel& engine);
// kInvalidArgument when the graph has fewer.
Status CheckOutputs(const engines::LoadedModel& engine, std::size_t least);

// A copy that owns its values.
TensorView CopyTensor(const TensorView& tensor);

// What the tensors of one answer may take together. As JSON a float takes about 10 bytes, so that the text of an answer
// is some 700 MB at most.
inline constexpr std::size_t kMaxAnswerBytes = 256UL * 1024 * 1024;

// Counts what an answer keeps. Threads: any.
class AnswerBytes {
 public:
  explicit AnswerBytes(std::size_t limit = kMaxAnswerBytes) : limit_(limit) {}
  // kTooLarge once there are more than the limit: says what to ask instead.
  Status Add(std::size_t bytes);

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> bytes_{0};
};

// Of the vectors that both answers hold as FLOAT32 tensors: the least cosine. same: at least 0.9999, within: 0.9995
// (the speed issue's limits, docs/compatibility.md). Other tensors must be equal in every byte; tensors that one answer
// lacks, or of other shapes, agree not at all.
Agreement CompareVectors(const Documents& reference, const Documents& other);
// Of texts and maps: equal or not; least is the share of equal documents.
Agreement CompareTexts(const Documents& reference, const Documents& other);

}  // namespace mlnode::serving
