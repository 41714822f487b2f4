// engine_speed: an engine plug-in alone, without a node: documents per second of own CPU time, and memory.
// engine_speed PLUGIN MODEL IDS [--batch N] [--bf16] [--output I] [--vectors FILE]
// IDS: a line of token ids for each document (engine_speed.py writes it). --batch: documents a call (1). --output:
// which output is read (0), pooled by the mean over tokens if it has one vector a token. --vectors: float32 vectors,
// one behind another. Prints one line of JSON.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "engines/plugin_engine.h"

namespace {

using mlnode::TensorView;
using mlnode::TokenBatch;
using mlnode::engines::LoadedModel;
using mlnode::engines::LoadOptions;
using mlnode::engines::OpenPlugin;
using mlnode::engines::Precision;

struct Arguments {
  std::string plugin;
  LoadOptions options;
  std::string ids;
  std::string vectors;
  std::size_t batch = 1;
  int output = 0;
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long ResidentMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + std::strlen("VmRSS:")) / 1024;
  }
  return 0;
}

std::vector<TokenBatch> ReadBatches(const std::string& path, std::size_t documents) {
  std::vector<TokenBatch> batches;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (batches.empty() || batches.back().sequences() == documents) batches.emplace_back();
    std::istringstream numbers(line);
    for (std::int64_t id = 0; numbers >> id;) batches.back().ids.push_back(id);
    batches.back().offsets.push_back(batches.back().ids.size());
  }
  return batches;
}

void WritePooled(const TensorView& view, std::ostream& out) {
  const auto floats = view.Floats();
  const auto dim = static_cast<std::size_t>(view.shape.back());
  std::vector<float> mean(dim, 0.0F);
  for (std::size_t i = 0; i < floats.size(); ++i) mean[i % dim] += floats[i];
  for (float& value : mean) value /= static_cast<float>(floats.size() / dim);
  out.write(reinterpret_cast<const char*>(mean.data()), static_cast<std::streamsize>(dim * sizeof(float)));
}

Arguments Parse(int count, char** values) {
  Arguments arguments;
  arguments.plugin = values[1];
  arguments.options.file = values[2];
  arguments.ids = values[3];
  for (int i = 4; i < count; ++i) {
    const std::string option = values[i];
    const char* const value = i + 1 < count ? values[i + 1] : "";
    if (option == "--bf16") arguments.options.precision = Precision::kBf16;
    if (option == "--batch") arguments.batch = std::strtoul(value, nullptr, 10);
    if (option == "--output") arguments.output = std::atoi(value);
    if (option == "--vectors") arguments.vectors = value;
  }
  return arguments;
}

mlnode::Status Measure(const Arguments& arguments) {
  const double start = CpuSeconds();
  ASSIGN_OR_RETURN(const auto engine, OpenPlugin(arguments.plugin));
  ASSIGN_OR_RETURN(const std::unique_ptr<LoadedModel> model, engine->Load(arguments.options));
  const double loaded = CpuSeconds();
  const long resident_loaded = ResidentMegabytes();
  std::ofstream vectors(arguments.vectors, std::ios::binary);
  std::size_t documents = 0;
  const std::vector<TokenBatch> batches = ReadBatches(arguments.ids, arguments.batch);
  for (std::size_t i = 0; i < std::min<std::size_t>(batches.size(), 20); ++i) {  // shapes and caches
    RETURN_IF_ERROR(model->Run(batches[i], {arguments.output}));
  }
  const double warm = CpuSeconds();
  double pooling = 0;  // not the engine's
  for (const TokenBatch& batch : batches) {
    ASSIGN_OR_RETURN(const auto result, model->Run(batch, {arguments.output}));
    documents += batch.sequences();
    if (arguments.vectors.empty()) continue;
    const double before = CpuSeconds();
    for (const auto& views : result.per_sequence) WritePooled(views[0], vectors);
    pooling += CpuSeconds() - before;
  }
  const double used = CpuSeconds() - warm - pooling;
  std::printf(
      R"({"engine": "%s", "precision": "%s", "documents": %zu, "docs_per_cpu_second": %.1f, "load_cpu_seconds": %.2f, )"
      R"("resident_mb_loaded": %ld, "resident_mb": %ld})"
      "\n",
      model->engine().c_str(), std::string(PrecisionName(model->precision())).c_str(), documents,
      static_cast<double>(documents) / used, loaded - start, resident_loaded, ResidentMegabytes());
  return {};
}

}  // namespace

int main(int count, char** values) {
  if (count < 4) {
    std::cerr << "engine_speed PLUGIN MODEL IDS [--batch N] [--bf16] [--output I] [--vectors FILE]\n";
    return 2;
  }
  const mlnode::Status measured = Measure(Parse(count, values));
  if (measured) return 0;
  std::cerr << "engine_speed: " << measured.error().message << " " << measured.error().detail << "\n";
  return 1;
}
