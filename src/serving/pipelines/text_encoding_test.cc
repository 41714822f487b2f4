#include "serving/pipelines/text_encoding.h"

#include <gmock/gmock.h>

#include <atomic>
#include <optional>

#include "core/testing/manual_executor.h"

namespace mlnode::serving {
namespace {

using ::testing::ElementsAre;

// Each text is one token: its size. "bad" is not UTF-8.
class SizePipeline final : public Pipeline {
 public:
  Status Check(const PredictRequest&) const override { return {}; }
  Status Encode(const PredictRequest&, std::span<const std::string_view> texts, Encoding& out) const override {
    ++pieces;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (texts[i] == "bad") return MakeError(Code::kInvalidArgument, "text " + std::to_string(i) + " is bad");
      ++out.stats.tokens;
      if (texts[i].size() > 9) ++out.stats.truncated;
      if (!has_engine) continue;
      out.batch.ids.push_back(static_cast<std::int64_t>(texts[i].size()));
      out.batch.offsets.push_back(out.batch.ids.size());
    }
    return {};
  }
  std::vector<int> Wanted(const PredictRequest&) const override { return {}; }
  std::shared_ptr<AnswerSink> MakeSink(const PredictRequest&, Encoding&) const override { return nullptr; }
  std::vector<PredictRequest> Probes() const override { return {}; }
  Status Inspect(std::size_t, const std::vector<TensorView>&) override { return {}; }
  Agreement Compare(const Documents&, const Documents&) const override { return {}; }

  mutable std::atomic<int> pieces = 0;
  bool has_engine = true;  // false: no batch is made, as of SPARSE_TOKENIZE
};

class TextEncodingTest : public ::testing::Test {
 protected:
  void SetTexts(std::vector<std::string> texts) {
    texts_ = std::move(texts);
    request_.texts.assign(texts_.begin(), texts_.end());
  }
  TextEncoding Work() {
    return {.pipeline = pipeline_,
            .request = request_,
            .wanted = [this] { return wanted_; },
            .fits =
                [this](std::size_t tokens) {
                  return tokens <= limit_ ? Status() : Status(MakeError(Code::kTooLarge, std::to_string(tokens)));
                }};
  }
  Result<Encoding> InParallel(int threads = 3) {
    std::optional<Result<Encoding>> answer;
    EncodeInParallel(Work(), executor_, threads, [&](Result<Encoding> encoding) {
      EXPECT_FALSE(answer) << "twice";
      answer = std::move(encoding);
    });
    executor_.RunUntilIdle();
    return answer ? *std::move(answer) : MakeError(Code::kInternal, "never");
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  SizePipeline pipeline_;
  std::vector<std::string> texts_;
  PredictRequest request_;
  Status wanted_;
  std::size_t limit_ = 1'000'000;
};

TEST_F(TextEncodingTest, OrderIsKeptOverPiecesHereAndInParallel) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 150; ++i) texts.emplace_back(i % 13 + 1, 'x');
  SetTexts(texts);
  const auto here = EncodeHere(Work());
  ASSERT_TRUE(here);
  EXPECT_EQ(pipeline_.pieces, 3);  // of 64 texts
  ASSERT_EQ(here->batch.sequences(), 150U);
  for (std::size_t i = 0; i < 150; ++i) EXPECT_THAT(here->batch.Ids(i), ElementsAre(texts_[i].size()));
  const auto parallel = InParallel();
  ASSERT_TRUE(parallel);
  EXPECT_EQ(parallel->batch.ids, here->batch.ids);
  EXPECT_EQ(parallel->batch.offsets, here->batch.offsets);
  EXPECT_EQ(parallel->stats.tokens, 150U);
  EXPECT_EQ(parallel->stats.truncated, here->stats.truncated);
}

TEST_F(TextEncodingTest, PiecesAreBoundedInBytes) {
  SetTexts({std::string(kMaxTextBytes, 'x'), std::string(kMaxTextBytes, 'y'), "z"});
  ASSERT_TRUE(EncodeHere(Work()));
  EXPECT_EQ(pipeline_.pieces, 3);
}

TEST_F(TextEncodingTest, TheFirstBadTextIsNamedWithItsPlace) {
  std::vector<std::string> texts(300, "x");
  texts[70] = texts[299] = "bad";
  SetTexts(texts);
  EXPECT_EQ(EncodeHere(Work()).error().message, "counted from text 64 on: text 6 is bad");
  EXPECT_EQ(InParallel().error().message, "counted from text 64 on: text 6 is bad");
}

TEST_F(TextEncodingTest, NothingIsReadBehindTheLimit) {
  SetTexts(std::vector<std::string>(640, "x"));
  limit_ = 100;
  EXPECT_EQ(EncodeHere(Work()).error().message, "128");
  EXPECT_EQ(pipeline_.pieces, 2);
  EXPECT_EQ(InParallel(1).error().message, "128");
  EXPECT_EQ(pipeline_.pieces, 4);
}

TEST_F(TextEncodingTest, WhatNobodyWantsIsNotRead) {
  SetTexts({"x"});
  wanted_ = MakeError(Code::kCancelled, "gone");
  EXPECT_EQ(EncodeHere(Work()).error().code, Code::kCancelled);
  EXPECT_EQ(InParallel().error().code, Code::kCancelled);
  EXPECT_EQ(pipeline_.pieces, 0);
}

TEST_F(TextEncodingTest, TokensCountWhereNoEngineRuns) {
  pipeline_.has_engine = false;
  SetTexts(std::vector<std::string>(640, "x"));
  limit_ = 100;
  EXPECT_EQ(EncodeHere(Work()).error().code, Code::kTooLarge);
  EXPECT_EQ(pipeline_.pieces, 2);
  EXPECT_EQ(InParallel().error().code, Code::kTooLarge);
}

class FullExecutor final : public Executor {
 public:
  explicit FullExecutor(Executor& inner, int room) : inner_(inner), room_(room) {}
  bool Post(Task task) override { return room_-- > 0 && inner_.Post(std::move(task)); }
  Timer PostAfter(Duration, Task) override { return Timer(); }

 private:
  Executor& inner_;
  int room_;
};

TEST_F(TextEncodingTest, NoRoomOnCpuIsAnsweredAtOnce) {
  SetTexts(std::vector<std::string>(640, "x"));
  FullExecutor full(executor_, 0);
  std::optional<Result<Encoding>> answer;
  EncodeInParallel(Work(), full, 2, [&](Result<Encoding> encoding) { answer = std::move(encoding); });
  ASSERT_TRUE(answer && !*answer);
  EXPECT_EQ(answer->error().code, Code::kResourceExhausted);
  EXPECT_TRUE(answer->error().retry_after);
}

TEST_F(TextEncodingTest, RoomForOneTaskIsEnough) {
  SetTexts(std::vector<std::string>(640, "x"));
  FullExecutor full(executor_, 1);
  std::optional<Result<Encoding>> answer;
  EncodeInParallel(Work(), full, 2, [&](Result<Encoding> encoding) { answer = std::move(encoding); });
  executor_.RunUntilIdle();
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->batch.sequences(), 640U);
}

TEST_F(TextEncodingTest, ThreadsShareTheWork) {
  ThreadPool pool({.name = "cpu", .threads = 4});
  SetTexts(std::vector<std::string>(6'400, "x"));
  std::atomic<std::size_t> sequences = 0;
  EncodeInParallel({.pipeline = pipeline_,
                    .request = request_,
                    .wanted = [] { return Status(); },
                    .fits = [](std::size_t) { return Status(); }},
                   pool, 4, [&](Result<Encoding> encoding) { sequences = encoding->batch.sequences(); });
  pool.Stop();
  EXPECT_EQ(sequences, 6'400U);
}

TEST(AppendEncodingTest, JoinsTypesFeaturesAndNotes) {
  Encoding all;
  Encoding plain;
  plain.batch = {.ids = {1, 2}, .type_ids = {}, .offsets = {0, 2}, .features = {{"f", {7, 8}, -1}}};
  plain.notes.push_back(std::make_unique<TextNote>());
  plain.stats = {.tokens = 2, .truncated = 1};
  Encoding typed;
  typed.batch = {.ids = {3}, .type_ids = {1}, .offsets = {0, 1}, .features = {{"f", {9}, -1}}};
  typed.notes.push_back(std::make_unique<TextNote>());
  Append(std::move(plain), all);
  Append(std::move(typed), all);
  EXPECT_THAT(all.batch.ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(all.batch.type_ids, ElementsAre(0, 0, 1));
  EXPECT_THAT(all.batch.offsets, ElementsAre(0, 2, 3));
  EXPECT_THAT(all.batch.features[0].values, ElementsAre(7, 8, 9));
  EXPECT_EQ(all.batch.features[0].padding, -1);
  EXPECT_EQ(all.notes.size(), 2U);
  EXPECT_EQ(all.stats.truncated, 1U);
}

}  // namespace
}  // namespace mlnode::serving
