#include "core/sha256.h"

#include <gtest/gtest.h>

namespace mlnode {
namespace {

// FIPS 180-4 examples.
constexpr std::string_view kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256Test, MatchesPublishedVectors) {
  EXPECT_EQ(Sha256Hex(""), kEmpty);
  EXPECT_EQ(Sha256Hex("abc"), kAbc);
  EXPECT_EQ(Sha256Hex(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, PartsGiveTheSameAndMoreMayFollowADigest) {
  Sha256 hash;
  hash.Update("a");
  hash.Update("");
  EXPECT_NE(hash.HexDigest(), kAbc);
  hash.Update("bc");
  EXPECT_EQ(hash.HexDigest(), kAbc);
  EXPECT_EQ(hash.HexDigest(), kAbc);
}

TEST(Sha256Test, MovesKeepTheState) {
  Sha256 hash;
  hash.Update("ab");
  Sha256 moved = std::move(hash);
  moved.Update("c");
  EXPECT_EQ(moved.HexDigest(), kAbc);
}

}  // namespace
}  // namespace mlnode
