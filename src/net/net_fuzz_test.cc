// Replays the fuzz entry point over a small corpus and damaged forms of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "net/body/gzip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mlnode::net {
namespace {

void Replay(const std::string& input) {
  EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()), 0);
}

TEST(NetFuzzTest, SurvivesTheCorpusAndItsDamagedForms) {
  const std::vector<std::string> corpus = {
      "",
      "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip;q=0.5, *;q=0\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nT: 1\r\n\r\n",
      Gzip("a body"),
      Gzip(std::string(2'000'000, 'x')),
      std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16),
  };
  for (const auto& seed : corpus) {
    Replay(seed);
    for (std::size_t i = 0; i < std::min<std::size_t>(seed.size(), 300); ++i) {
      Replay(seed.substr(0, i));
      for (const char damage : {'\0', '\r', '\n', '0', '\xff'}) {
        auto damaged = seed;
        damaged[i] = damage;
        Replay(damaged);
      }
    }
  }
}

}  // namespace
}  // namespace mlnode::net
