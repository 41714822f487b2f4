#include "serving/testing/remote_servable_fixture.h"

namespace mlnode::serving {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kStop =
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n"
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

class RemoteStreamTest : public testing::RemoteServableFixture {
 protected:
  void SetUp() override {
    StreamRequest request;
    request.interface = "openai/v1/chat/completions";
    request.predict.cancelled = cancelled_;
    request.predict.remote = std::make_shared<const connectors::RemoteInput>();
    servable_->Stream(std::move(request), servable_,
                      {.piece = [this](const StreamPiece& piece) -> Status {
                         text_ += piece.last ? "." : piece.content;
                         return {};
                       },
                       .done = [this](Status status) { ends_.push_back(std::move(status)); }});
    executor_.RunUntilIdle();
    ASSERT_EQ(caller_.waiting(), 1U);
  }
  bool Feed(const std::string& text) { return caller_.calls.front().options.body_sink(text).has_value(); }

  CancelFlag cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::string text_;
  std::vector<Status> ends_;
};

TEST_F(RemoteStreamTest, EndsWithItsLastPieceWhateverTheProviderDoes) {
  EXPECT_TRUE(Feed(kStop));
  EXPECT_EQ(text_, "hi.");
  ASSERT_THAT(ends_, SizeIs(1)) << "without waiting for the provider";
  EXPECT_TRUE(ends_[0]);
  EXPECT_TRUE(Feed("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n"));
  caller_.Fail(MakeError(Code::kInternal, "Error communicating with remote model: reset"));
  executor_.RunUntilIdle();
  EXPECT_THAT(ends_, SizeIs(1));
  EXPECT_EQ(servable_->costs()->tokens, 7U);
  EXPECT_EQ(servable_->costs()->failures, 0U);
}

TEST_F(RemoteStreamTest, LeavesAProviderThatDoesNotClose) {
  EXPECT_TRUE(Feed(kStop));
  EXPECT_FALSE(cancelled_->load());
  executor_.RunFor(std::chrono::seconds(1));
  EXPECT_TRUE(cancelled_->load()) << "so that the transport lets it go";
}

TEST_F(RemoteStreamTest, AnErrorBeforeTheLastPieceIsOne) {
  EXPECT_TRUE(Feed("data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n"));
  EXPECT_THAT(ends_, IsEmpty());
  caller_.Fail(MakeError(Code::kInternal, "Error communicating with remote model: reset"));
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_FALSE(ends_[0]);
  EXPECT_EQ(servable_->costs()->failures, 1U);
}

class RemoteStreamErrorTest : public testing::RemoteServableFixture {
 protected:
  std::optional<Status> Stream(const std::string& events, int status = 200) {
    StreamRequest request;
    request.interface = "openai/v1/chat/completions";
    request.predict.cancelled = std::make_shared<std::atomic<bool>>(false);
    request.predict.remote = std::make_shared<const connectors::RemoteInput>();
    auto ended = std::make_shared<std::optional<Status>>();
    servable_->Stream(std::move(request), servable_,
                      {.piece = [](const StreamPiece&) -> Status { return {}; },
                       .done = [ended](Status done) { *ended = std::move(done); }});
    executor_.RunUntilIdle();
    Answer(events, status);
    return *ended;
  }
};

TEST_F(RemoteStreamErrorTest, AnErrorWithinAStreamHidesSecretsAndIsCut) {
  const auto bad_key = Stream("data: {\"error\":{\"message\":\"bad key sk-secret-1\"}}\n\n");
  ASSERT_TRUE(bad_key && !*bad_key);
  EXPECT_EQ(bad_key->error().code, Code::kUpstream);
  EXPECT_EQ(bad_key->error().message, "Error from remote service: bad key ***");
  const auto long_text = Stream("data: {\"error\":{\"message\":\"" + std::string(200'000, 'x') + "\"}}\n\n");
  ASSERT_TRUE(long_text && !*long_text);
  EXPECT_LT(long_text->error().message.size(), connectors::kMaxShownReply + 10);
}

TEST_F(RemoteStreamErrorTest, AnErrorInTheLastEventHidesSecretsToo) {
  const auto ended = Stream(R"(data: {"error":"no sk-secret-1"})");
  ASSERT_TRUE(ended && !*ended);
  EXPECT_EQ(ended->error().message, R"(Error from remote service: "no ***")");
}

}  // namespace
}  // namespace mlnode::serving
