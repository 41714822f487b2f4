#include "models/function_traits.h"

#include <gtest/gtest.h>

namespace mlnode::models {
namespace {

TEST(FunctionTraitsTest, RowsStandInTheOrderOfTheEnum) {
  for (const FunctionTraits& traits : AllFunctions()) EXPECT_EQ(&TraitsOf(traits.function), &traits) << traits.name;
}

TEST(FunctionTraitsTest, NamesReadBackInAnyCase) {
  for (const FunctionTraits& traits : AllFunctions())
    EXPECT_EQ(ParseFunctionName(traits.name).value(), traits.function);
  EXPECT_EQ(ParseFunctionName("text_Embedding").value(), FunctionName::kTextEmbedding);
}

TEST(FunctionTraitsTest, OtherNamesAreWrong) {
  for (std::string_view name : {"", "KMEANS", "TEXT_EMBEDDING ", "TEXT"}) {
    EXPECT_EQ(ParseFunctionName(name).error().code, Code::kInvalidArgument);
    EXPECT_EQ(ParseFunctionName(name).error().message, "Wrong function name");
  }
}

TEST(FunctionTraitsTest, OnlyRemoteModelsAreNotLocal) {
  for (const FunctionTraits& traits : AllFunctions()) {
    EXPECT_EQ(traits.local, traits.function != FunctionName::kRemote);
    EXPECT_EQ(traits.counts_to_limit, traits.local);
    EXPECT_EQ(traits.auto_deploys, !traits.local);
  }
}

}  // namespace
}  // namespace mlnode::models
