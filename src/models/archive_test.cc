#include "models/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "core/testing/temp_dir.h"
#include "models/testing/zip_builder.h"

namespace mlnode::models {
namespace {

using ::testing::HasSubstr;
using testing::MakeModelZip;
using testing::MakeZip;
using ::testing::StartsWith;
using testing::ZipItem;

const ZipItem kModel{.name = "model.onnx", .content = "onnx"};
const ZipItem kTokenizer{.name = "tokenizer.json", .content = "{}"};

class ArchiveTest : public ::testing::Test {
 protected:
  Result<ArchiveSummary> Check(const std::string& zip) { return CheckArchive(folder_.Write("a.zip", zip), rules_); }
  Result<ArchiveSummary> Check(const std::vector<ZipItem>& items) { return Check(MakeZip(items)); }
  Result<ArchiveSummary> Unpack(const std::string& zip) {
    return UnpackArchive(folder_.Write("a.zip", zip), rules_, target_, [this](std::uint64_t bytes) {
      told_ = bytes;
      return progress_;
    });
  }
  std::string ErrorOf(const std::vector<ZipItem>& items) {
    const Result<ArchiveSummary> summary = Check(items);
    if (summary) return "accepted";
    EXPECT_EQ(summary.error().code, Code::kInvalidArgument) << summary.error().message;
    return summary.error().message;
  }
  std::string Unpacked(const std::string& name) {
    std::ifstream file(target_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  mlnode::testing::TempDir folder_;
  const std::filesystem::path target_ = folder_.File("unpacked");
  ArchiveRules rules_{.function = FunctionName::kTextEmbedding, .format = engines::ModelFormat::kOnnx};
  std::uint64_t told_ = 0;
  Status progress_;
};

TEST_F(ArchiveTest, AcceptsAModelAndSaysWhatItHolds) {
  const ArchiveSummary summary = Check({kModel,
                                        {.name = "model.onnx_data", .content = "weights"},
                                        {.name = "extra/"},
                                        {.name = "extra/README", .content = "x"},
                                        kTokenizer})
                                     .value();
  EXPECT_EQ(summary.model_file, "model.onnx");
  EXPECT_EQ(summary.entries, 5U);
  EXPECT_EQ(summary.unpacked_bytes, 4U + 7 + 1 + 2);
}

TEST_F(ArchiveTest, UnpacksWhatItChecked) {
  std::string large;
  for (int i = 0; large.size() < 3'000'000; ++i) large += std::to_string(i);
  ASSERT_TRUE(Unpack(MakeZip({kModel, {.name = "a/b/c.txt", .content = large}, kTokenizer})));
  EXPECT_EQ(Unpacked("model.onnx"), "onnx");
  EXPECT_EQ(Unpacked("a/b/c.txt"), large);
  EXPECT_EQ(told_, large.size() + 6);
}

TEST_F(ArchiveTest, ThePeersTextsForModelFiles) {
  EXPECT_EQ(ErrorOf({kTokenizer}), "Can't find model file");
  EXPECT_EQ(ErrorOf({kModel}), "No tokenizer file");
  EXPECT_EQ(ErrorOf({kModel, {.name = "sub/tokenizer.json", .content = "{}"}}), "No tokenizer file");
  EXPECT_EQ(ErrorOf({kModel, {.name = "b.onnx", .content = "x"}, kTokenizer}),
            "Find multiple model files, but expected only one");
  EXPECT_EQ(ErrorOf({kModel, {.name = "sub/b.onnx", .content = "x"}, kTokenizer}),
            "Find multiple model files, but expected only one");
  EXPECT_EQ(ErrorOf({{.name = "model.pt", .content = "x"}, kTokenizer}), "Model format is ONNX, but find .pt file");
  EXPECT_THAT(ErrorOf({{.name = "sub/model.onnx", .content = "x"}, kTokenizer}), StartsWith("Can't find model file"));
  rules_.format = engines::ModelFormat::kTorchScript;
  EXPECT_EQ(ErrorOf({kModel, kTokenizer}), "Model format is TORCH_SCRIPT, but find .onnx file");
}

TEST_F(ArchiveTest, ATokenizerAloneIsASparseTokenizer) {
  rules_.function = FunctionName::kSparseTokenize;
  EXPECT_EQ(Check({kTokenizer}).value().model_file, "");
}

TEST_F(ArchiveTest, ExecutablesAreRefused) {
  for (const char* name : {"a.jar", "a/b.CLASS", "libx.so", "x.dylib", "X.Dll"})
    EXPECT_EQ(ErrorOf({kModel, kTokenizer, {.name = name, .content = "x"}}),
              std::string("Model archive contains a disallowed executable file: ") + name);
}

TEST_F(ArchiveTest, ServingPropertiesAreRead) {
  const ZipItem good{.name = "sub/Serving.properties", .content = "engine=OnnxRuntime\ntranslator=ai.djl.X\n"};
  const ZipItem bad{.name = "serving.properties", .content = "translator=com.acme.X\n"};
  EXPECT_TRUE(Check({kModel, kTokenizer, good}));
  EXPECT_EQ(ErrorOf({kModel, kTokenizer, bad}),
            "serving.properties key 'translator' references a non-DJL class 'com.acme.X', which is not allowed");
}

TEST_F(ArchiveTest, NamesThatLeaveTheFolderAreRefused) {
  for (const char* name :
       {"../x", "a/../../x", "/etc/x", "a\\..\\x", "C:x", "a//b", "./x", "a/./b", "a/..", "x\x01y", "\xff\xfe"})
    EXPECT_THAT(ErrorOf({kModel, kTokenizer, {.name = name, .content = "x"}}), StartsWith("Bad zip entry")) << name;
  EXPECT_THAT(ErrorOf({kModel, kTokenizer, {.name = std::string(300, 'a'), .content = "x"}}), HasSubstr("255"));
}

TEST_F(ArchiveTest, NothingIsWrittenWhenANameLeavesTheFolder) {
  EXPECT_FALSE(Unpack(MakeZip({kModel, kTokenizer, {.name = "../escaped", .content = "x"}})));
  EXPECT_FALSE(std::filesystem::exists(folder_.File("escaped")));
  EXPECT_FALSE(std::filesystem::exists(target_));
}

TEST_F(ArchiveTest, LinksAndSpecialFilesAreRefused) {
  for (const mode_t mode : std::initializer_list<mode_t>{S_IFLNK, S_IFIFO, S_IFCHR})
    EXPECT_THAT(ErrorOf({kModel, kTokenizer, {.name = "x", .content = "/etc/passwd", .unix_mode = mode | 0777}}),
                HasSubstr("a link or a special file"));
  EXPECT_TRUE(Check({kModel, kTokenizer, {.name = "x", .content = "x", .unix_mode = S_IFREG | 0644}}));
}

TEST_F(ArchiveTest, EncryptedEntriesAreRefused) {
  EXPECT_THAT(ErrorOf({kModel, kTokenizer, {.name = "x", .content = "secret", .password = "p"}}),
              HasSubstr("is encrypted"));
}

TEST_F(ArchiveTest, TheSameNameTwiceIsRefused) {
  std::string zip = MakeZip({kModel, {.name = "tokenizer.jso1", .content = "{}"}, kTokenizer});
  testing::ReplaceAll(zip, "tokenizer.jso1", "tokenizer.json");
  EXPECT_THAT(Check(zip).error().message, HasSubstr("twice"));
  EXPECT_THAT(ErrorOf({kModel, kTokenizer, {.name = "a", .content = "x"}, {.name = "a/b", .content = "x"}}),
              HasSubstr("below a file"));
  EXPECT_THAT(ErrorOf({kModel, kTokenizer, {.name = "a/b", .content = "x"}, {.name = "a", .content = "x"}}),
              HasSubstr("twice"));
}

TEST_F(ArchiveTest, WhatIsNoZipIsRefused) {
  for (const std::string& bytes : {std::string(), std::string("hello"), std::string(100'000, '\0')}) {
    const Result<ArchiveSummary> summary = Check(bytes);
    ASSERT_FALSE(summary);
    EXPECT_EQ(summary.error().code, Code::kInvalidArgument);
    EXPECT_EQ(summary.error().message, "Archive is not a ZIP archive");
  }
}

TEST_F(ArchiveTest, EveryTruncationIsRefused) {
  const std::string zip = MakeModelZip();
  for (std::size_t length = 0; length < zip.size(); ++length) EXPECT_FALSE(Check(zip.substr(0, length))) << length;
}

TEST_F(ArchiveTest, TooManyEntriesAreRefused) {
  rules_.limits.max_entries = 2;
  EXPECT_TRUE(Check({kModel, kTokenizer}));
  const Result<ArchiveSummary> summary = Check({kModel, kTokenizer, {.name = "x", .content = "x"}});
  EXPECT_EQ(summary.error().code, Code::kTooLarge);
  EXPECT_THAT(summary.error().message, HasSubstr("3 entries, the limit is 2"));
}

TEST_F(ArchiveTest, AClaimOfManyEntriesIsRefusedBeforeMemoryIsSpent) {
  std::string zip = MakeModelZip();
  testing::PatchEntryCount(zip, 60'000);
  EXPECT_EQ(Check(zip).error().code, Code::kTooLarge);
}

TEST_F(ArchiveTest, ABombIsRefusedByItsRatio) {
  rules_.limits.max_ratio = 100;
  const Result<ArchiveSummary> summary =
      Check({kModel, kTokenizer, {.name = "zeros", .content = std::string(20'000'000, '\0')}});
  EXPECT_EQ(summary.error().code, Code::kTooLarge);
  EXPECT_THAT(summary.error().message, HasSubstr("100 times"));
}

TEST_F(ArchiveTest, TheTotalIsLimited) {
  rules_.limits.max_total_bytes = 1'000'000;
  const Result<ArchiveSummary> summary = Check({kModel,
                                                kTokenizer,
                                                {.name = "a", .content = std::string(600'000, 'x')},
                                                {.name = "b", .content = std::string(600'000, 'x')}});
  EXPECT_EQ(summary.error().code, Code::kTooLarge);
  EXPECT_THAT(summary.error().message, HasSubstr("1000000 bytes"));
}

TEST_F(ArchiveTest, AnEntryLongerThanItClaimsStopsTheUnpacking) {
  std::string zip = MakeZip({kModel, kTokenizer, {.name = "zeros", .content = std::string(5'000'000, '\0')}});
  testing::PatchDirectory(zip, "zeros", 24, 10);
  ASSERT_TRUE(Check(zip));
  const Result<ArchiveSummary> summary = Unpack(zip);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, Code::kInvalidArgument);
  EXPECT_THAT(summary.error().message, HasSubstr("damaged"));
  EXPECT_FALSE(std::filesystem::exists(target_));
  EXPECT_LT(told_, 1'000U);
}

TEST_F(ArchiveTest, DamagedContentIsRefused) {
  std::string zip = MakeZip({{.name = "model.onnx", .content = "0123456789abcdef"}, kTokenizer});
  testing::PatchDirectory(zip, "model.onnx", 16, 12345);  // the checksum
  EXPECT_THAT(Unpack(zip).error().message, HasSubstr("damaged"));
}

TEST_F(ArchiveTest, ProgressMayStopTheWork) {
  progress_ = MakeError(Code::kCancelled, "stop");
  EXPECT_EQ(Unpack(MakeModelZip()).error().code, Code::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(target_));
}

TEST_F(ArchiveTest, AFolderInUseIsLeftAlone) {
  std::filesystem::create_directory(target_);
  std::ofstream(target_ / "mine") << "x";
  EXPECT_EQ(Unpack(MakeModelZip()).error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(target_ / "mine"));
}

}  // namespace
}  // namespace mlnode::models
