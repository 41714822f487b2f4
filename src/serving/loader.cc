#include "serving/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/files.h"
#include "core/log.h"
#include "serving/pipelines/make_pipeline.h"
#include "serving/warm_up.h"

namespace mlnode::serving {
namespace {

// Peak of a load over the size of the model file. Measured 2026-11-23 with OpenVINO 2026.4.1 and a file of 87 MB: the
// whole process held 380 MB before the library's own graph was dropped and 215 MB after, of which about 100 MB were
// there without a model.
constexpr std::uint64_t kPeakFactor = 3;
// What stays of it beside kFixedBytes. Measured 2026-11-24 with the same engine on two lanes: 190 MB of a file of 91
// MB, for the first model as for the third.
constexpr std::uint64_t kSteadyFactor = 2;
// What the engine and the tokenizer use whatever the model: arenas, kernels, vocabulary.
constexpr std::uint64_t kFixedBytes = 64ULL << 20U;
constexpr std::uint64_t kTokenizerLimit = 256ULL << 20U;
constexpr std::size_t kMostMeasured = 1'000;  // contents remembered

Status LoadTokenizer(const LoadSpec& spec, ServedModel& model) {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(model.artifact->tokenizer.string(), kTokenizerLimit));
  ASSIGN_OR_RETURN(model.tokenizer, text::Tokenizer::Load(content));
  ASSIGN_OR_RETURN(const std::size_t max_tokens, MaxTokens(spec, *model.tokenizer));
  model.info.max_tokens = static_cast<std::int64_t>(max_tokens);
  return {};
}

// Compiled graphs of this content, kept with it: the next load of the same shape and precision reads them.
std::filesystem::path CompiledFolder(const Artifact& artifact, engines::Precision precision) {
  std::filesystem::path folder = artifact.derived / "compiled" / engines::PrecisionName(precision);
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return {};  // nothing is kept then
  return folder;
}

// At least this much; what is held already counts.
Status ReserveLoad(const LoaderEnvironment& environment, const LoadSpec& spec, std::uint64_t bytes,
                   ServedModel& model) {
  if (model.reservation.bytes() >= bytes) return {};
  model.info.peak_bytes = bytes;
  model.reservation = {};
  ASSIGN_OR_RETURN(model.reservation, environment.budget.Reserve(bytes, fmt::format("model {}", spec.model.str())));
  return {};
}

Status LoadEngine(const LoaderEnvironment& environment, const LoadSpec& spec, engines::Precision precision,
                  ServedModel& model) {
  ASSIGN_OR_RETURN(engines::Engine* const engine,
                   environment.engines.ForModel(spec.format, model.artifact->model_file));
  GraphCall call = CallOf(spec);
  const engines::LoadOptions options{.file = model.artifact->model_file,
                                     .cache_dir = CompiledFolder(*model.artifact, precision),
                                     .lanes = environment.lanes,
                                     .precision = precision,
                                     .max_tokens = model.info.max_tokens,
                                     .inputs = std::move(call.inputs),
                                     .output_rule = call.output_rule};
  model.engine = environment.shared.Share(options);
  if (model.engine) return {};
  RETURN_IF_ERROR(ReserveLoad(environment, spec, PeakBytes(model.artifact->model_bytes), model));
  ASSIGN_OR_RETURN(auto loaded, engine->Load(options));
  model.engine = environment.shared.Add(options, std::move(loaded));
  return {};
}

Status LoadPipeline(const LoadSpec& spec, ServedModel& model) {
  ASSIGN_OR_RETURN(model.pipeline, MakePipeline({.spec = spec,
                                                 .artifact = *model.artifact,
                                                 .tokenizer = *model.tokenizer,
                                                 .engine = model.engine.get(),
                                                 .max_tokens = static_cast<std::size_t>(model.info.max_tokens)}));
  return {};
}

// A function without a graph: its tokenizer is all.
Status LoadWithoutEngine(const LoadSpec& spec, const StillWanted& wanted, ServedModel& model) {
  model.info.engine = "tokenizer";
  RETURN_IF_ERROR(LoadPipeline(spec, model));
  const auto agreement = WarmUp(nullptr, *model.pipeline, wanted);
  return agreement ? Status() : Annotate(agreement.error(), "warm-up");
}

Status LoadServed(const LoaderEnvironment& environment, const LoadSpec& spec, const Progress& progress,
                  ServedModel& model) {
  const StillWanted wanted = [&] { return progress(Phase::kWarming, 0, 0); };
  if (!models::TraitsOf(spec.function).needs_model_file) return LoadWithoutEngine(spec, wanted, model);
  const LoadAt load_at = [&](engines::Precision precision, ServedModel& into) -> Status {
    RETURN_IF_ERROR(progress(Phase::kLoading, 0, 0));
    RETURN_IF_ERROR(LoadEngine(environment, spec, precision, into));
    RETURN_IF_ERROR(LoadPipeline(spec, into));
    return progress(Phase::kWarming, 0, 0);
  };
  RETURN_IF_ERROR(LoadVerified({.options = environment.acceleration,
                                .spec = spec,
                                .clock = environment.clock,
                                .load_at = load_at,
                                .wanted = wanted},
                               model));
  if (!model.info.batched) {
    LOG_WARN("serving", "model {} answers differently in company: its texts will run one by one", spec.model.str());
  }
  return {};
}

// Growth of the process from here on. Predictions grow it too, so that it tells the size of a load only while the lanes
// stand still.
class Growth {
 public:
  explicit Growth(const LoaderEnvironment& environment)
      : environment_(environment), use_(environment.queue.Use()), bytes_(environment.memory_used()) {}
  // nullopt: others worked meanwhile.
  std::optional<std::uint64_t> Measure() const {
    const std::uint64_t now = environment_.memory_used();
    if (use_.running > 0 || environment_.queue.Use() != use_) return std::nullopt;
    return now > bytes_ ? now - bytes_ : 0;
  }

 private:
  const LoaderEnvironment& environment_;
  const LaneUse use_;
  const std::uint64_t bytes_;
};

// Replaces the peak by what the load was seen to take, at least the model file; where that could not be seen, by what
// an earlier load of the same content was, or by an upper bound. `shared`: the weights are another deployment's, who
// brought the memory for them.
void Settle(const LoaderEnvironment& environment, const LoadSpec& spec, const Growth& growth, bool shared,
            ServedModel& model) {
  if (shared) {
    model.info.shares_weights = true;
    const auto grown = growth.Measure();
    model.info.measured = grown.has_value();
    model.reservation.ShrinkTo(grown.value_or(SteadyBytes(0)));
    model.info.weights_bytes = SharedEngines::MemoryOf(*model.engine);
    model.info.resident_bytes = model.reservation.bytes() + model.info.weights_bytes;
    return;
  }
  const std::uint64_t file = model.artifact->model_bytes;
  const std::string content = model.artifact->folder.filename().string();
  if (const auto grown = growth.Measure()) {
    if (environment.measured.size() >= kMostMeasured) environment.measured.clear();
    environment.measured[content] = std::max(*grown, file);
  }
  const auto known = environment.measured.find(content);
  model.info.measured = known != environment.measured.end();
  model.info.resident_bytes = model.info.measured ? known->second : SteadyBytes(file);
  if (model.info.resident_bytes > model.reservation.bytes()) {
    LOG_WARN("serving", "model {} took {} bytes, more than the {} reserved", spec.model.str(),
             model.info.resident_bytes, model.reservation.bytes());
  }
  model.reservation.ShrinkTo(model.info.resident_bytes);
  if (!model.engine) return;
  model.info.weights_bytes = model.reservation.bytes();
  SharedEngines::Hold(*model.engine, std::move(model.reservation));
}

}  // namespace

std::uint64_t PeakBytes(std::uint64_t model_bytes) { return model_bytes * kPeakFactor + kFixedBytes; }

std::uint64_t SteadyBytes(std::uint64_t model_bytes) { return model_bytes * kSteadyFactor + kFixedBytes; }

Result<std::unique_ptr<ServedModel>> LoadRemoteModel(const RemoteEnvironment* remote, const LoadSpec& spec) {
  if (remote == nullptr) return MakeError(Code::kUnimplemented, "This node serves no remote models.");
  const SteadyTime begin = remote->clock.Now();
  auto model = std::make_unique<ServedModel>();
  model->remote = std::make_shared<RemoteTermsSource>(remote->store, remote->compile, spec.model);
  RETURN_IF_ERROR(model->remote->Now());
  model->info.engine = "remote";
  model->info.load_millis = std::chrono::duration_cast<std::chrono::milliseconds>(remote->clock.Now() - begin).count();
  return model;
}

Result<std::unique_ptr<ServedModel>> LoadModel(const LoaderEnvironment& environment, const LoadSpec& spec,
                                               const Progress& progress) {
  const SteadyTime begin = environment.clock.Now();
  auto model = std::make_unique<ServedModel>();
  ASSIGN_OR_RETURN(model->artifact, environment.cache.Obtain(spec, progress));
  RETURN_IF_ERROR(progress(Phase::kReserving, 0, 0));
  // Another deployment may hold the weights already; if not in the form that this one needs, LoadEngine reserves more.
  const bool held = environment.shared.Holds(model->artifact->model_file);
  RETURN_IF_ERROR(ReserveLoad(environment, spec, PeakBytes(held ? 0 : model->artifact->model_bytes), *model));
  RETURN_IF_ERROR(progress(Phase::kLoading, 0, 0));
  const Growth growth(environment);
  RETURN_IF_ERROR(LoadTokenizer(spec, *model));
  RETURN_IF_ERROR(LoadServed(environment, spec, progress, *model));
  const bool shared = model->engine && SharedEngines::MemoryOf(*model->engine) > 0;
  Settle(environment, spec, growth, shared, *model);
  const auto took = environment.clock.Now() - begin;
  model->info.load_millis = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  return model;
}

}  // namespace mlnode::serving
