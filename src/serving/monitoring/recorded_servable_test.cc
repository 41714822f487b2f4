#include "serving/monitoring/recorded_servable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "core/testing/manual_executor.h"

namespace mlnode::serving {
namespace {

using models::Action;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Keeps the prediction until the test answers it.
class WaitingServable final : public Servable {
 public:
  const LoadSpec& spec() const override { return spec_; }
  const ServableInfo& info() const override { return info_; }
  void Predict(PredictRequest, std::shared_ptr<Servable> self, PredictDone done) override {
    self_ = std::move(self);
    done_ = std::move(done);
  }
  void Answer(Result<PredictResult> result) {
    PredictDone done = std::move(done_);
    done(std::move(result));
    self_.reset();
  }

 private:
  LoadSpec spec_{.model = ModelId("m"),
                 .name = "m",
                 .function = models::FunctionName::kTextEmbedding,
                 .format = engines::ModelFormat::kOnnx,
                 .config = {},
                 .upload = {},
                 .content_hash = {}};
  ServableInfo info_;
  std::shared_ptr<Servable> self_;
  PredictDone done_;
};

class RecordedServableTest : public ::testing::Test {
 protected:
  // Answered after 5 ms.
  void Predict(Result<PredictResult> result) {
    recorded_->Predict({}, recorded_, [this](Result<PredictResult> answer) { answer_ = std::move(answer); });
    clock_.Advance(milliseconds(5));
    inner_->Answer(std::move(result));
  }
  static PredictResult Timed() {
    PredictResult result;
    result.times = {.queue = milliseconds(2), .tokenize = milliseconds(1), .engine = milliseconds(2)};
    return result;
  }
  std::vector<double> Requests() { return recorded_->latencies()->request.Newest(100); }
  std::vector<double> Inferences() { return recorded_->latencies()->inference.Newest(100); }
  models::ActionCount Count() { return actions_.Models().at(ModelId("m"))[static_cast<std::size_t>(Action::kPredict)]; }

  mlnode::testing::ManualClock clock_;
  models::ActionStats actions_;
  Metrics metrics_;
  std::shared_ptr<std::atomic<std::int64_t>> limit_ = std::make_shared<std::atomic<std::int64_t>>(100);
  std::shared_ptr<WaitingServable> inner_ = std::make_shared<WaitingServable>();
  std::shared_ptr<Servable> recorded_ =
      MakeRecordedServable(inner_, {.actions = actions_, .metrics = metrics_, .clock = clock_, .limit = limit_});
  std::optional<Result<PredictResult>> answer_;
};

TEST_F(RecordedServableTest, CountsWhatAnsweredPredictionsRead) {
  PredictResult result;
  result.documents.resize(3);
  result.tokens = 40;
  result.truncated = 1;
  Predict(std::move(result));
  Predict(MakeError(Code::kInternal, "no"));
  const PredictCounts& counts = recorded_->latencies()->counts;
  EXPECT_EQ(counts.documents, 3U);
  EXPECT_EQ(counts.tokens, 40U);
  EXPECT_EQ(counts.truncated, 1U);
  EXPECT_THAT(metrics_.ToText(), HasSubstr("mlnode_model_tokens_total{model=\"m\"} 40"));
  EXPECT_THAT(metrics_.ToText(), HasSubstr("mlnode_model_truncated_total{model=\"m\"} 1"));
  recorded_.reset();
  EXPECT_THAT(metrics_.ToText(), Not(HasSubstr("model=\"m\"")));
}

TEST_F(RecordedServableTest, RecordsTheWholeRequestAndTheInferenceWithoutItsWait) {
  Predict(Timed());
  EXPECT_TRUE(answer_.value().has_value());
  EXPECT_THAT(Requests(), ElementsAre(5));
  EXPECT_THAT(Inferences(), ElementsAre(3));
  EXPECT_EQ(Count().requests, 1U);
  EXPECT_EQ(Count().failures, 0U);
}

TEST_F(RecordedServableTest, AFailureIsARequestWithoutInference) {
  Predict(MakeError(Code::kInternal, "the engine failed"));
  EXPECT_EQ(answer_.value().error().message, "the engine failed");
  EXPECT_THAT(Requests(), ElementsAre(5));
  EXPECT_THAT(Inferences(), IsEmpty());
  EXPECT_EQ(Count().requests, 1U);
  EXPECT_EQ(Count().failures, 1U);
}

TEST_F(RecordedServableTest, TheLimitIsReadAtEachPrediction) {
  for (int i = 0; i < 3; ++i) Predict(Timed());
  *limit_ = 2;
  Predict(Timed());
  EXPECT_EQ(Requests().size(), 2U);
  *limit_ = 0;
  Predict(Timed());
  EXPECT_THAT(Requests(), IsEmpty());
  EXPECT_EQ(Count().requests, 5U) << "what is counted does not depend on what is remembered";
}

}  // namespace
}  // namespace mlnode::serving
