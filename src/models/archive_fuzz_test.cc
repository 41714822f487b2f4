// Archive checks on arbitrary bytes: a libFuzzer entry point, and damaged archives replayed as a test.
#include <gtest/gtest.h>

#include "core/testing/manual_executor.h"
#include "core/testing/temp_dir.h"
#include "models/archive.h"
#include "models/testing/zip_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mlnode;  // the entry point stands outside the namespace
  const mlnode::testing::TempDir folder;
  const auto archive = folder.Write("a.zip", std::string_view(reinterpret_cast<const char*>(data), size));
  models::ArchiveRules rules{.function = models::FunctionName::kTextEmbedding, .format = engines::ModelFormat::kOnnx};
  rules.limits.max_total_bytes = 1'000'000;
  std::uint64_t written = 0;
  const auto unpacked = models::UnpackArchive(archive, rules, folder.File("out"), [&](std::uint64_t bytes) -> Status {
    written = bytes;
    return {};
  });
  if (written > rules.limits.max_total_bytes) __builtin_trap();
  if (!unpacked && std::filesystem::exists(folder.File("out"))) __builtin_trap();
  return 0;
}

namespace mlnode::models {
namespace {

TEST(ArchiveFuzzTest, DamagedArchivesAreAnsweredOrRefused) {
  const std::string seed = testing::MakeZip({{.name = "model.onnx", .content = std::string(5000, 'm')},
                                             {.name = "d/", .content = ""},
                                             {.name = "d/serving.properties", .content = "engine = x\\\n y\n"},
                                             {.name = "tokenizer.json", .content = "{}"}});
  mlnode::testing::SeededRandom random(4242);
  for (int round = 0; round < 400; ++round) {
    std::string zip = seed;
    for (std::uint64_t changes = 1 + random.Below(4); changes > 0; --changes) {
      const std::size_t at = random.Below(zip.size());
      switch (random.Below(4)) {
        case 0:
          zip[at] = static_cast<char>(random.Next());
          break;
        case 1:
          zip.erase(at, 1 + random.Below(16));
          break;
        case 2:
          zip.insert(at, zip.substr(random.Below(zip.size()), random.Below(64)));
          break;
        default:
          zip[at] = static_cast<char>(0xff);
          break;
      }
    }
    EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(zip.data()), zip.size()), 0);
  }
}

}  // namespace
}  // namespace mlnode::models
