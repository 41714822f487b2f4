// A model provider on 127.0.0.1 for benchmarks and process tests: connectors/testing/provider_double.h as a program.
// Prints "listening on <port>" and runs until its standard input ends or it is killed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "connectors/testing/provider_double.h"

int main(int argc, char** argv) {
  CLI::App app{
      "OpenAI, Cohere and Bedrock wire formats, with faults: header \"X-Fault: NAME\" or path \"/fault/NAME/...\""};
  std::uint16_t port = 0;
  int delay_ms = 0;
  int gap_ms = 0;
  app.add_option("--port", port, "0: any free one");
  app.add_option("--delay-ms", delay_ms, "before each answer");
  app.add_option("--stream-gap-ms", gap_ms, "between the pieces of a stream");
  CLI11_PARSE(app, argc, argv);

  const auto provider = mlnode::connectors::ProviderDouble::Start(
      {.port = port, .delay = std::chrono::milliseconds(delay_ms), .stream_gap = std::chrono::milliseconds(gap_ms)});
  if (!provider) {
    fmt::print(stderr, "{}\n", provider.error().message);
    return 1;
  }
  fmt::print("listening on {}\n", (*provider)->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
