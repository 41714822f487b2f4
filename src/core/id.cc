#include "core/id.h"

#include <sys/random.h>

#include <cstdio>
#include <cstdlib>

namespace mlnode {
namespace {
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string Random64(RandomSource& random, std::size_t length) {
  std::string out;
  out.reserve(length);
  std::uint64_t bits = 0;
  int left = 0;
  while (out.size() < length) {
    if (left < 6) {
      bits = random.Next();
      left = 64;
    }
    const auto index = static_cast<std::size_t>(bits & 63U);
    bits >>= 6U;
    left -= 6;
    // The first character is no '-' or '_': such ids are refused in URLs and by shells.
    if (out.empty() && index >= 62) continue;
    out.push_back(kAlphabet[index]);
  }
  return out;
}
}  // namespace

std::uint64_t SystemRandom::Next() {
  std::uint64_t value = 0;
  if (getrandom(&value, sizeof value, 0) != sizeof value) {
    std::perror("getrandom");
    std::abort();
  }
  return value;
}

std::string NewDocumentId(RandomSource& random) { return Random64(random, 20); }
std::string NewUuid22(RandomSource& random) { return Random64(random, 22); }

}  // namespace mlnode
