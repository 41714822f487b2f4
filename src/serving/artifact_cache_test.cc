#include "serving/artifact_cache.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "core/testing/manual_executor.h"
#include "core/testing/temp_dir.h"
#include "serving/artifact_entry.h"
#include "serving/testing/model_archive.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/golden_document.h"

namespace mlnode::serving {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ModelArchive;
using ::testing::SizeIs;
using testing::StoreArchive;
using testing::ZipOf;

std::string Content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ArtifactCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open(std::uint64_t max_bytes = 1U << 30U) {
    auto opened = ArtifactCache::Open({.folder = folder_, .max_bytes = max_bytes, .sync = FileSync::kNone}, store_);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    cache_ = *std::move(opened);
  }
  Result<std::shared_ptr<const Artifact>> Obtain(const LoadSpec& spec) {
    phases_.clear();
    return cache_->Obtain(spec, [this](Phase phase, std::uint64_t done, std::uint64_t total) -> Status {
      if (stop_at_ == phase) return MakeError(Code::kCancelled, "stop");
      if (phases_.empty() || phases_.back() != phase) phases_.push_back(phase);
      done_ = done;
      total_ = total;
      return {};
    });
  }
  std::shared_ptr<const Artifact> MustObtain(const LoadSpec& spec) {
    auto artifact = Obtain(spec);
    EXPECT_TRUE(artifact.has_value()) << (artifact ? "" : artifact.error().message);
    return artifact ? *artifact : nullptr;
  }
  // Names in the cache folder.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename().string());
    return names;
  }
  bool FetchedFromStore() const { return std::ranges::count(phases_, Phase::kUnpacking) > 0; }

  mlnode::testing::TempDir dir_;
  fs::path folder_ = fs::path(dir_.path()) / "cache";
  mlnode::testing::ManualClock clock_;
  storage::MemoryStore store_{clock_};
  std::unique_ptr<ArtifactCache> cache_;
  std::vector<Phase> phases_;
  std::uint64_t done_ = 0, total_ = 0;
  std::optional<Phase> stop_at_;
};

TEST_F(ArtifactCacheTest, UnpacksThePartsOfAnArchive) {
  const std::string model(5'000, 'm');
  const auto artifact = MustObtain(StoreArchive(store_, "a", ModelArchive(model, "{}"), 700));
  ASSERT_TRUE(artifact);
  EXPECT_EQ(Content(artifact->model_file), model);
  EXPECT_EQ(Content(artifact->tokenizer), "{}");
  EXPECT_EQ(artifact->model_bytes, 5'000U);
  EXPECT_THAT(phases_, ElementsAre(Phase::kFetching, Phase::kUnpacking));
  EXPECT_EQ(done_, total_);
  EXPECT_THAT(Names(), SizeIs(1));
}

TEST_F(ArtifactCacheTest, ExternalDataCountsAsModelTextsDoNot) {
  const auto archive = ZipOf({{"m.onnx", std::string(10, 'm')},
                              {"m.onnx_data", std::string(90, 'd')},
                              {"tokenizer.json", "{}"},
                              {"vocab.txt", "many words"}});
  EXPECT_EQ(MustObtain(StoreArchive(store_, "a", archive))->model_bytes, 100U);
}

TEST_F(ArtifactCacheTest, WhatWasDerivedFromAnEntryCountsAgainstTheLimit) {
  Open(20'000);
  const LoadSpec first = StoreArchive(store_, "a", ModelArchive(std::string(5'000, 'a'), "{}"));
  const LoadSpec second = StoreArchive(store_, "b", ModelArchive(std::string(5'000, 'b'), "{}"));
  const fs::path derived = MustObtain(first)->derived;
  ASSERT_TRUE(MustObtain(second));
  EXPECT_THAT(Names(), SizeIs(2));
  fs::create_directories(derived / "compiled");
  std::ofstream(derived / "compiled" / "graph") << std::string(15'000, 'g');
  ASSERT_TRUE(MustObtain(second));
  EXPECT_THAT(Names(), SizeIs(1));
}

TEST_F(ArtifactCacheTest, SecondTimeComesFromDiskAlsoAfterARestart) {
  const LoadSpec spec = StoreArchive(store_, "a", ModelArchive("m", "{}"));
  ASSERT_TRUE(MustObtain(spec));
  ASSERT_TRUE(store_.RemoveUpload(spec.upload).has_value());
  EXPECT_TRUE(MustObtain(spec));
  Open();
  EXPECT_TRUE(MustObtain(spec));
  EXPECT_FALSE(FetchedFromStore());
}

TEST_F(ArtifactCacheTest, TwoModelsOfOneContentShareAnEntry) {
  const std::string archive = ModelArchive("m", "{}");
  const auto first = MustObtain(StoreArchive(store_, "a", archive));
  const auto second = MustObtain(StoreArchive(store_, "b", archive));
  EXPECT_EQ(first, second);
}

TEST_F(ArtifactCacheTest, WrongHashIsToldBeforeAnythingElseAboutTheContent) {
  LoadSpec spec = StoreArchive(store_, "a", "not a zip at all");
  spec.content_hash.assign(64, 'a');
  const auto refused = Obtain(spec);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_EQ(refused.error().message, "model content changed");
  EXPECT_THAT(Names(), SizeIs(0));
}

TEST_F(ArtifactCacheTest, ContentThatIsNoZipIsRefusedWithThePeersText) {
  const auto refused = Obtain(StoreArchive(store_, "a", std::string(1'000, 'x')));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "Archive is not a ZIP archive");
  EXPECT_THAT(Names(), SizeIs(0));
}

TEST_F(ArtifactCacheTest, ArchiveRulesAreThoseOfTheModelAndPartOfTheKey) {
  const std::string archive = ModelArchive("m", "{}");
  ASSERT_TRUE(MustObtain(StoreArchive(store_, "a", archive)));
  LoadSpec other = StoreArchive(store_, "b", archive);
  other.format = engines::ModelFormat::kTorchScript;
  EXPECT_FALSE(Obtain(other).has_value());
}

TEST_F(ArtifactCacheTest, MissingPartIsNamed) {
  LoadSpec spec = StoreArchive(store_, "a", ModelArchive("m", "{}"), 100);
  ++spec.total_chunks;
  const auto refused = Obtain(spec);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_EQ(refused.error().message, "Fail to find model chunk a_" + std::to_string(spec.total_chunks - 1));
}

TEST_F(ArtifactCacheTest, TornPartIsDataLoss) {
  const LoadSpec spec = StoreArchive(store_, "a", ModelArchive("m", "{}"), 100);
  ASSERT_TRUE(store_.TearPart(spec.upload, 1).has_value());
  const auto refused = Obtain(spec);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
}

TEST_F(ArtifactCacheTest, HashThatIsNoHashNeverBecomesAPath) {
  LoadSpec spec = StoreArchive(store_, "a", ModelArchive("m", "{}"));
  for (const std::string& hash : {std::string(), std::string("../../x"), std::string(64, 'G'), std::string(63, 'a')}) {
    spec.content_hash = hash;
    const auto refused = Obtain(spec);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr("hash"));
  }
}

TEST_F(ArtifactCacheTest, CancelStopsAtEachPhaseAndLeavesNothing) {
  const LoadSpec spec = StoreArchive(store_, "a", ModelArchive("m", "{}"), 100);
  for (const Phase phase : {Phase::kFetching, Phase::kUnpacking}) {
    stop_at_ = phase;
    const auto stopped = Obtain(spec);
    ASSERT_FALSE(stopped.has_value());
    EXPECT_EQ(stopped.error().code, Code::kCancelled);
    EXPECT_THAT(Names(), SizeIs(0));
  }
}

TEST_F(ArtifactCacheTest, OpenRemovesWhatACrashLeft) {
  const LoadSpec spec = StoreArchive(store_, "a", ModelArchive("m", "{}"));
  fs::path entry = MustObtain(spec)->folder;
  fs::create_directories(folder_ / "tmp-17" / "entry");
  fs::create_directories(folder_ / (std::string(64, 'b') + ".text_embedding.onnx"));  // no marker
  Open();
  EXPECT_THAT(Names(), ElementsAre(entry.filename().string()));
}

TEST_F(ArtifactCacheTest, DamagedEntryIsMadeAgain) {
  const LoadSpec spec = StoreArchive(store_, "a", ModelArchive("the model", "{}"));
  const fs::path model = MustObtain(spec)->model_file;
  std::ofstream(model, std::ios::trunc) << "cut";
  const auto again = MustObtain(spec);
  EXPECT_TRUE(FetchedFromStore());
  EXPECT_EQ(Content(again->model_file), "the model");
  fs::remove(again->tokenizer);
  EXPECT_EQ(Content(MustObtain(spec)->tokenizer), "{}");
  std::ofstream(again->folder / ".complete", std::ios::trunc) << "?";
  EXPECT_EQ(Content(MustObtain(spec)->model_file), "the model");
}

TEST_F(ArtifactCacheTest, LeastRecentlyUsedGoesWhenFullButNeverOneInUse) {
  Open(2'500);
  const LoadSpec a = StoreArchive(store_, "a", ModelArchive(std::string(1'000, 'a'), "{}"));
  const LoadSpec b = StoreArchive(store_, "b", ModelArchive(std::string(1'000, 'b'), "{}"));
  const LoadSpec c = StoreArchive(store_, "c", ModelArchive(std::string(1'000, 'c'), "{}"));
  const auto in_use = MustObtain(a);
  ASSERT_TRUE(MustObtain(b));
  ASSERT_TRUE(MustObtain(c));  // b goes: a is older, and in use
  EXPECT_TRUE(fs::exists(in_use->model_file));
  EXPECT_THAT(Names(), SizeIs(2));
  ASSERT_TRUE(MustObtain(c));
  EXPECT_FALSE(FetchedFromStore());
  ASSERT_TRUE(MustObtain(b));
  EXPECT_TRUE(FetchedFromStore());
}

TEST_F(ArtifactCacheTest, KeepsWhatIsOwnedOrInUse) {
  const LoadSpec owned = StoreArchive(store_, "owned", ModelArchive("one", "{}"));
  const LoadSpec used = StoreArchive(store_, "used", ModelArchive("two", "{}"));
  const LoadSpec left = StoreArchive(store_, "left", ModelArchive("three", "{}"));
  MustObtain(owned);
  auto in_use = MustObtain(used);
  MustObtain(left);
  cache_->Keep({owned.content_hash});
  EXPECT_THAT(Names(), SizeIs(2));
  EXPECT_TRUE(fs::exists(in_use->model_file));
  in_use.reset();
  cache_->Keep({owned.content_hash});
  EXPECT_THAT(Names(), SizeIs(1));
  MustObtain(owned);
  EXPECT_FALSE(FetchedFromStore());
  MustObtain(left);
  EXPECT_TRUE(FetchedFromStore()) << "made again when it is wanted again";
}

TEST_F(ArtifactCacheTest, SmallerLimitIsAppliedAtOpen) {
  ASSERT_TRUE(MustObtain(StoreArchive(store_, "a", ModelArchive(std::string(1'000, 'a'), "{}"))));
  Open(500);
  EXPECT_THAT(Names(), SizeIs(0));
}

// Another Obtain of the same archive in the middle of one, as on a second thread.
TEST_F(ArtifactCacheTest, SameArchiveTwiceAtTheSameTimeGivesOneEntry) {
  const LoadSpec spec = StoreArchive(store_, "a", ModelArchive("m", "{}"));
  std::shared_ptr<const Artifact> inner;
  const auto outer = cache_->Obtain(spec, [&](Phase phase, std::uint64_t, std::uint64_t) -> Status {
    if (phase == Phase::kUnpacking && !inner) inner = MustObtain(spec);
    return {};
  });
  ASSERT_TRUE(outer.has_value());
  EXPECT_EQ(*outer, inner);
  EXPECT_THAT(Names(), SizeIs(1));
  EXPECT_EQ(Content((*outer)->model_file), "m");
}

TEST_F(ArtifactCacheTest, DurableEntriesReadTheSame) {
  auto opened = ArtifactCache::Open({.folder = folder_ / "durable"}, store_);
  ASSERT_TRUE(opened.has_value());
  cache_ = *std::move(opened);
  EXPECT_EQ(Content(MustObtain(StoreArchive(store_, "a", ModelArchive("m", "{}")))->model_file), "m");
}

TEST_F(ArtifactCacheTest, FolderThatCannotBeMadeIsAnError) {
  std::ofstream(dir_.File("file")) << "x";
  EXPECT_FALSE(ArtifactCache::Open({.folder = dir_.File("file") + "/cache"}, store_).has_value());
}

class ArtifactEntryTest : public ::testing::Test {
 protected:
  std::string Marker() const { return ReadFile(dir_.File(".complete"), 1000).value(); }
  mlnode::testing::TempDir dir_;
};

TEST_F(ArtifactEntryTest, TheGoldenMarkerIsReadAndWrittenBackEqual) {
  dir_.Write("model.onnx", "onnx");
  dir_.Write("tokenizer.json", "{}");
  dir_.Write(".complete", storage::testing::GoldenFile("cache_entry.1.json"));
  const EntryInfo info = ReadEntry(dir_.path()).value();
  EXPECT_EQ(info.model_file, "model.onnx");
  EXPECT_EQ(info.model_bytes, 4U);
  EXPECT_EQ(info.total_bytes, 6U);
  EXPECT_TRUE(CheckEntry(dir_.path(), info));
  ASSERT_TRUE(SealEntry(dir_.path(), "model.onnx", FileSync::kNone));
  EXPECT_EQ(Marker(), storage::testing::GoldenFile("cache_entry.1.json"));
}

// A cache: what is not understood is made again.
TEST_F(ArtifactEntryTest, AMarkerOfAnotherFormatIsNoEntry) {
  dir_.Write(".complete", R"({"format":2,"model_file":"model.onnx","model_bytes":4,"total_bytes":6})");
  EXPECT_EQ(ReadEntry(dir_.path()).error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace mlnode::serving
