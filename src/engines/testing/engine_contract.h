// engines/testing/engine_contract.h: what every engine must do, as one typed test suite.
// A suite instantiates it with a Traits type: static constexpr ModelFormat kFormat, static
// std::unique_ptr<EngineRegistry> MakeRegistry(), and three files (std::filesystem::path), each with a vocabulary of at
// least 32:
// - ModelFile(): input_ids, attention_mask, token_type_ids; outputs last_hidden_state [batch, tokens, dim] (0) and
//   sentence_embedding [batch, dim] (1);
// - FeatureFile(): the same outputs of input_ids, attention_mask and segment_ids, which are 0 or 1;
// - WholeFile(): input_ids, attention_mask, sentence_ids; output indices [n] INT64: the sentence_ids that are not
//   negative, in their order.
#pragma once

#include <gmock/gmock.h>

#include <cmath>

#include "core/executor.h"
#include "engines/testing/engine_contract_fixture.h"

namespace mlnode::engines {

TYPED_TEST_SUITE_P(EngineContract);

TYPED_TEST_P(EngineContract, DescribesTheModel) {
  const auto model = this->Load();
  std::vector<std::string> inputs;
  for (const Port& port : model->inputs()) inputs.push_back(port.name);
  EXPECT_THAT(inputs, ::testing::UnorderedElementsAre("input_ids", "attention_mask", "token_type_ids"));
  ASSERT_EQ(model->outputs().size(), 2u);
  EXPECT_EQ(model->outputs()[0].name, "last_hidden_state");
  EXPECT_EQ(model->outputs()[0].dims.size(), 3u);
  EXPECT_EQ(model->outputs()[1].dims.size(), 2u);
  EXPECT_EQ(model->precision(), Precision::kF32);
  EXPECT_TRUE(model->engine().starts_with(this->engine_->name() + " ")) << model->engine();
}

TYPED_TEST_P(EngineContract, RaggedBatchEqualsOneByOne) {
  const auto model = this->Load();
  const TokenBatch batch = this->Ragged(40);
  const auto together = model->Run(batch, {0, 1}).value();
  ASSERT_EQ(together.per_sequence.size(), 40u);
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    const auto alone = model->Run(this->Only(batch, s), {0, 1}).value();
    EXPECT_EQ(together.per_sequence[s][0].shape[0], static_cast<std::int64_t>(batch.Length(s)));
    this->ExpectNear(together.per_sequence[s][0], alone.per_sequence[0][0]);
    this->ExpectNear(together.per_sequence[s][1], alone.per_sequence[0][1]);
  }
}

TYPED_TEST_P(EngineContract, TokensAndTypesMatter) {
  const auto model = this->Load();
  const auto embed = [&](const TokenBatch& batch) { return model->Run(batch, {1}).value().per_sequence[0][0]; };
  const TensorView base = embed({.ids = {3, 4}, .type_ids = {}, .offsets = {0, 2}});
  const TensorView zeros = embed({.ids = {3, 4}, .type_ids = {0, 0}, .offsets = {0, 2}});
  const TensorView typed = embed({.ids = {3, 4}, .type_ids = {1, 1}, .offsets = {0, 2}});
  const TensorView other = embed({.ids = {3, 5}, .type_ids = {}, .offsets = {0, 2}});
  this->ExpectNear(zeros, base);
  EXPECT_GT(std::abs(typed.Floats()[0] - base.Floats()[0]), 1e-4F);
  EXPECT_GT(std::abs(other.Floats()[0] - base.Floats()[0]), 1e-4F);
}

TYPED_TEST_P(EngineContract, GivesTheWantedOutputsInOrder) {
  const auto model = this->Load();
  const TokenBatch batch = this->Ragged(2);
  const auto result = model->Run(batch, {1, 0}).value();
  EXPECT_EQ(result.per_sequence[1][0].shape.size(), 1u);
  EXPECT_EQ(result.per_sequence[1][1].shape.size(), 2u);
}

TYPED_TEST_P(EngineContract, EmptyBatchGivesNothing) {
  EXPECT_TRUE(this->Load()->Run(TokenBatch{}, {0}).value().per_sequence.empty());
}

TYPED_TEST_P(EngineContract, LongestSequenceFitsAndOneMoreIsNamed) {
  const auto model = this->Load();
  const auto length = static_cast<std::size_t>(TestFixture::kMaxTokens);
  TokenBatch batch{.ids = std::vector<std::int64_t>(length, 1), .type_ids = {}, .offsets = {0, length}};
  ASSERT_TRUE(model->Run(batch, {0}));
  batch.ids.push_back(1);
  batch.offsets.back() = length + 1;
  const auto result = model->Run(batch, {0});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().message, "sequence 0 has 65 tokens, the model takes 64");
}

TYPED_TEST_P(EngineContract, RefusesWhatIsNoBatch) {
  const auto model = this->Load();
  EXPECT_EQ(this->RunCode(*model, {.ids = {1}, .type_ids = {}, .offsets = {0, 1}}, {2}), Code::kInvalidArgument);
  EXPECT_EQ(this->RunCode(*model, {.ids = {1}, .type_ids = {}, .offsets = {0, 1}}, {-1}), Code::kInvalidArgument);
  EXPECT_EQ(this->RunCode(*model, {.ids = {1}, .type_ids = {}, .offsets = {0, 0, 1}}, {0}), Code::kInvalidArgument);
  EXPECT_EQ(this->RunCode(*model, {.ids = {1, 2}, .type_ids = {}, .offsets = {0, 1}}, {0}), Code::kInvalidArgument);
  EXPECT_EQ(this->RunCode(*model, {.ids = {1, 2}, .type_ids = {0}, .offsets = {0, 2}}, {0}), Code::kInvalidArgument);
  EXPECT_EQ(this->RunCode(*model, {.ids = {-1}, .type_ids = {}, .offsets = {0, 1}}, {0}), Code::kInvalidArgument);
}

TYPED_TEST_P(EngineContract, CorruptAndMissingFilesAreInvalid) {
  for (const std::string& content : {std::string("corrupt"), std::string("corrupt") + std::string(5000, '\0')}) {
    const auto model = this->TryLoad(this->dir_.Write("model.onnx", content));
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Code::kInvalidArgument) << model.error().message;
    EXPECT_THAT(model.error().message, ::testing::Not(::testing::HasSubstr(this->dir_.path())));
  }
  const auto missing = this->TryLoad("/nowhere/model.onnx");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kInvalidArgument);
}

// More threads than lanes: the rest waits, and nobody gets another's result.
TYPED_TEST_P(EngineContract, ConcurrentRunsDoNotMix) {
  const auto model = this->Load(2);
  const TokenBatch batch = this->Ragged(12);
  const auto expected = model->Run(batch, {0}).value();
  ThreadPool callers({.name = "callers", .threads = 4});
  for (std::size_t caller = 0; caller < 4; ++caller) {
    ASSERT_TRUE(callers.Post([&, caller] {
      for (std::size_t i = 0; i < 15; ++i) {
        const std::size_t s = (caller * 3 + i) % batch.sequences();
        const auto result = model->Run(this->Only(batch, s), {0});
        ASSERT_TRUE(result);
        this->ExpectNear(result->per_sequence[0][0], expected.per_sequence[s][0]);
      }
    }));
  }
  callers.Stop();
}

TYPED_TEST_P(EngineContract, ResultsOutliveTheModel) {
  auto model = this->Load();
  const TokenBatch batch = this->Ragged(3);
  const TensorView kept = model->Run(batch, {1}).value().per_sequence[2][0];
  const std::vector<float> before(kept.Floats().begin(), kept.Floats().end());
  model.reset();
  EXPECT_THAT(kept.Floats(), ::testing::ElementsAreArray(before));
}

TYPED_TEST_P(EngineContract, FeaturesReachTheGraphPadded) {
  const auto model = this->LoadFeature();
  EXPECT_EQ(model->inputs().size(), 3u);
  const TokenBatch batch = this->AsFeature(this->Ragged(20), "segment_ids");
  const auto together = model->Run(batch, {0, 1}).value();
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    const auto alone = model->Run(this->AsFeature(this->Only(this->Ragged(20), s), "segment_ids"), {0, 1}).value();
    this->ExpectNear(together.per_sequence[s][0], alone.per_sequence[0][0]);
    this->ExpectNear(together.per_sequence[s][1], alone.per_sequence[0][1]);
  }
  const auto embed = [&](std::int64_t segment) {
    const TokenBatch one{.ids = {3, 4}, .type_ids = {segment, segment}, .offsets = {0, 2}};
    return model->Run(this->AsFeature(one, "segment_ids"), {1}).value().per_sequence[0][0];
  };
  EXPECT_GT(std::abs(embed(1).Floats()[0] - embed(0).Floats()[0]), 1e-4F);
}

TYPED_TEST_P(EngineContract, RefusesMissingAndUnknownAndTornFeatures) {
  const auto model = this->LoadFeature();
  const TokenBatch plain{.ids = {3, 4}, .type_ids = {}, .offsets = {0, 2}};
  EXPECT_EQ(this->RunCode(*model, plain, {0}), Code::kInvalidArgument);
  TokenBatch batch = plain;
  batch.features = {{.name = "segment_ids", .values = {0, 1}}, {.name = "others", .values = {0, 1}}};
  EXPECT_EQ(this->RunCode(*model, batch, {0}), Code::kInvalidArgument);
  batch.features.pop_back();
  EXPECT_TRUE(model->Run(batch, {0}));
  batch.features[0].values.pop_back();
  EXPECT_EQ(this->RunCode(*model, batch, {0}), Code::kInvalidArgument);
}

TYPED_TEST_P(EngineContract, WholeOutputsComeAsTheyAre) {
  const auto model = this->LoadWhole();
  ASSERT_EQ(model->outputs().size(), 1u);
  EXPECT_EQ(model->outputs()[0].type, DataType::kInt64);
  TokenBatch batch{.ids = {1, 2, 3, 4, 5, 6, 7}, .type_ids = {}, .offsets = {0, 3, 4, 7}};
  batch.features = {{.name = "sentence_ids", .values = {-100, 0, 1, -100, 5, 5, -100}, .padding = -100}};
  const auto result = model->Run(batch, {0}).value();
  EXPECT_THAT(this->Integers(result.per_sequence[0][0]), ::testing::ElementsAre(0, 1));
  EXPECT_THAT(this->Integers(result.per_sequence[1][0]), ::testing::IsEmpty());
  EXPECT_THAT(this->Integers(result.per_sequence[2][0]), ::testing::ElementsAre(5, 5));
  EXPECT_EQ(result.per_sequence[2][0].shape.size(), 1u);
}

REGISTER_TYPED_TEST_SUITE_P(EngineContract, DescribesTheModel, RaggedBatchEqualsOneByOne, TokensAndTypesMatter,
                            GivesTheWantedOutputsInOrder, EmptyBatchGivesNothing, LongestSequenceFitsAndOneMoreIsNamed,
                            RefusesWhatIsNoBatch, CorruptAndMissingFilesAreInvalid, ConcurrentRunsDoNotMix,
                            ResultsOutliveTheModel, FeaturesReachTheGraphPadded,
                            RefusesMissingAndUnknownAndTornFeatures, WholeOutputsComeAsTheyAre);

}  // namespace mlnode::engines
