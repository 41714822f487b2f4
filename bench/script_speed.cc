// Steps a second of connector scripts (src/connectors/script), on one core: how long a script that does not end takes
// to be stopped. What a step is: docs/scripts.md.
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "connectors/script/script.h"

namespace mlnode::connectors {
namespace {

struct Kind {
  const char* name;
  const char* source;
};
constexpr std::array<Kind, 5> kKinds = {{
    {"arithmetic", "int i = 0; while (true) { i += 3; if (i % 7 == 0) { i++ } }"},
    {"text and calls", "int f(def s) { return s.length() + 1 } int n = 0; while (true) { n += f('a' + n) }"},
    {"lists", "def l = [1, 2, 3]; int n = 0; while (true) { for (x in l) { n += x + l[1] } }"},
    {"searching", "def s = 'a'.repeat(1000000); while (true) { s.contains('b') }"},
    {"copying", "def s = 'a'.repeat(100000); while (true) { s.toUpperCase() }"},
}};

int Measure() {
  constexpr std::size_t kSteps = 20'000'000;
  constexpr std::size_t kBytes = std::size_t{2} << 30U;
  for (const Kind& kind : kKinds) {
    const auto script = Script::Compile(kind.source);
    if (!script) {
      std::fprintf(stderr, "%s\n", script.error().message.c_str());
      return 1;
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto stopped = (*script)->Run({}, {.steps = kSteps, .bytes = kBytes});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%-16s%8.1f million steps/s   %s\n", kind.name, static_cast<double>(kSteps) / took.count() / 1e6,
                stopped ? "ended" : stopped.error().message.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace mlnode::connectors

int main() {
  try {
    return mlnode::connectors::Measure();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
