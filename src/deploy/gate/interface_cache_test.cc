#include "deploy/gate/interface_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace mlnode::deploy {
namespace {

storage::Document ModelOf(const std::string& id, std::uint64_t revision) {
  return {.key = {storage::Collection::kModels, id},
          .body = {{"interface", {{"input", R"({"type":"object"})"}}}},
          .revision = revision,
          .version = 1};
}

TEST(InterfaceCacheTest, ModelsWithoutAnInterfaceHaveNone) {
  InterfaceCache cache;
  EXPECT_EQ(cache.Of({.key = {storage::Collection::kModels, "m"}, .body = {}}), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(InterfaceCacheTest, CompilesOncePerVersion) {
  InterfaceCache cache;
  const auto first = cache.Of(ModelOf("m", 1));
  EXPECT_TRUE(first->checks_input());
  EXPECT_EQ(cache.Of(ModelOf("m", 1)), first);
  EXPECT_NE(cache.Of(ModelOf("m", 2)), first);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(InterfaceCacheTest, ALateReaderDoesNotReplaceANewerVersion) {
  InterfaceCache cache;
  const auto newer = cache.Of(ModelOf("m", 2));
  EXPECT_NE(cache.Of(ModelOf("m", 1)), newer);
  EXPECT_EQ(cache.Of(ModelOf("m", 2)), newer);
}

TEST(InterfaceCacheTest, TheLeastRecentlyUsedGoes) {
  InterfaceCache cache;
  const auto kept = cache.Of(ModelOf("kept", 1));
  const auto gone = cache.Of(ModelOf("gone", 1));
  for (std::size_t i = 2; i < InterfaceCache::kMaxEntries; ++i) cache.Of(ModelOf(std::to_string(i), 1));
  EXPECT_EQ(cache.Of(ModelOf("kept", 1)), kept);
  cache.Of(ModelOf("one more", 1));
  EXPECT_EQ(cache.size(), InterfaceCache::kMaxEntries);
  EXPECT_EQ(cache.Of(ModelOf("kept", 1)), kept);
  EXPECT_NE(cache.Of(ModelOf("gone", 1)), gone);
}

}  // namespace
}  // namespace mlnode::deploy
