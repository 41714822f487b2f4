#include "serving/acceleration.h"

#include <fstream>

#include "core/files.h"
#include "serving/testing/serving_fixture.h"
#include "storage/testing/golden_document.h"

namespace mlnode::serving {
namespace {

using engines::Precision;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::ServingFixture;

class AccelerationTest : public ServingFixture {
 protected:
  AccelerationTest() {
    acceleration_ = {.allowed = true, .cpu = "test"};
    Open();
  }
  // An engine whose bf16 takes `fast` a run where f32 takes 10 ms, and errs by up to `error`.
  void Behave(float error, milliseconds fast) {
    behaviour_.bf16_error = error;
    behaviour_.on_compute = [this, fast](Precision precision) {
      clock_.Advance(precision == Precision::kBf16 ? fast : milliseconds(10));
    };
    engine_.SetBehaviour(behaviour_);
  }
  ServableInfo Loaded(const LoadSpec& spec) {
    LoadToEnd(spec);
    const LocalModel local = Local(spec.model);
    EXPECT_TRUE(local.info) << (local.error ? local.error->message : "");
    return local.info.value_or(ServableInfo());
  }

  engines::FakeBehaviour behaviour_;
};

TEST_F(AccelerationTest, TakesTheFasterPathThatAgrees) {
  Behave(1e-3F, milliseconds(4));
  const ServableInfo info = Loaded(Register("a"));
  EXPECT_EQ(info.precision, Precision::kBf16);
  EXPECT_TRUE(info.batched);
  EXPECT_GT(info.agreement, 0.9995);
  EXPECT_THAT(info.precision_reason, HasSubstr("bf16 agrees"));
  EXPECT_EQ(engine_.live_models(), 1);
}

TEST_F(AccelerationTest, KeepsF32WhereItDoesNotAgree) {
  Behave(0.5F, milliseconds(4));
  const ServableInfo info = Loaded(Register("a"));
  EXPECT_EQ(info.precision, Precision::kF32);
  EXPECT_LT(info.agreement, 0.9995);
  EXPECT_THAT(info.precision_reason, HasSubstr("agrees only"));
  EXPECT_EQ(engine_.live_models(), 1);
}

TEST_F(AccelerationTest, KeepsF32WhereNothingIsGained) {
  Behave(0, milliseconds(10));
  EXPECT_EQ(Loaded(Register("a")).precision, Precision::kF32);
}

// Nodes of a cluster: how long a trial took must not decide what clients are answered.
TEST_F(AccelerationTest, WhereSpeedDoesNotCountAgreementDecides) {
  acceleration_.by_speed = false;
  Open();
  Behave(0, milliseconds(20));
  EXPECT_EQ(Loaded(Register("a")).precision, Precision::kBf16);
  Behave(0.5F, milliseconds(1));
  EXPECT_EQ(Loaded(Register("b")).precision, Precision::kF32);
}

TEST_F(AccelerationTest, AVerdictBySpeedIsNoneWhereSpeedDoesNotCount) {
  Behave(0, milliseconds(20));
  const LoadSpec spec = Register("a");
  EXPECT_EQ(Loaded(spec).precision, Precision::kF32);
  acceleration_.by_speed = false;
  Open();
  EXPECT_EQ(Loaded(spec).precision, Precision::kBf16);
}

TEST_F(AccelerationTest, KeepsF32WhereTheEngineHasNoOther) {
  behaviour_.on_load = [](const engines::LoadOptions& options) -> Status {
    if (options.precision == Precision::kF32) return {};
    return MakeError(Code::kUnimplemented, "no such thing here");
  };
  Behave(0, milliseconds(4));
  const ServableInfo info = Loaded(Register("a"));
  EXPECT_EQ(info.precision, Precision::kF32);
  EXPECT_THAT(info.precision_reason, HasSubstr("no such thing here"));
}

TEST_F(AccelerationTest, TheConfigForcesF32) {
  Behave(0, milliseconds(4));
  LoadSpec spec = Register("a");
  spec.config.force_f32 = true;
  EXPECT_EQ(Loaded(spec).precision, Precision::kF32);
  EXPECT_EQ(engine_.loads(), 1);
}

TEST_F(AccelerationTest, NothingIsTriedWhereItIsNotAllowed) {
  acceleration_.allowed = false;
  Open();
  Behave(0, milliseconds(4));
  EXPECT_EQ(Loaded(Register("a")).precision, Precision::kF32);
  EXPECT_EQ(engine_.loads(), 1);
}

TEST_F(AccelerationTest, AVerdictIsKeptForTheNextLoad) {
  Behave(1e-3F, milliseconds(4));
  const LoadSpec spec = Register("a");
  const ServableInfo first = Loaded(spec);
  const int loads = engine_.loads();
  Open();
  const ServableInfo again = Loaded(spec);
  EXPECT_EQ(engine_.loads(), loads + 1);
  EXPECT_EQ(again.precision, Precision::kBf16);
  EXPECT_EQ(again.agreement, first.agreement);
  EXPECT_EQ(again.precision_reason, first.precision_reason);
}

TEST_F(AccelerationTest, AFailureThatMayPassIsNoVerdict) {
  bool starved = true;
  behaviour_.on_load = [&starved](const engines::LoadOptions& options) -> Status {
    if (options.precision == Precision::kF32 || !starved) return {};
    return MakeError(Code::kResourceExhausted, "no memory now");
  };
  Behave(1e-3F, milliseconds(4));
  const LoadSpec spec = Register("a");
  EXPECT_EQ(Loaded(spec).precision, Precision::kF32);
  starved = false;
  Open();
  EXPECT_EQ(Loaded(spec).precision, Precision::kBf16);
}

TEST_F(AccelerationTest, AnotherCpuVerifiesAnew) {
  Behave(1e-3F, milliseconds(4));
  const LoadSpec spec = Register("a");
  Loaded(spec);
  const int loads = engine_.loads();
  acceleration_.cpu = "another";
  Open();
  EXPECT_EQ(Loaded(spec).precision, Precision::kBf16);
  EXPECT_EQ(engine_.loads(), loads + 2);
}

TEST_F(AccelerationTest, AGraphThatCannotBatchAtF32KeepsItsVerdictToo) {
  behaviour_.on_run = [](const TokenBatch& batch) -> Status {
    if (batch.sequences() == 1) return {};
    return MakeError(Code::kInternal, "one by one only");
  };
  Behave(0, milliseconds(4));
  const ServableInfo info = Loaded(Register("a"));
  EXPECT_EQ(info.precision, Precision::kBf16);
  EXPECT_FALSE(info.batched);
}

class VerdictFileTest : public ::testing::Test {
 protected:
  mlnode::testing::TempDir dir_;
  std::filesystem::path file_ = std::filesystem::path(dir_.File("derived")) / "verdict-0.json";
};

TEST_F(VerdictFileTest, IsReadBack) {
  WriteVerdict(file_,
               {.precision = Precision::kBf16, .batched = false, .agreement = 0.5, .reason = "r", .engine = "e 1"});
  const auto read = ReadVerdict(file_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->precision, Precision::kBf16);
  EXPECT_FALSE(read->batched);
  EXPECT_EQ(read->agreement, 0.5);
  EXPECT_EQ(read->reason, "r");
  EXPECT_EQ(read->engine, "e 1");
}

TEST_F(VerdictFileTest, Format1IsReadAndWrittenBackEqual) {
  const std::string golden = storage::testing::GoldenFile("verdict.1.json");
  std::filesystem::create_directories(file_.parent_path());
  std::ofstream(file_) << golden;
  const auto read = ReadVerdict(file_);
  ASSERT_TRUE(read);
  WriteVerdict(file_, *read);
  EXPECT_EQ(ReadFile(file_.string(), 4096).value(), golden);
}

TEST_F(VerdictFileTest, DamageIsAsNone) {
  EXPECT_FALSE(ReadVerdict(file_));
  std::filesystem::create_directories(file_.parent_path());
  for (const char* text :
       {"", "{", "[]", R"({"format":2,"precision":"bf16","batched":true,"agreement":1,"reason":"","engine":""})",
        R"({"format":1,"precision":1,"batched":true,"agreement":1,"reason":"","engine":""})"}) {
    std::ofstream(file_) << text;
    EXPECT_FALSE(ReadVerdict(file_)) << text;
  }
}

}  // namespace
}  // namespace mlnode::serving
