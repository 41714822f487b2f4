#include "rest/content/yaml_scalar.h"

#include <gtest/gtest.h>

namespace mlnode::rest {
namespace {

std::string Literal(std::string_view text) {
  const YamlScalar scalar = ReadPlainScalar(text);
  return scalar.kind == YamlScalar::Kind::kLiteral ? scalar.json : "no literal";
}

TEST(ReadPlainScalarTest, ReadsNullsAndBooleans) {
  for (const char* text : {"", "~", "null", "Null", "NULL"}) EXPECT_EQ(Literal(text), "null") << text;
  for (const char* text : {"true", "True", "TRUE"}) EXPECT_EQ(Literal(text), "true") << text;
  for (const char* text : {"false", "False", "FALSE"}) EXPECT_EQ(Literal(text), "false") << text;
}

TEST(ReadPlainScalarTest, PrintsNumbersAsJsonHasThem) {
  constexpr std::pair<const char*, const char*> kNumbers[] = {{"0", "0"},
                                                              {"-0", "-0"},
                                                              {"+12", "12"},
                                                              {"007", "7"},
                                                              {"-08", "-8"},
                                                              {"1.5", "1.5"},
                                                              {".5", "0.5"},
                                                              {"-.5", "-0.5"},
                                                              {"5.", "5.0"},
                                                              {"00.10", "0.10"},
                                                              {"0.0e000001000000000000", "0.0"},
                                                              {"1e3", "1000.0"},
                                                              {"1.E+3", "1000.0"},
                                                              {"6.02E-23", "6.02e-23"},
                                                              {"0x1F", "31"},
                                                              {"0o17", "15"},
                                                              {"18446744073709551615", "18446744073709551615"}};
  for (const auto& [text, json] : kNumbers) EXPECT_EQ(Literal(text), json) << text;
}

TEST(ReadPlainScalarTest, LeavesTheRestAsText) {
  for (const char* text :
       {"no", "yes", "on",   "y",   "nULL", "tRUE",  "-",     "+",          ".",   "e5", ".e5", "1e",  "1e+", "1_000",
        "0x", "0xg", "0x-1", "0o8", "-0x1", "1.2.3", "12:30", "2024-01-01", "1 2", "<<", "=",   "inf", "nan"}) {
    EXPECT_EQ(ReadPlainScalar(text).kind, YamlScalar::Kind::kText) << text;
  }
}

TEST(ReadPlainScalarTest, KnowsWhatJsonHasNoPlaceFor) {
  for (const char* text : {".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1e999", "-1e999", "0x10000000000000000"}) {
    EXPECT_EQ(ReadPlainScalar(text).kind, YamlScalar::Kind::kNoNumber) << text;
  }
  EXPECT_EQ(ReadPlainScalar(std::string(400, '9')).kind, YamlScalar::Kind::kNoNumber);
}

}  // namespace
}  // namespace mlnode::rest
