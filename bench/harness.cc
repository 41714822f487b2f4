// bench/harness.cc: what tokenizer and engine give without HTTP, JSON and the node's scheduler: the ceiling that
// bench/check holds the node against. Closed loop as `mlnode bench`: each client's next request begins when its last is
// done. Requests are tokenized on a pool of their own, wait in order of arrival, and a free lane takes from the front
// as many sequences as its share allows; idle lanes start at once. Prints what `mlnode bench --json` prints.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <iostream>
#include <limits>
#include <numeric>

#include "cli/bench_texts.h"
#include "cli/load_report.h"
#include "core/cgroup.h"
#include "core/executor.h"
#include "core/files.h"
#include "engines/engine.h"
#include "serving/pipelines/pooling.h"
#include "text/tokenizer.h"

namespace mlnode::bench {
namespace {

// The scheduler's own (serving/scheduler.h): fewer tokens gain more from company than from a second lane, more gain
// nothing.
constexpr std::size_t kMinSpreadTokens = 256;
constexpr std::size_t kMaxBatchTokens = 1'024;
constexpr std::int64_t kMaxTokens = 512;

struct HarnessOptions {
  std::string model, engines, texts;
  std::string precision = "f32";
  std::size_t clients = 16, documents = 8;
  double seconds = 4, warm_up = 1;
  int lanes = PhysicalCores();
};

struct Parts {
  std::unique_ptr<engines::EngineRegistry> registry;
  std::unique_ptr<engines::LoadedModel> model;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::vector<std::string> texts;
};

struct Request {
  TokenBatch batch;
  std::vector<float> answer;  // [sequences, dim]
  std::size_t unfinished = 0;
  SteadyTime began;
};
using RequestPtr = std::shared_ptr<Request>;

struct Piece {
  RequestPtr request;
  std::size_t sequence;
};

class Harness {
 public:
  Harness(const Parts& parts, const HarnessOptions& options)
      : parts_(parts),
        options_(options),
        cpu_({.name = "cpu", .threads = PhysicalCores()}),
        lanes_({.name = "lane", .threads = options.lanes}) {
    state_.Lock()->idle_lanes = static_cast<std::size_t>(options.lanes);
  }

  cli::LoadReport Run() {
    state_.Lock()->active = options_.clients;
    for (std::size_t i = 0; i < options_.clients; ++i) Begin();
    Wait(options_.warm_up);
    SetCounting(true);
    Wait(options_.seconds);
    SetCounting(false);
    auto state = state_.Lock();
    state->stopping = true;
    idle_.wait(state.lock(), [&] { return state->active == 0; });
    return cli::Summarize(state->result, options_.documents);
  }

 private:
  struct State {
    std::deque<Piece> waiting;
    std::size_t waiting_tokens = 0, idle_lanes = 0, next_text = 0, active = 0;
    bool counting = false, stopping = false;
    SteadyTime opened;
    cli::LoadResult result;
  };

  void Wait(double seconds) {
    auto state = state_.Lock();
    idle_.wait_for(state.lock(), std::chrono::duration<double>(seconds), [] { return false; });  // time alone ends it
  }

  void SetCounting(bool on) {
    const auto state = state_.Lock();
    state->counting = on;
    if (on) state->opened = clock_.Now();
    if (!on) state->result.window = clock_.Now() - state->opened;
  }

  // The next request of a client.
  void Begin() {
    std::size_t first = 0;
    {
      const auto state = state_.Lock();
      if (state->stopping) {
        if (--state->active == 0) idle_.notify_all();
        return;
      }
      first = state->next_text;
      state->next_text += options_.documents;
    }
    const SteadyTime began = clock_.Now();
    if (!cpu_.Post([this, first, began] { Tokenize(first, began); })) std::abort();
  }

  void Tokenize(std::size_t first, SteadyTime began) {
    auto request = std::make_shared<Request>();
    std::vector<std::string_view> texts;
    for (std::size_t i = 0; i < options_.documents; ++i)
      texts.push_back(parts_.texts[(first + i) % parts_.texts.size()]);
    if (!parts_.tokenizer->Encode(texts, kMaxTokens, request->batch)) std::abort();
    request->unfinished = options_.documents;
    request->began = began;
    std::size_t woken = 0;
    {
      const auto state = state_.Lock();
      for (std::size_t i = 0; i < options_.documents; ++i) state->waiting.push_back({request, i});
      state->waiting_tokens += request->batch.tokens();
      woken = std::min(state->idle_lanes, (state->waiting_tokens + kMinSpreadTokens - 1) / kMinSpreadTokens);
      state->idle_lanes -= woken;
    }
    for (std::size_t i = 0; i < woken; ++i)
      if (!lanes_.Post([this] { RunLane(); })) std::abort();
  }

  // This lane's share of what waits: the front, and behind it those of like length before others, the longest-waiting
  // first among equals. Empty when nothing waits, and the lane is idle then.
  std::vector<Piece> Take() {
    const auto state = state_.Lock();
    if (state->waiting.empty()) {
      ++state->idle_lanes;
      return {};
    }
    std::deque<Piece>& waiting = state->waiting;
    const auto length = [&](std::size_t i) { return waiting[i].request->batch.Length(waiting[i].sequence); };
    const auto distance = [&](std::size_t i) {
      return std::max(length(0), length(i)) - std::min(length(0), length(i));
    };
    std::vector<std::size_t> order(waiting.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return std::pair(distance(a), a) < std::pair(distance(b), b); });
    const auto lanes = static_cast<std::size_t>(options_.lanes);
    const std::size_t share = (state->waiting_tokens + lanes - 1) / lanes;
    const std::size_t limit = std::clamp(share, kMinSpreadTokens, kMaxBatchTokens);
    std::vector<Piece> taken;
    std::size_t tokens = 0;
    for (const std::size_t i : order) {
      if (!taken.empty() && tokens + length(i) > limit) break;
      tokens += length(i);
      taken.push_back(waiting[i]);
    }
    for (std::size_t n = 0; n < taken.size(); ++n) waiting[order[n]].request = nullptr;
    std::erase_if(waiting, [](const Piece& piece) { return piece.request == nullptr; });
    state->waiting_tokens -= tokens;
    return taken;
  }

  void RunLane() {
    for (std::vector<Piece> taken = Take(); !taken.empty(); taken = Take()) {
      TokenBatch batch;
      for (const Piece& piece : taken) {
        const auto ids = piece.request->batch.Ids(piece.sequence);
        batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
        batch.offsets.push_back(batch.ids.size());
      }
      const Result<engines::BatchResult> result = parts_.model->Run(batch, {0});
      if (!result) {
        std::cerr << "bench_harness: " << result.error().message << "\n";
        std::abort();
      }
      for (std::size_t i = 0; i < taken.size(); ++i) Store(taken[i], result->per_sequence[i][0]);
      for (const Piece& piece : taken) Finish(piece.request);
    }
  }

  // As the demo model asks: the mean of the tokens, of unit length.
  void Store(const Piece& piece, const TensorView& hidden) {
    const auto dim = static_cast<std::size_t>(hidden.shape.back());
    Request& request = *piece.request;
    {
      const auto state = state_.Lock();  // two lanes may come to the same request
      if (request.answer.empty()) request.answer.resize(dim * options_.documents);
    }
    const std::span<float> place = std::span(request.answer).subspan(piece.sequence * dim, dim);
    serving::Pool(models::Pooling::kMean, {.values = hidden.Floats(), .dim = dim}, place);
    serving::NormalizeL2(place);
    if (!serving::AllFinite(place)) std::abort();
  }

  void Finish(const RequestPtr& request) {
    {
      const auto state = state_.Lock();
      if (--request->unfinished > 0) return;
      if (state->counting) state->result.answers.push_back({.latency = clock_.Now() - request->began, .status = 200});
    }
    Begin();
  }

  const Parts& parts_;
  const HarnessOptions& options_;
  const SystemClock clock_;
  std::condition_variable idle_;
  Guarded<State> state_;
  ThreadPool cpu_, lanes_;  // last: their threads end before what they use
};

Result<Parts> Open(const HarnessOptions& options) {
  Parts parts;
  std::filesystem::path file;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options.model, ignored))
    if (entry.path().extension() == ".onnx") file = entry.path();
  if (file.empty()) return MakeError(Code::kNotFound, options.model + " holds no .onnx file");
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  ASSIGN_OR_RETURN(const std::string tokenizer, ReadFile(options.model + "/tokenizer.json", kMost));
  ASSIGN_OR_RETURN(parts.tokenizer, text::Tokenizer::Load(tokenizer));
  ASSIGN_OR_RETURN(parts.texts, cli::ReadTexts(options.texts));
  parts.registry = engines::MakePluginRegistry(options.engines);
  ASSIGN_OR_RETURN(engines::Engine* const engine, parts.registry->ForModel(engines::ModelFormat::kOnnx, file));
  engines::LoadOptions load;
  load.file = file;
  load.lanes = options.lanes;
  load.precision = options.precision == "bf16" ? engines::Precision::kBf16 : engines::Precision::kF32;
  load.max_tokens = kMaxTokens;
  ASSIGN_OR_RETURN(parts.model, engine->Load(load));
  return parts;
}

int Main(int argc, char** argv) {
  HarnessOptions options;
  CLI::App app{"tokenizer and engine without HTTP, fed as closed-loop clients would", "bench_harness"};
  app.add_option("--model", options.model, "folder of an .onnx file and tokenizer.json")->required();
  app.add_option("--engines", options.engines, "folder of the engine plug-ins")->required();
  app.add_option("--texts", options.texts, "JSON array of texts")->required();
  app.add_option("--precision", options.precision)->check(CLI::IsMember({"f32", "bf16"}));
  app.add_option("--clients", options.clients)->check(CLI::PositiveNumber);
  app.add_option("--documents", options.documents)->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
  app.add_option("--warm-up", options.warm_up)->check(CLI::NonNegativeNumber);
  app.add_option("--lanes", options.lanes)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  const Result<Parts> parts = Open(options);
  if (!parts) {
    std::cerr << "bench_harness: " << parts.error().message << "\n";
    return 1;
  }
  cli::LoadReport report = Harness(*parts, options).Run();
  report.target = parts->model->engine() + " " + std::string(engines::PrecisionName(parts->model->precision()));
  report.clients = options.clients;
  std::cout << ToPrettyJson(cli::ToJsonObject(report));
  return 0;
}

}  // namespace
}  // namespace mlnode::bench

// An exception ends a benchmark, as it should. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return mlnode::bench::Main(argc, argv); }
