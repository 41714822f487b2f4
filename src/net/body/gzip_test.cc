#include "net/body/gzip.h"

#include <gtest/gtest.h>

#include <string>

namespace mlnode::net {
namespace {

struct Unpacked {
  Status status;
  std::string text;
};

Unpacked Unpack(std::string_view packed, std::size_t step, std::size_t ratio = 200) {
  Unpacked result;
  Gunzip gunzip(ratio);
  while (!packed.empty() && result.status) {
    result.status = gunzip.Write(packed.substr(0, step), [&](std::string_view piece) {
      result.text += piece;
      return Status();
    });
    packed.remove_prefix(std::min(step, packed.size()));
  }
  if (result.status) result.status = gunzip.Finish();
  return result;
}

std::string Letters(std::size_t count) {
  std::string text(count, '\0');
  unsigned state = 1;
  for (auto& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>('a' + (state >> 24) % 26);
  }
  return text;
}

TEST(GzipTest, UnpacksWhatItPackedWhateverThePieces) {
  const auto text = Letters(300'000);
  const auto packed = Gzip(text);
  EXPECT_LT(packed.size(), text.size());
  for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, packed.size()}) {
    const auto unpacked = Unpack(packed, step);
    EXPECT_TRUE(unpacked.status.has_value());
    EXPECT_TRUE(unpacked.text == text);
  }
}

TEST(GzipTest, PacksNothingIntoAMember) { EXPECT_TRUE(Unpack(Gzip(""), 100).status.has_value()); }

TEST(GzipTest, UnpacksSeveralMembers) { EXPECT_EQ(Unpack(Gzip("one ") + Gzip("two"), 7).text, "one two"); }

TEST(GzipTest, RefusesTextBehindTheLastMember) {
  EXPECT_EQ(Unpack(Gzip("one") + "trailing", 100).status.error().code, Code::kInvalidArgument);
}

TEST(GzipTest, RefusesWhatIsNotGzip) {
  EXPECT_EQ(Unpack("{\"a\": 1}", 100).status.error().code, Code::kInvalidArgument);
}

TEST(GzipTest, RefusesAnEmptyStream) { EXPECT_FALSE(Unpack("", 1).status.has_value()); }

TEST(GzipTest, RefusesEveryTruncation) {
  const auto packed = Gzip("a text that is cut off");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(Unpack(packed.substr(0, size), 5).status.has_value()) << size;
  }
}

TEST(GzipTest, StopsABombBeforeItIsUnpacked) {
  const auto packed = Gzip(std::string(50'000'000, '\0'));
  const auto unpacked = Unpack(packed, packed.size());
  EXPECT_EQ(unpacked.status.error().code, Code::kTooLarge);
  EXPECT_LT(unpacked.text.size(), 1024 * 1024 + packed.size() * 200);
}

TEST(GzipTest, LetsTheFirstMebibyteBeAsRepetitiveAsItLikes) {
  EXPECT_TRUE(Unpack(Gzip(std::string(1024 * 1024, '\0')), 100, 1).status.has_value());
}

TEST(GzipTest, StopsWithTheErrorOfTheSink) {
  Gunzip gunzip(200);
  const auto status = gunzip.Write(Gzip("text"), [](std::string_view) { return MakeError(Code::kTooLarge, "full"); });
  EXPECT_EQ(status.error().message, "full");
}

}  // namespace
}  // namespace mlnode::net
