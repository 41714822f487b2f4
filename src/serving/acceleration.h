// serving/acceleration.h: at which precision a model runs. A deploy never changes answers silently: the faster path
// (bf16) is taken only if, on probe texts of several lengths, it answered as the f32 graph did, within the function's
// tolerance, alone and in company, and in less time. What was found is a verdict, kept beside the model's unpacked
// files so that the next load of that content, with that engine and CPU, tries nothing.
// docs/adr/0011-verified-acceleration.md. Blocks for the loads and runs; the loading thread's alone.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/clock.h"
#include "engines/engine.h"
#include "serving/load_spec.h"
#include "serving/served_model.h"
#include "serving/warm_up.h"

namespace mlnode::serving {

struct AccelerationOptions {
  bool allowed = false;  // mlnode.engine.precision is auto
  std::string cpu;       // engines/cpu_bf16.h, Bf16Kind(); empty: this CPU has no faster path
  // False: agreement alone decides. What a trial took differs from run to run, and nodes of one kind that serve one
  // model must not come to different precisions by it.
  bool by_speed = true;
};

// May the model run at anything but f32 here, if the deployment leaves the choice (LoadSpec::reference_precision).
bool HasChoice(const AccelerationOptions& options, const LoadSpec& spec);

struct Verdict {
  engines::Precision precision = engines::Precision::kF32;
  bool batched = true;      // several texts in one batch answer as each alone
  double agreement = 1;     // of the faster path with f32, the worst probe; 1 where it was not tried
  std::string reason = {};  // why this precision, for people
  std::string engine = {};  // that it was found with, with its version
};

// The file of a verdict in the entry of a model's artifact: one for each way in which that content is served on one
// kind of CPU.
std::filesystem::path VerdictFile(const Artifact& artifact, const LoadSpec& spec, const AccelerationOptions& options,
                                  std::int64_t max_tokens);
// nullopt: none, or one that cannot be read (it is found anew then).
std::optional<Verdict> ReadVerdict(const std::filesystem::path& file);
// Best effort: without it the next load verifies again.
void WriteVerdict(const std::filesystem::path& file, const Verdict& verdict);

// Loads the graph at a precision into `model`: engine and pipeline.
using LoadAt = std::function<Status(engines::Precision precision, ServedModel& model)>;

struct VerifiedLoad {
  const AccelerationOptions& options;
  const LoadSpec& spec;
  const Clock& clock;
  const LoadAt& load_at;
  const StillWanted& wanted;
};
// Fills engine, pipeline and what is found of them into model.info (precision, batched, agreement, reason). One graph
// is in memory at a time. At the reference precision no verdict is asked or found. Needs artifact and tokenizer.
// Errors: those of load_at and of the warm-up at f32; whatever the faster path does only makes it not be taken.
Status LoadVerified(const VerifiedLoad& load, ServedModel& model);

}  // namespace mlnode::serving
