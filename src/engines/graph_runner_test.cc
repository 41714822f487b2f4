#include "engines/graph_runner.h"

#include <gmock/gmock.h>

#include <numeric>
#include <optional>
#include <stdexcept>

#include "engines/graph_inputs.h"

namespace mlnode::engines {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What a test's graph computes: outputs of one run from its inputs (values by slot, rows, length).
struct OneRun {
  std::vector<std::vector<std::int64_t>> inputs;
  std::int64_t rows = 0;
  std::int64_t length = 0;
};
struct Output {
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> values;
};

class TestGraph final : public Graph {
 public:
  std::vector<InputSlot> slots = {{.kind = InputKind::kIds, .name = "input_ids"}};
  std::vector<OutputSlot> declared = {{.name = "out", .type = DataType::kInt64}};
  BatchLimits batch_limits;
  std::function<std::vector<Output>(const OneRun&)> compute = [](const OneRun& run) {
    return std::vector<Output>{{.shape = {run.rows, run.length}, .values = run.inputs[0]}};
  };
  std::vector<OneRun>* runs = nullptr;

  const std::vector<InputSlot>& inputs() const override { return slots; }
  const std::vector<OutputSlot>& outputs() const override { return declared; }
  std::string engine() const override { return "test 1"; }
  Precision precision() const override { return Precision::kF32; }
  BatchLimits limits() const override { return batch_limits; }
  Status Compute(std::span<const InputTensor> inputs, std::span<const std::int32_t> wanted,
                 const Reader& read) override {
    OneRun run{.inputs = {}, .rows = inputs[0].shape[0], .length = inputs[0].shape[1]};
    for (const InputTensor& input : inputs) {
      const auto* const values = static_cast<const std::int64_t*>(input.data);
      run.inputs.emplace_back(values, values + run.rows * run.length);
    }
    const std::vector<Output> outputs = compute(run);
    if (runs != nullptr) runs->push_back(run);
    std::vector<OutputTensor> tensors;
    for (const std::int32_t o : wanted) {
      const Output& output = outputs.at(static_cast<std::size_t>(o));
      tensors.push_back({.type = DataType::kInt64, .shape = output.shape, .data = output.values.data()});
    }
    return read(tensors);
  }
};

class GraphRunnerTest : public ::testing::Test {
 protected:
  // Ids 1..7 in sequences of 3, 1 and 3.
  MlnodeBatch Batch() const {
    return {.ids = ids_.data(),
            .type_ids = nullptr,
            .offsets = offsets_.data(),
            .sequences = 3,
            .features = features_.data(),
            .feature_count = features_.size()};
  }
  Result<std::unique_ptr<GraphRunner>> Make(OutputRule rule = OutputRule::kRows) {
    graph_->runs = &runs_;
    auto runner = GraphRunner::Make(std::move(graph_), {.file = {}, .cache_dir = {}, .output_rule = rule});
    runs_.clear();
    return runner;
  }
  static std::vector<std::int64_t> Values(const RunResult& result, std::size_t sequence, std::size_t output = 0) {
    MlnodeTensor tensor{};
    result.Describe(sequence, output, tensor);
    const auto count = std::accumulate(tensor.dims, tensor.dims + tensor.rank, std::int64_t{1}, std::multiplies<>());
    const auto* const values = static_cast<const std::int64_t*>(tensor.data);
    return {values, values + count};
  }
  const std::vector<std::int64_t> ids_{1, 2, 3, 4, 5, 6, 7};
  const std::vector<std::size_t> offsets_{0, 3, 4, 7};
  std::vector<MlnodeFeature> features_;
  std::unique_ptr<TestGraph> graph_ = std::make_unique<TestGraph>();
  std::vector<OneRun> runs_;  // since the runner was made
};

TEST_F(GraphRunnerTest, CutsPaddingOffWhatFollowsTheLength) {
  const auto runner = Make().value();
  EXPECT_THAT(runner->outputs()[0].dims, ElementsAre(-1, -1));
  const auto result = runner->Run(Batch(), std::vector<std::int32_t>{0}).value();
  ASSERT_EQ(runs_.size(), 1u);
  EXPECT_EQ(runs_[0].rows, 3);
  EXPECT_EQ(runs_[0].length, 8);
  EXPECT_THAT(Values(*result, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(Values(*result, 1), ElementsAre(4));
  EXPECT_THAT(Values(*result, 2), ElementsAre(5, 6, 7));
}

TEST_F(GraphRunnerTest, WhatDoesNotFollowTheLengthStaysWhole) {
  graph_->compute = [](const OneRun& run) {
    std::vector<std::int64_t> values;
    for (std::int64_t i = 0; i < run.rows * run.length; i += run.length) {
      const std::int64_t first = run.inputs[0][static_cast<std::size_t>(i)];
      values.insert(values.end(), {first, -first});
    }
    return std::vector<Output>{{.shape = {run.rows, 2}, .values = values}};
  };
  const auto runner = Make().value();
  EXPECT_THAT(runner->outputs()[0].dims, ElementsAre(-1, 2));
  const auto result = runner->Run(Batch(), std::vector<std::int32_t>{0}).value();
  EXPECT_THAT(Values(*result, 2), ElementsAre(5, -5));
}

TEST_F(GraphRunnerTest, GraphThatThrowsForTwoRowsRunsOneByOne) {
  graph_->compute = [](const OneRun& run) {
    if (run.rows != 1) throw std::runtime_error("baked");
    return std::vector<Output>{{.shape = {1, run.length}, .values = run.inputs[0]}};
  };
  const auto result = Make().value()->Run(Batch(), std::vector<std::int32_t>{0}).value();
  EXPECT_EQ(runs_.size(), 3u);
  EXPECT_THAT(Values(*result, 2), ElementsAre(5, 6, 7));
}

TEST_F(GraphRunnerTest, GraphWhoseOutputIgnoresTheRowsRunsOneByOne) {
  graph_->compute = [](const OneRun& run) {
    return std::vector<Output>{{.shape = {1, 1}, .values = {run.inputs[0][0]}}};
  };
  const auto result = Make().value()->Run(Batch(), std::vector<std::int32_t>{0}).value();
  EXPECT_EQ(runs_.size(), 3u);
  EXPECT_THAT(Values(*result, 1), ElementsAre(4));
}

TEST_F(GraphRunnerTest, OutputWithoutRowsIsRefusedUnlessWhole) {
  const auto compute = [](const OneRun& run) {  // as many as there are even ids
    std::vector<std::int64_t> even;
    std::ranges::copy_if(run.inputs[0], std::back_inserter(even),
                         [](std::int64_t id) { return id > 0 && id % 2 == 0; });
    return std::vector<Output>{{.shape = {static_cast<std::int64_t>(even.size())}, .values = even}};
  };
  graph_->compute = compute;
  const auto refused = Make();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("first axis"));
  graph_ = std::make_unique<TestGraph>();
  graph_->compute = compute;
  const auto runner = Make(OutputRule::kWhole).value();
  const auto result = runner->Run(Batch(), std::vector<std::int32_t>{0}).value();
  ASSERT_EQ(runs_.size(), 3u);
  for (const OneRun& run : runs_) EXPECT_LE(run.length, 3) << "padded";
  EXPECT_THAT(Values(*result, 0), ElementsAre(2));
  EXPECT_THAT(Values(*result, 2), ElementsAre(6));
}

TEST_F(GraphRunnerTest, FeaturesArePaddedWithTheirOwnValue) {
  graph_->slots.push_back({.kind = InputKind::kFeature, .name = "sentence_ids"});
  graph_->compute = [](const OneRun& run) {
    return std::vector<Output>{{.shape = {run.rows, run.length}, .values = run.inputs[1]}};
  };
  const std::vector<std::int64_t> sentences{0, 0, 1, 2, 2, 2, 3};
  features_ = {{.name = "sentence_ids", .values = sentences.data(), .padding = -100}};
  const auto result = Make().value()->Run(Batch(), std::vector<std::int32_t>{0}).value();
  ASSERT_EQ(runs_.size(), 1u);
  EXPECT_EQ(runs_[0].inputs[1][3], -100);
  EXPECT_EQ(runs_[0].inputs[0][3], 0);
  EXPECT_THAT(Values(*result, 2), ElementsAre(2, 2, 3));
}

TEST_F(GraphRunnerTest, RefusesBatchesThatDoNotFit) {
  graph_->slots[0].length = 2;
  const auto runner = Make().value();
  const auto too_long = runner->Run(Batch(), std::vector<std::int32_t>{0});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().message, "sequence 0 has 3 tokens, the model's graph takes 2");
  features_ = {{.name = "sentence_ids", .values = ids_.data(), .padding = 0}};
  EXPECT_EQ(runner->Run(Batch(), std::vector<std::int32_t>{0}).error().code, Code::kInvalidArgument);
}

TEST_F(GraphRunnerTest, ShapeOtherThanProbedIsInternal) {
  graph_->compute = [](const OneRun& run) {
    return std::vector<Output>{{.shape = {run.rows, run.inputs[0][0] == 0 ? run.length : 1}, .values = run.inputs[0]}};
  };
  const auto result = Make().value()->Run(Batch(), std::vector<std::int32_t>{0});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInternal);
}

TEST_F(GraphRunnerTest, OneRowAtATimeWhereTheGraphAsksForIt) {
  graph_->batch_limits = {.length_step = 1, .max_rows = 1};
  const auto result = Make().value()->Run(Batch(), std::vector<std::int32_t>{0}).value();
  ASSERT_EQ(runs_.size(), 3u);
  EXPECT_EQ(runs_[0].length, 3);
  EXPECT_THAT(Values(*result, 1), ElementsAre(4));
}

TEST(InputSlotTest, RefusesWhatTokensCannotFill) {
  const auto message = [](const DeclaredInput& input) { return ToInputSlot(input, {"sentence_ids"}).error().message; };
  EXPECT_THAT(message({.name = "pixels", .type = DataType::kInt64, .type_text = "i64", .dims = {-1, -1}}),
              HasSubstr("input_ids, attention_mask, token_type_ids and position_ids, sentence_ids"));
  EXPECT_THAT(message({.name = "input_ids", .type = DataType::kFloat32, .type_text = "f32", .dims = {-1, -1}}),
              HasSubstr("has type f32"));
  EXPECT_THAT(message({.name = "input_ids", .type = std::nullopt, .type_text = "u4", .dims = {-1, -1}}),
              HasSubstr("has type u4"));
  EXPECT_THAT(message({.name = "input_ids", .type = DataType::kInt64, .type_text = "i64", .dims = {-1}}),
              HasSubstr("has shape [?]"));
  EXPECT_EQ(CheckInputSlots({{.kind = InputKind::kMask, .name = "attention_mask"}}).error().message,
            "the model has no input input_ids");
}

}  // namespace
}  // namespace mlnode::engines
