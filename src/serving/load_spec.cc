#include "serving/load_spec.h"

#include <fmt/format.h>

#include <limits>

namespace mlnode::serving {
namespace {

Error Missing(const models::Model& model, std::string_view what) {
  return MakeError(Code::kFailedPrecondition, fmt::format("Model {} cannot be loaded: {}.", model.id.str(), what));
}

// All that a remote model is made of stands in its document and its connector's, which are read with each prediction.
LoadSpec RemoteSpec(const models::Model& model) {
  LoadSpec spec;
  spec.model = model.id;
  spec.name = model.name;
  spec.function = model.function;
  return spec;
}

}  // namespace

Result<LoadSpec> MakeLoadSpec(const models::Model& model) {
  if (model.registration != models::Registration::kRegistered)
    return Missing(model, "its registration is not complete");
  if (!models::TraitsOf(model.function).local) return RemoteSpec(model);
  if (!model.format) return Missing(model, "it has no model_format");
  if (!model.config && !models::TraitsOf(model.function).config_optional) {
    return Missing(model, "it has no model_config");
  }
  if (!model.content_hash) return Missing(model, "it has no model_content_hash_value");
  if (model.upload.empty()) return Missing(model, "it has no content");
  const std::int64_t chunks = model.total_chunks.value_or(0);
  if (chunks < 1 || chunks > std::numeric_limits<std::uint32_t>::max()) {
    return Missing(model, fmt::format("its total_chunks is {}", chunks));
  }
  LoadSpec spec;
  if (model.config) {
    ASSIGN_OR_RETURN(spec.config, models::ReadModelConfig(*model.config));
  }
  spec.model = model.id;
  spec.name = model.name;
  spec.function = model.function;
  spec.format = *model.format;
  spec.upload = model.upload;
  spec.total_chunks = static_cast<std::uint32_t>(chunks);
  spec.content_hash = *model.content_hash;
  return spec;
}

std::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kQueued:
      return "queued";
    case Phase::kFetching:
      return "fetching";
    case Phase::kUnpacking:
      return "unpacking";
    case Phase::kReserving:
      return "reserving";
    case Phase::kLoading:
      return "loading";
    case Phase::kWarming:
      return "warming";
    case Phase::kReady:
      return "ready";
  }
  return "unknown";
}

}  // namespace mlnode::serving
