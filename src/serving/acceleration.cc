#include "serving/acceleration.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/sha256.h"

namespace mlnode::serving {
namespace {

constexpr int kFormat = 1;  // docs/formats/storage.md
constexpr std::string_view kWarmUp = "warm-up";
constexpr std::uint64_t kMaxVerdictBytes = 4096;
// The faster path must save this much of the probes' time: less is noise, and f32 is the answer that needs no proof.
constexpr double kWorthwhile = 0.9;

// TEXT_EMBEDDING alone: cosines tell how far a vector moved. A cross-encoder's logits move by up to 0.1 at bf16, which
// swaps neighbours in a list, and the small weights of a sparse vector by more than 1 % (measured 2026-11-29 with the
// models of tests/data/functions), and few probes do not show it.
bool MayChangePrecision(models::FunctionName function) { return function == models::FunctionName::kTextEmbedding; }

// Of little memory, say: it says nothing about the graph.
bool MayPass(const Error& error) { return error.code == Code::kResourceExhausted || error.code == Code::kUnavailable; }

// Answers of one graph to the probes.
struct Trial {
  Documents alone;
  std::optional<Documents> together;  // nullopt: the engine cannot batch this graph
  bool transient = false;             // it failed for a reason that may pass
  Duration took{};                    // of `alone`
};

Result<Trial> RunTrial(const VerifiedLoad& load, ServedModel& model) {
  // Once before what is timed: the first run of each shape prepares kernels and memory.
  Trial trial;
  ASSIGN_OR_RETURN(trial.alone, RunProbesAlone(*model.engine, *model.pipeline, load.wanted));
  const SteadyTime begin = load.clock.Now();
  ASSIGN_OR_RETURN(trial.alone, RunProbesAlone(*model.engine, *model.pipeline, load.wanted));
  trial.took = load.clock.Now() - begin;
  auto together = RunProbesTogether(*model.engine, *model.pipeline, load.wanted);
  RETURN_IF_ERROR(load.wanted());
  if (together) {
    trial.together = *std::move(together);
  } else {
    trial.transient = MayPass(together.error());
  }
  return trial;
}

Verdict OfReference(const ServedModel& model, const Trial& trial) {
  const bool batched = trial.together && model.pipeline->Compare(trial.alone, *trial.together).same;
  return {.precision = engines::Precision::kF32, .batched = batched, .agreement = 1};
}

// Judges the faster path, which `model` holds, by the answers of the reference.
Verdict Judge(const ServedModel& model, const Trial& reference, const Trial& fast, bool by_speed, Verdict otherwise) {
  const Agreement alone = model.pipeline->Compare(reference.alone, fast.alone);
  otherwise.agreement = alone.least;
  if (!alone.within) {
    otherwise.reason = fmt::format("bf16 agrees only {:.5f} with f32", alone.least);
    return otherwise;
  }
  if (by_speed &&
      std::chrono::duration<double>(fast.took) > kWorthwhile * std::chrono::duration<double>(reference.took)) {
    otherwise.reason = "bf16 is not faster on this CPU";
    return otherwise;
  }
  const bool batched = fast.together && model.pipeline->Compare(reference.alone, *fast.together).within;
  if (otherwise.batched && !batched) {
    otherwise.reason = "texts of one bf16 batch do not agree with f32";
    return otherwise;
  }
  return {.precision = engines::Precision::kBf16,
          .batched = batched,
          .agreement = alone.least,
          .reason = fmt::format("bf16 agrees {:.5f} with f32", alone.least),
          .engine = std::move(otherwise.engine)};
}

void Show(const Verdict& verdict, ServedModel& model) {
  model.info.engine = model.engine->engine();
  model.info.precision = model.engine->precision();
  model.info.batched = verdict.batched;
  model.info.agreement = verdict.agreement;
  model.info.precision_reason = verdict.reason;
}

// The graph that the verdict names, ready to serve: its pipeline has seen the probes.
Status LoadJudged(const VerifiedLoad& load, const Verdict& verdict, ServedModel& model) {
  model.pipeline.reset();
  model.engine.reset();
  RETURN_IF_ERROR(load.load_at(verdict.precision, model));
  const auto seen = RunProbesAlone(*model.engine, *model.pipeline, load.wanted);
  if (!seen) return Annotate(seen.error(), kWarmUp);
  Show(verdict, model);
  return {};
}

// What a graph that runs as it is needs before it serves.
Status WarmUpReference(const VerifiedLoad& load, ServedModel& model) {
  const auto agreement = WarmUp(model.engine.get(), *model.pipeline, load.wanted);
  if (!agreement) return Annotate(agreement.error(), kWarmUp);
  Show({.precision = model.engine->precision(), .batched = agreement->same, .agreement = 1}, model);
  return {};
}

Status LoadReference(const VerifiedLoad& load, ServedModel& model) {
  RETURN_IF_ERROR(load.load_at(engines::Precision::kF32, model));
  return WarmUpReference(load, model);
}

struct Finding {
  Verdict verdict;
  bool lasting = true;  // false: found under a failure that may pass, so the next load tries again
};

// Tries bf16 after the reference, which `model` holds. A failure of the faster path is a verdict for f32; only the
// load's end (`wanted`) is an error.
Result<Finding> TryFaster(const VerifiedLoad& load, const Trial& reference, const Verdict& otherwise,
                          ServedModel& model) {
  // The documents may point to what the reference's pipeline made.
  const std::unique_ptr<Pipeline> kept = std::move(model.pipeline);
  model.engine.reset();
  Finding finding{.verdict = otherwise, .lasting = !reference.transient};
  Status loaded = load.load_at(engines::Precision::kBf16, model);
  RETURN_IF_ERROR(load.wanted());
  if (!loaded) {
    finding.verdict.reason = "no bf16 for this graph: " + loaded.error().message;
    finding.lasting = finding.lasting && !MayPass(loaded.error());
    return finding;
  }
  const auto fast = RunTrial(load, model);
  RETURN_IF_ERROR(load.wanted());
  if (fast) {
    finding.verdict = Judge(model, reference, *fast, load.options.by_speed, std::move(finding.verdict));
    finding.lasting = finding.lasting && !fast->transient;
    return finding;
  }
  finding.verdict.reason = "bf16 fails: " + fast.error().message;
  finding.lasting = finding.lasting && !MayPass(fast.error());
  return finding;
}

}  // namespace

bool HasChoice(const AccelerationOptions& options, const LoadSpec& spec) {
  return options.allowed && !options.cpu.empty() && MayChangePrecision(spec.function) && !spec.config.force_f32;
}

std::filesystem::path VerdictFile(const Artifact& artifact, const LoadSpec& spec, const AccelerationOptions& options,
                                  std::int64_t max_tokens) {
  const models::ModelConfig& config = spec.config;
  std::string served = fmt::format("{}|{}|{}|{}|{}|{}", options.cpu, max_tokens, config.model_type,
                                   config.framework_type, static_cast<int>(config.pooling), config.normalize_result);
  if (!options.by_speed) served += "|agreement";
  return artifact.derived / fmt::format("verdict-{}.json", Sha256Hex(served).substr(0, 16));
}

std::optional<Verdict> ReadVerdict(const std::filesystem::path& file) {
  const auto text = ReadFile(file.string(), kMaxVerdictBytes);
  if (!text) return std::nullopt;
  const auto parsed = ParseJsonObject(*text);
  if (!parsed) return std::nullopt;
  const json::value* format = parsed->if_contains("format");
  const json::value* precision = parsed->if_contains("precision");
  const json::value* batched = parsed->if_contains("batched");
  const json::value* agreement = parsed->if_contains("agreement");
  const json::value* reason = parsed->if_contains("reason");
  const json::value* engine = parsed->if_contains("engine");
  if (format == nullptr || *format != kFormat || precision == nullptr || !precision->is_string()) return std::nullopt;
  if (batched == nullptr || !batched->is_bool() || agreement == nullptr || !agreement->is_number()) return std::nullopt;
  if (reason == nullptr || !reason->is_string() || engine == nullptr || !engine->is_string()) return std::nullopt;
  return Verdict{.precision = precision->as_string() == "bf16" ? engines::Precision::kBf16 : engines::Precision::kF32,
                 .batched = batched->as_bool(),
                 .agreement = agreement->to_number<double>(),
                 .reason = std::string(reason->as_string()),
                 .engine = std::string(engine->as_string())};
}

void WriteVerdict(const std::filesystem::path& file, const Verdict& verdict) {
  const json::object document{{"format", kFormat},          {"precision", engines::PrecisionName(verdict.precision)},
                              {"batched", verdict.batched}, {"agreement", verdict.agreement},
                              {"reason", verdict.reason},   {"engine", verdict.engine}};
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  const Status written = WriteFileDurably(file.string(), ToJson(document), FileSync::kNone);
  if (!written) LOG_WARN("serving", "a verdict on precision is not kept: {}", written.error().message);
}

Status LoadVerified(const VerifiedLoad& load, ServedModel& model) {
  const bool choice = HasChoice(load.options, load.spec);
  if (!choice || load.spec.reference_precision) {
    RETURN_IF_ERROR(LoadReference(load, model));
    if (choice) model.info.precision_reason = "the nodes of the deployment differ: f32 on all of them";
    return {};
  }
  const auto file = VerdictFile(*model.artifact, load.spec, load.options, model.info.max_tokens);
  if (const auto known = ReadVerdict(file)) {
    const Status loaded = LoadJudged(load, *known, model);
    RETURN_IF_ERROR(load.wanted());
    if (loaded && model.engine->engine() == known->engine) return {};
    model.pipeline.reset();
    model.engine.reset();
  }
  RETURN_IF_ERROR(load.load_at(engines::Precision::kF32, model));
  if (model.engine->precision() != engines::Precision::kF32) return WarmUpReference(load, model);
  const auto reference = RunTrial(load, model);
  if (!reference) return Annotate(reference.error(), kWarmUp);
  Verdict otherwise = OfReference(model, *reference);
  otherwise.engine = model.engine->engine();
  ASSIGN_OR_RETURN(const Finding finding, TryFaster(load, *reference, otherwise, model));
  if (finding.lasting) WriteVerdict(file, finding.verdict);
  if (finding.verdict.precision == engines::Precision::kF32) return LoadJudged(load, finding.verdict, model);
  Show(finding.verdict, model);
  return {};
}

}  // namespace mlnode::serving
