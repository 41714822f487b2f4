// The readers of YAML and CBOR on arbitrary bytes: a libFuzzer entry point, and a damaged corpus replayed as a test.
// What they take must be JSON that this program takes; what is printed of it must be read back as the same.
#include <gtest/gtest.h>

#include "core/json.h"
#include "core/testing/manual_executor.h"
#include "rest/content/cbor_reader.h"
#include "rest/content/cbor_writer.h"
#include "rest/content/yaml_reader.h"
#include "rest/content/yaml_writer.h"

namespace mlnode::rest {
namespace {

constexpr std::size_t kMaxBytes = 4096;

using Reader = Result<std::string> (*)(std::string_view, std::size_t);

void CheckReader(Reader read, std::string_view input) {
  const auto text = read(input, kMaxBytes);
  if (!text) {
    const bool named = !text.error().message.empty() && text.error().code != Code::kInternal;
    if (!named) __builtin_trap();
    return;
  }
  if (text->size() > kMaxBytes || text->find('\n') != std::string::npos) __builtin_trap();
  const auto value = ParseJson(*text);
  if (!value) __builtin_trap();
  const auto by_yaml = YamlToJson(ToYaml(*value), 100 * kMaxBytes);
  if (!by_yaml || ParseJson(*by_yaml).value() != *value) __builtin_trap();
  const auto by_cbor = CborToJson(ToCbor(*value), 100 * kMaxBytes);
  if (!by_cbor || ParseJson(*by_cbor).value() != *value) __builtin_trap();
}

}  // namespace
}  // namespace mlnode::rest

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  mlnode::rest::CheckReader(mlnode::rest::YamlToJson, input);
  mlnode::rest::CheckReader(mlnode::rest::CborToJson, input);
  return 0;
}

namespace mlnode::rest {
namespace {

std::string Damaged(std::string text, mlnode::testing::SeededRandom& random) {
  for (std::uint64_t changes = 1 + random.Below(4); changes > 0 && !text.empty(); --changes) {
    const std::size_t at = random.Below(text.size());
    constexpr std::string_view kPieces = "[]{}:,-?#&*!|>'\"%@`~ \n\t0.e\\<=";
    switch (random.Below(5)) {
      case 0:
        text[at] = static_cast<char>(random.Next());
        break;
      case 1:
        text.erase(at, 1 + random.Below(16));
        break;
      case 2:
        text.insert(at, text.substr(random.Below(text.size()), random.Below(64)));
        break;
      case 3:
        text[at] = static_cast<char>(0xff);
        break;
      default:
        text.insert(at, 1, kPieces[random.Below(kPieces.size())]);
        break;
    }
  }
  return text;
}

TEST(ContentFuzzTest, DamagedBodiesAreReadOrRefused) {
  const json::value body =
      ParseJson(R"({"text_docs":["one","two \" lines\n",""],"n":[1,-2.5,1e-7,18446744073709551615,null,true],)"
                R"("deep":[[{"a":{"b":[]}}]],"long key that goes on":"0123456789012345678901234567890"})")
          .value();
  const std::string corpus[] = {
      ToCbor(body),
      ToCbor(body, CborFloats::kSingle),
      ToYaml(body),
      ToJson(body),
      "a: &x [1, 2]\nb: *x\n? c\n: |-\n  text\n  more\nd: >+\n  folded\n\n!!str e: 'f'\n",
      "[0.0e0000010000000000000000, .5, 1e3, 0x1F, +.INF]",
      "%YAML 1.2\n--- {a: [b, c: d], \"e\": \"\\x41\\u00fc\\U0001F600\"}\n...\n",
      std::string("\xbf\x7f\x61\x61\x61\x62\xff\x9f\xf9\x3c\x00\xfa\x7f\x7f\xff\xff\xff\x63xyz\xf5\xff"),
  };
  mlnode::testing::SeededRandom random(4243);
  for (const std::string& seed : corpus) {
    for (int round = 0; round < 600; ++round) {
      const std::string input = Damaged(seed, random);
      EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()), 0);
    }
  }
}

}  // namespace
}  // namespace mlnode::rest
