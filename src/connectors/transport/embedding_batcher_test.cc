#include "connectors/transport/embedding_batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/testing/manual_executor.h"

namespace mlnode::connectors {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using ::testing::ElementsAre;
using Outputs = EmbeddingBatcher::Outputs;

// What was asked of the provider, and how to answer.
struct Asked {
  RemoteInput input;
  Deadline deadline;
  std::shared_ptr<std::atomic<bool>> cancelled;
  EmbeddingBatcher::Done done;
};

RemoteTensor Named(std::string name) {
  RemoteTensor tensor;
  tensor.name = std::move(name);
  return tensor;
}

// A tensor named after each document.
Outputs Embed(const RemoteInput& input, std::size_t calls = 1) {
  Outputs outputs(calls);
  const std::size_t step = (input.documents.size() + calls - 1) / calls;
  for (std::size_t i = 0; i < input.documents.size(); ++i) {
    outputs[i / step].tensors.push_back(Named(*input.documents[i]));
  }
  return outputs;
}

class EmbeddingBatcherTest : public ::testing::Test {
 protected:
  void Start(std::size_t max_documents) {
    batcher_ = EmbeddingBatcher::Create(
        {.max_documents = max_documents, .max_delay = 5ms},
        [this](RemoteInput input, Deadline deadline, std::shared_ptr<std::atomic<bool>> cancelled,
               EmbeddingBatcher::Done done) {
          asked_.push_back({std::move(input), deadline, std::move(cancelled), std::move(done)});
        },
        executor_, clock_);
  }
  static RemoteInput Docs(const std::vector<std::string>& documents) {
    RemoteInput input;
    input.algorithm = "TEXT_EMBEDDING";
    input.has_docs = true;
    input.documents.assign(documents.begin(), documents.end());
    return input;
  }
  // The index of its answer in answers_.
  std::size_t Submit(RemoteInput input, Deadline deadline = Deadline::Never(),
                     std::shared_ptr<std::atomic<bool>> cancelled = nullptr) {
    const std::size_t index = answers_.size();
    answers_.emplace_back();
    batcher_->Submit(std::move(input), deadline, std::move(cancelled),
                     [this, index](Result<Outputs> outputs) { answers_[index].push_back(std::move(outputs)); });
    return index;
  }
  // The names of the tensors, or the error's code; exactly one answer is expected.
  std::string Answer(std::size_t index) const {
    if (answers_[index].size() != 1) return std::to_string(answers_[index].size()) + " answers";
    const auto& answer = answers_[index].front();
    if (!answer) return std::string(CodeName(answer.error().code));
    std::string names;
    for (const auto& output : *answer) {
      names += '[';
      for (const auto& tensor : output.tensors) names += tensor.name;
      names += ']';
    }
    return names;
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  std::vector<Asked> asked_;
  std::vector<std::vector<Result<Outputs>>> answers_;
  std::unique_ptr<EmbeddingBatcher> batcher_;
};

TEST_F(EmbeddingBatcherTest, MergesWhatComesWithinTheDelay) {
  Start(10);
  const auto first = Submit(Docs({"a", "b"}));
  executor_.RunFor(4ms);
  const auto second = Submit(Docs({"c"}));
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(batcher_->WaitingDocuments(), 3U);
  executor_.RunFor(1ms);
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_THAT(asked_[0].input.documents, ElementsAre("a", "b", "c"));
  EXPECT_EQ(asked_[0].input.algorithm, "TEXT_EMBEDDING");
  EXPECT_EQ(batcher_->WaitingDocuments(), 0U);
  asked_[0].done(Embed(asked_[0].input));
  EXPECT_EQ(Answer(first), "[ab]");
  EXPECT_EQ(Answer(second), "[c]");
}

TEST_F(EmbeddingBatcherTest, GoesAtOnceWhenItIsFull) {
  Start(3);
  Submit(Docs({"a", "b"}));
  Submit(Docs({"c"}));
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].input.documents.size(), 3U);
  executor_.RunFor(1s);
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(EmbeddingBatcherTest, WhatDoesNotFitBeginsTheNext) {
  Start(3);
  Submit(Docs({"a", "b"}));
  const auto second = Submit(Docs({"c", "d"}));
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_THAT(asked_[0].input.documents, ElementsAre("a", "b"));
  executor_.RunFor(5ms);
  ASSERT_EQ(asked_.size(), 2U);
  asked_[1].done(Embed(asked_[1].input));
  EXPECT_EQ(Answer(second), "[cd]");
}

TEST_F(EmbeddingBatcherTest, KeepsOtherParametersApart) {
  Start(10);
  auto other = Docs({"b"});
  other.parameters["model"] = "m2";
  auto algorithm = Docs({"c"});
  algorithm.algorithm = "SPARSE_ENCODING";
  Submit(Docs({"a"}));
  Submit(std::move(other));
  Submit(std::move(algorithm));
  executor_.RunFor(5ms);
  EXPECT_EQ(asked_.size(), 3U);
}

TEST_F(EmbeddingBatcherTest, WhatCannotBeMergedRunsAtOnce) {
  Start(10);
  auto query = Docs({"a"});
  query.query = "q";
  auto batch = Docs({"a"});
  batch.action = ActionType::kBatchPredict;
  RemoteInput native;
  native.parameters["prompt"] = "p";
  Submit(std::move(query));
  Submit(std::move(batch));
  Submit(std::move(native));
  Submit(Docs({}));
  const auto large = Submit(Docs(std::vector<std::string>(10, "x")));
  ASSERT_EQ(asked_.size(), 5U);
  asked_[4].done(Embed(asked_[4].input, 2));  // chunked by the connector: passed on as it is
  EXPECT_EQ(Answer(large), "[xxxxx][xxxxx]");
}

TEST_F(EmbeddingBatcherTest, IsOffByDefault) {
  Start(static_cast<std::size_t>(ClientConfig().batch_max_documents));
  Submit(Docs({"a"}));
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(EmbeddingBatcherTest, CutsUpTheAnswerOfSeveralCalls) {
  Start(10);
  const auto first = Submit(Docs({"a"}));
  const auto second = Submit(Docs({"b", "c"}));
  executor_.RunFor(5ms);
  asked_[0].done(Embed(asked_[0].input, 2));
  EXPECT_EQ(Answer(first), "[a]");
  EXPECT_EQ(Answer(second), "[bc]");
}

TEST_F(EmbeddingBatcherTest, AnAnswerOfAnotherShapeIsNotGuessed) {
  Start(10);
  const auto first = Submit(Docs({"a"}));
  const auto second = Submit(Docs({"b"}));
  executor_.RunFor(5ms);
  asked_[0].done(Outputs{{.tensors = {Named("response")}}});
  ASSERT_EQ(asked_.size(), 3U);
  asked_[1].done(Outputs{{.tensors = {Named("r1")}}});
  asked_[2].done(Outputs{{.tensors = {Named("r2")}}});
  EXPECT_EQ(Answer(first), "[r1]");
  EXPECT_EQ(Answer(second), "[r2]");
}

TEST_F(EmbeddingBatcherTest, OneBadDocumentFailsItsOwnCallerOnly) {
  Start(10);
  const auto good = Submit(Docs({"a"}));
  const auto bad = Submit(Docs({"b"}));
  executor_.RunFor(5ms);
  Error refused = MakeError(Code::kUpstream, "too long");
  refused.upstream_status = 400;
  asked_[0].done(refused);
  ASSERT_EQ(asked_.size(), 3U);
  asked_[1].done(Embed(asked_[1].input));
  asked_[2].done(refused);
  EXPECT_EQ(Answer(good), "[a]");
  EXPECT_EQ(Answer(bad), "upstream");
}

TEST_F(EmbeddingBatcherTest, AnOverloadedProviderIsNotAskedAgain) {
  Start(10);
  const auto first = Submit(Docs({"a"}));
  const auto second = Submit(Docs({"b"}));
  executor_.RunFor(5ms);
  Error busy = MakeError(Code::kUpstream, "slow down");
  busy.upstream_status = 429;
  asked_[0].done(busy);
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_EQ(Answer(first), "upstream");
  EXPECT_EQ(Answer(second), "upstream");
}

TEST_F(EmbeddingBatcherTest, TheLatestDeadlineIsTheCallsAndEachKeepsItsOwn) {
  Start(10);
  const auto early = Submit(Docs({"a"}), Deadline::After(clock_, 20ms));
  const auto late = Submit(Docs({"b"}), Deadline::After(clock_, 1s));
  executor_.RunFor(5ms);
  EXPECT_EQ(asked_[0].deadline.at(), clock_.Now() + 995ms);
  executor_.RunFor(15ms);
  EXPECT_EQ(Answer(early), "deadline_exceeded");
  asked_[0].done(Embed(asked_[0].input));
  EXPECT_EQ(Answer(early), "deadline_exceeded");
  EXPECT_EQ(Answer(late), "[b]");
}

TEST_F(EmbeddingBatcherTest, LeavesOutWhoHasGone) {
  Start(10);
  auto cancelled = std::make_shared<std::atomic<bool>>(false);
  const auto gone = Submit(Docs({"a"}), Deadline::Never(), cancelled);
  const auto expired = Submit(Docs({"b"}), Deadline::After(clock_, 4ms));
  const auto here = Submit(Docs({"c"}));
  cancelled->store(true);
  executor_.RunFor(5ms);
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_THAT(asked_[0].input.documents, ElementsAre("c"));
  asked_[0].done(Embed(asked_[0].input));
  EXPECT_EQ(Answer(gone), "cancelled");
  EXPECT_EQ(Answer(expired), "deadline_exceeded");
  EXPECT_EQ(Answer(here), "[c]");
}

TEST_F(EmbeddingBatcherTest, BoundsWhatWaits) {
  Start(EmbeddingBatcher::kMaxWaitingDocuments * 2);
  Submit(Docs(std::vector<std::string>(EmbeddingBatcher::kMaxWaitingDocuments, "x")));
  EXPECT_TRUE(asked_.empty());
  Submit(Docs({"one more"}));
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(EmbeddingBatcherTest, FailsWhatWaitsWhenItGoes) {
  Start(10);
  const auto waiting = Submit(Docs({"a"}));
  batcher_.reset();
  EXPECT_EQ(Answer(waiting), "cancelled");
  executor_.RunFor(1s);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(EmbeddingBatcherTest, WhoRunsAloneCanBeCancelled) {
  Start(10);
  const auto flag = std::make_shared<std::atomic<bool>>(false);
  Submit(Docs({"a"}), Deadline::Never(), flag);
  executor_.RunFor(5ms);
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].cancelled, flag);
  Submit(Docs({"b"}), Deadline::Never(), flag);
  Submit(Docs({"c"}));
  executor_.RunFor(5ms);
  ASSERT_EQ(asked_.size(), 2U);
  EXPECT_EQ(asked_[1].cancelled, nullptr) << "another waits for it too";
  asked_[1].done(MakeError(Code::kInvalidArgument, "one of them"));
  ASSERT_EQ(asked_.size(), 4U);
  EXPECT_EQ(asked_[2].cancelled, flag);
  EXPECT_EQ(asked_[3].cancelled, nullptr);
}

TEST_F(EmbeddingBatcherTest, SharesTheTokensByDocuments) {
  Start(10);
  Submit(Docs({"a"}));
  Submit(Docs({"b", "c"}));
  Submit(Docs({"d"}));
  executor_.RunFor(5ms);
  Outputs outputs = Embed(asked_[0].input, 2);
  outputs[0].tokens = 7;
  outputs[1].tokens = 4;
  asked_[0].done(std::move(outputs));
  std::vector<std::uint64_t> tokens;
  for (const auto& answers : answers_) tokens.push_back(answers.front()->front().tokens);
  EXPECT_THAT(tokens, ElementsAre(2U, 6U, 3U));
}

}  // namespace
}  // namespace mlnode::connectors
