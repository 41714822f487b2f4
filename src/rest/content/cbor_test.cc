// The reader and the writer against each other and against nlohmann-json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/testing/manual_executor.h"
#include "rest/content/cbor_reader.h"
#include "rest/content/cbor_writer.h"

namespace mlnode::rest {
namespace {

using std::string_view_literals::operator""sv;
using ::testing::HasSubstr;

constexpr std::size_t kMax = 1'000'000;

std::string Read(std::string_view cbor) {
  auto json = CborToJson(cbor, kMax);
  return json ? *std::move(json) : json.error().message;
}

std::string ByNlohmann(std::string_view json) {
  const auto bytes = nlohmann::json::to_cbor(nlohmann::json::parse(json));
  return {bytes.begin(), bytes.end()};
}

TEST(CborToJsonTest, ReadsEveryKindOfValue) {
  for (const char* json : {"null",
                           "true",
                           "false",
                           "0",
                           "23",
                           "24",
                           "255",
                           "256",
                           "65536",
                           "4294967296",
                           "18446744073709551615",
                           "-1",
                           "-25",
                           "-257",
                           "-65537",
                           "-9223372036854775808",
                           "0.5",
                           "-1.25",
                           "1e+300",
                           R"("")",
                           R"("grün \"x\"\n")",
                           "[]",
                           "{}",
                           R"([1,[2,{"a":[]}]])",
                           R"({"a":1,"b":{"c":null}})"}) {
    EXPECT_EQ(Read(ByNlohmann(json)), json);
  }
}

TEST(CborToJsonTest, ReadsFloatsOfEveryWidth) {
  EXPECT_EQ(Read("\xf9\x3c\x00"sv), "1.0");
  EXPECT_EQ(Read("\xf9\xc4\x00"sv), "-4.0");
  EXPECT_EQ(Read("\xf9\x00\x01"sv), "5.9604645e-08");
  EXPECT_EQ(Read("\xf9\x7b\xff"sv), "65504.0");
  EXPECT_EQ(Read("\xfa\x3d\xcc\xcc\xcd"sv), "0.1");
  EXPECT_EQ(Read("\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"sv), "1.1");
}

TEST(CborToJsonTest, ReadsItemsOfUnknownLength) {
  EXPECT_EQ(Read("\x9f\x01\x9f\xff\xff"sv), "[1,[]]");
  EXPECT_EQ(Read("\xbf\x61\x61\x01\x7f\x61\x62\x61\x63\xff\xf5\xff"sv), R"({"a":1,"bc":true})");
  EXPECT_EQ(Read("\x7f\xff"sv), R"("")");
}

TEST(CborToJsonTest, ReadsTheLowestInteger) {
  EXPECT_EQ(Read("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"sv), "-18446744073709551616");
}

struct Bad {
  const char* name;
  std::string_view cbor;
  const char* message;
};

class BadCborTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadCborTest, SaysWhatStandsWhere) {
  const auto json = CborToJson(GetParam().cbor, kMax);
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, Code::kInvalidArgument);
  EXPECT_EQ(json.error().message, GetParam().message);
  const bool early = json.error().message.find("end-of-input") != std::string::npos;
  EXPECT_EQ(json.error().reason, early ? "json_e_o_f_exception" : "json_parse_exception");
}

INSTANTIATE_TEST_SUITE_P(
    All, BadCborTest,
    ::testing::Values(
        Bad{"Bytes", "\x81\x42xy"sv, "CBOR body: a byte string at byte 1"},
        Bad{"BytesInParts", "\x5f\xff"sv, "CBOR body: a byte string at byte 0"},
        Bad{"Tag", "\xa1\x61\x61\xc2\x41\x01"sv, "CBOR body: tag 2 at byte 3"},
        Bad{"SelfDescribed", "\xd9\xd9\xf7\xa0"sv, "CBOR body: tag 55799 at byte 0"},
        Bad{"Undefined", "\xf7"sv, "CBOR body: simple value 23 at byte 0"},
        Bad{"Simple", "\xf8\xff"sv, "CBOR body: simple value 255 at byte 0"},
        Bad{"Reserved", "\x1c"sv, "CBOR body: the byte 0x1c, which begins no value, at byte 0"},
        Bad{"BreakAlone", "\xff"sv, "CBOR body: the byte 0xff, which begins no value, at byte 0"},
        Bad{"BreakForAValue", "\xbf\x61\x61\xff"sv, "CBOR body: the byte 0xff, which begins no value, at byte 3"},
        Bad{"NumberKey", "\xa1\x01\x02"sv, "CBOR body: a key that is no text at byte 1"},
        Bad{"BytesKey", "\xa1\x41x\x02"sv, "CBOR body: a key that is no text at byte 1"},
        Bad{"KeyTwice", "\xa2\x61\x61\x01\x61\x61\x02"sv, "CBOR body: Duplicate field 'a' at byte 4"},
        Bad{"NotUtf8", "\x62\xc3\x28"sv, "CBOR body: text that is not UTF-8 at byte 0"},
        Bad{"KeyNotUtf8", "\xa1\x61\xff\x01"sv, "CBOR body: text that is not UTF-8 at byte 1"},
        Bad{"Nan", "\xf9\x7e\x00"sv, "CBOR body: number [nan], which JSON does not have at byte 0"},
        Bad{"Infinity", "\x81\xfa\xff\x80\x00\x00"sv, "CBOR body: number [-inf], which JSON does not have at byte 1"},
        Bad{"NestedParts", "\x7f\x7f\xff\xff"sv, "CBOR body: no text as part of a string at byte 1"},
        Bad{"BytesAsPart", "\x7f\x41x\xff"sv, "CBOR body: no text as part of a string at byte 1"},
        Bad{"Trailing", "\x01\x02\x03"sv, "CBOR body: 2 bytes after the value at byte 1"},
        Bad{"ShortHead", "\x19\x01"sv, "CBOR body: Unexpected end-of-input in a value at byte 2"},
        Bad{"ShortText", "\x65hell"sv, "CBOR body: Unexpected end-of-input in a string at byte 5"},
        Bad{"HugeText", "\x7b\xff\xff\xff\xff\xff\xff\xff\xff"sv,
            "CBOR body: Unexpected end-of-input in a string at byte 9"},
        Bad{"HugeArray", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff"sv,
            "CBOR body: Unexpected end-of-input in a value at byte 9"},
        Bad{"ShortMap", "\xa2\x61\x61\x01"sv, "CBOR body: Unexpected end-of-input in a map at byte 4"}),
    [](const auto& info) { return info.param.name; });

TEST(CborToJsonTest, RefusesWhatIsNestedTooDeep) {
  EXPECT_EQ(Read(std::string(63, '\x81') + "\x80"), std::string(64, '[') + std::string(64, ']'));
  EXPECT_EQ(Read(std::string(2'000'000, '\x81')),
            "CBOR body: Document nesting depth (65) exceeds the maximum allowed (64) at byte 64");
  EXPECT_THAT(Read(std::string(2'000'000, '\x7f')), HasSubstr("no text as part of a string"));
}

TEST(CborToJsonTest, DoesNotGrowBeyondItsLimit) {
  const std::string nulls = "\x9f" + std::string(100, '\xf6') + "\xff";
  EXPECT_TRUE(CborToJson(nulls, 501));
  const auto json = CborToJson(nulls, 400);
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, Code::kTooLarge);
  EXPECT_EQ(json.error().message, "request body is larger than 400 bytes as JSON");
}

TEST(ToCborTest, IsWhatNlohmannReads) {
  const char* json =
      R"({"a":[1,-1,300,-70000,5000000000,18446744073709551615],"b":[true,false,null],"c":{},"d":0.1,"e":"ü"})";
  const std::string cbor = ToCbor(ParseJson(json).value());
  EXPECT_EQ(nlohmann::json::from_cbor(cbor), nlohmann::json::parse(json));
  EXPECT_EQ(Read(cbor), json);
}

TEST(ToCborTest, WritesSingleFloatsWhereAsked) {
  EXPECT_EQ(ToCbor(json::value(0.1)), "\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a"sv);
  EXPECT_EQ(ToCbor(json::value(0.1), CborFloats::kSingle), "\xfa\x3d\xcc\xcc\xcd"sv);
}

TEST(AppendCborTest, WritesTheShortestHeads) {
  std::string out;
  AppendCborInt(out, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(out, "\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"sv);
  out.clear();
  AppendCborArray(out, 23);
  AppendCborArray(out, 24);
  AppendCborMap(out, 65536);
  EXPECT_EQ(out, "\x97\x98\x18\xba\x00\x01\x00\x00"sv);
  out.clear();
  AppendCborFloats(out, std::vector<float>{1.5F, -0.0F});
  EXPECT_EQ(out, "\x82\xfa\x3f\xc0\x00\x00\xfa\x80\x00\x00\x00"sv);
}

// A float32 prints as the shortest decimal of a float32, which is another double.
nlohmann::json AsFloat32(nlohmann::json value) {
  if (value.is_structured()) {
    for (auto& element : value) element = AsFloat32(element);
  }
  return value.is_number_float() ? nlohmann::json(value.get<float>()) : value;
}

// What ours takes, theirs takes too, as the same.
TEST(CborToJsonTest, AgreesWithNlohmannOnDamagedBytes) {
  const std::string seed =
      ByNlohmann(R"({"a":[1,-70000,0.1,null,{"b":"text","c":[true,1e300]}],"long":"0123456789012345678901234"})");
  mlnode::testing::SeededRandom random(77);
  int read = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string cbor = seed;
    cbor[random.Below(cbor.size())] = static_cast<char>(random.Next());
    const auto ours = CborToJson(cbor, kMax);
    if (!ours) continue;
    ++read;
    const auto theirs = nlohmann::json::from_cbor(cbor, true, false);
    ASSERT_FALSE(theirs.is_discarded()) << *ours;
    EXPECT_EQ(AsFloat32(nlohmann::json::parse(*ours)), AsFloat32(theirs));
  }
  EXPECT_GT(read, 500);
}

}  // namespace
}  // namespace mlnode::rest
