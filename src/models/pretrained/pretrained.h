// models/pretrained/pretrained.h: finds a published model by name, version and format (spec/pretrained §2, 4).
//
// Asked first is a folder (mlnode.pretrained.mirror), then a site (mlnode.pretrained.base_url); either may be unset.
// Both have the layout of the peer's artifacts repository:
//   model_listing/pre_trained_models.json     [{"name": "...", "version": ["..."], "format": ["onnx", ...]}, ...]
//   <name>/<version>/<format>/config.json     function_name, model_format, model_content_hash_value, model_config
//   <name>/<version>/<format>/<name without its first segment, with _ for />-<version>-<format>.zip
// A folder needs no listing: without one it lists what has a config.json. Threads: any; blocks on disk and network.
#pragma once

#include <optional>
#include <string>

#include "config/settings.h"
#include "models/model.h"
#include "net/fetch.h"

namespace mlnode::models {

struct PretrainedName {
  std::string name;
  std::optional<std::string> version;  // compared in lower case
  engines::ModelFormat format = engines::ModelFormat::kOnnx;
};

struct PretrainedModel {
  FunctionName function = FunctionName::kTextEmbedding;
  std::optional<json::object> config;       // as NormalizeModelConfig left it
  std::optional<std::string> content_hash;  // as published
  std::string archive_url;
  net::FetchPolicy policy;  // under which the archive may be read
};

// `policy` gives the limits of a download; addresses and folders are those of where the model was found. Errors, as a
// task should tell them: kInvalidArgument "This model is not in the pre-trained model list, please check your
// parameters."; "model config not found: ..." and "the list of pre-trained models cannot be read: ..." with the cause,
// under its code; kInvalidArgument for a published configuration that is wrong.
Result<PretrainedModel> FindPretrained(net::HttpClient& client, const config::Snapshot& settings,
                                       const net::FetchPolicy& policy, const PretrainedName& wanted);

}  // namespace mlnode::models
