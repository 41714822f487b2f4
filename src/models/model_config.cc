#include "models/model_config.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace mlnode::models {
namespace {

constexpr std::array<std::string_view, 7> kPoolings = {"MEAN", "MEAN_SQRT_LEN", "MAX", "WEIGHTED_MEAN",
                                                       "CLS",  "LAST_TOKEN",    "NONE"};
constexpr std::array<std::string_view, 3> kFrameworks = {"HUGGINGFACE_TRANSFORMERS", "SENTENCE_TRANSFORMERS",
                                                         "HUGGINGFACE_TRANSFORMERS_NEURON"};

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

// Which keys of spec/lifecycle §2.3 a function must and may have.
struct ConfigRules {
  bool needs_dimension;
  bool needs_framework;
  bool embedding_keys;  // dimension, pooling, prefixes, additional_config
};
ConfigRules RulesOf(FunctionName function, std::string_view model_type) {
  switch (function) {
    case FunctionName::kTextEmbedding:
      return {true, true, true};
    case FunctionName::kQuestionAnswering:
      return {false, true, false};
    case FunctionName::kRemote: {
      const bool embedding = Upper(model_type) == "TEXT_EMBEDDING";
      return {embedding, embedding, true};
    }
    case FunctionName::kTextSimilarity:
    case FunctionName::kSparseEncoding:
    case FunctionName::kSparseTokenize:
      return {false, false, true};
  }
  return {};
}

Status CheckRemote(const json::object& given) {
  ASSIGN_OR_RETURN(const json::object* additional, ObjectField(given, "additional_config"));
  if (additional == nullptr || !additional->contains("space_type"))
    return Invalid("Space type must be provided in additional_config for remote text embedding model");
  return {};
}

Status CopyPositive(const json::object& given, std::string_view key, json::object& out) {
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> value, IntField(given, key));
  if (!value) return {};
  constexpr std::int64_t kMost = 1'000'000;
  if (*value < 1 || *value > kMost)
    return Invalid("[" + std::string(key) + "] must be between 1 and 1000000, but was [" + std::to_string(*value) +
                   "]");
  out[key] = *value;
  return {};
}

Status CopyString(const json::object& given, std::string_view key, json::object& out) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value, StringField(given, key));
  if (value) out[key] = *value;
  return {};
}

Status CopyFramework(const json::object& given, json::object& out) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value, StringField(given, "framework_type"));
  if (!value) return {};
  const std::string upper = Upper(*value);
  if (std::ranges::find(kFrameworks, upper) == kFrameworks.end()) return Invalid("Wrong framework type");
  out["framework_type"] = upper;
  return {};
}

Status CopyPooling(const json::object& given, json::object& out) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value, StringField(given, "pooling_mode"));
  if (!value) return {};
  ASSIGN_OR_RETURN(const Pooling pooling, ParsePooling(*value));
  out["pooling_mode"] = kPoolings[static_cast<std::size_t>(pooling)];
  return {};
}

// The same key in all_config (a JSON text) and additional_config would have two values.
Status CopyAdditional(const json::object& given, json::object& out) {
  ASSIGN_OR_RETURN(const json::object* additional, ObjectField(given, "additional_config"));
  if (additional == nullptr) return {};
  const json::value* all = out.if_contains("all_config");
  if (all != nullptr) {
    const Result<json::object> parsed = ParseJsonObject(all->get_string());
    if (!parsed) return Annotate(parsed.error(), "all_config is not a JSON object");
    std::set<std::string> twice;
    for (const json::key_value_pair& entry : *additional) {
      if (parsed->contains(entry.key())) twice.emplace(entry.key());
    }
    std::string names;
    for (const std::string& name : twice) names += (names.empty() ? "" : ", ") + name;
    if (!twice.empty()) return Invalid("Duplicate keys found in both all_config and additional_config: " + names);
  }
  out["additional_config"] = *additional;
  return {};
}

// "precision": "f32" in additional_config, or in the JSON text of all_config.
bool ForcesF32(const json::object& stored, std::string_view all_config) {
  const auto says = [](const json::object& config) {
    const json::value* precision = config.if_contains("precision");
    return precision != nullptr && *precision == "f32";
  };
  const json::value* additional = stored.if_contains("additional_config");
  if (additional != nullptr && additional->is_object() && says(additional->get_object())) return true;
  if (all_config.empty()) return false;
  const auto all = ParseJsonObject(all_config);
  return all && says(*all);
}

Status CheckRequired(FunctionName function, const ConfigRules& rules, const json::object& out) {
  const bool remote = function == FunctionName::kRemote;
  if (rules.needs_dimension && !out.contains("embedding_dimension"))
    return Invalid(remote ? "Embedding dimension must be provided for remote text embedding model"
                          : "embedding dimension is null");
  if (rules.needs_framework && !out.contains("framework_type"))
    return Invalid(remote ? "Framework type must be provided for remote text embedding model"
                          : "framework type is null");
  return {};
}

}  // namespace

Result<Pooling> ParsePooling(std::string_view name) {
  std::string wanted = Upper(name);
  std::erase(wanted, '_');
  for (std::size_t i = 0; i < kPoolings.size(); ++i) {
    std::string known(kPoolings[i]);
    std::erase(known, '_');
    if (wanted == known) return static_cast<Pooling>(i);
  }
  return Invalid("Wrong pooling method");
}

Result<json::object> NormalizeModelConfig(FunctionName function, const json::object& given) {
  json::object out;
  RETURN_IF_ERROR(CopyString(given, "model_type", out));
  if (!out.contains("model_type")) return Invalid("model type is null");
  const json::string& type = out["model_type"].get_string();
  const ConfigRules rules = RulesOf(function, std::string_view(type.data(), type.size()));
  if (rules.embedding_keys) RETURN_IF_ERROR(CopyPositive(given, "embedding_dimension", out));
  RETURN_IF_ERROR(CopyFramework(given, out));
  RETURN_IF_ERROR(CheckRequired(function, rules, out));
  if (function == FunctionName::kRemote && rules.needs_dimension) RETURN_IF_ERROR(CheckRemote(given));
  RETURN_IF_ERROR(CopyString(given, "all_config", out));
  if (rules.embedding_keys) {
    RETURN_IF_ERROR(CopyAdditional(given, out));
    RETURN_IF_ERROR(CopyPooling(given, out));
  }
  ASSIGN_OR_RETURN(const std::optional<bool> normalize, BoolField(given, "normalize_result"));
  if (normalize.value_or(false)) out["normalize_result"] = true;
  RETURN_IF_ERROR(CopyPositive(given, "model_max_length", out));
  if (rules.embedding_keys) {
    RETURN_IF_ERROR(CopyString(given, "query_prefix", out));
    RETURN_IF_ERROR(CopyString(given, "passage_prefix", out));
  }
  return out;
}

Result<ModelConfig> ReadModelConfig(const json::object& stored) {
  ModelConfig config;
  ASSIGN_OR_RETURN(std::optional<std::string> type, StringField(stored, "model_type"));
  if (!type) return Invalid("model type is null");
  config.model_type = std::move(*type);
  ASSIGN_OR_RETURN(config.embedding_dimension, IntField(stored, "embedding_dimension"));
  ASSIGN_OR_RETURN(std::optional<std::string> framework, StringField(stored, "framework_type"));
  config.framework_type = std::move(framework).value_or("");
  ASSIGN_OR_RETURN(const std::optional<std::string> pooling, StringField(stored, "pooling_mode"));
  if (pooling) {
    ASSIGN_OR_RETURN(config.pooling, ParsePooling(*pooling));
  }
  ASSIGN_OR_RETURN(const std::optional<bool> normalize, BoolField(stored, "normalize_result"));
  config.normalize_result = normalize.value_or(false);
  ASSIGN_OR_RETURN(config.model_max_length, IntField(stored, "model_max_length"));
  ASSIGN_OR_RETURN(std::optional<std::string> all, StringField(stored, "all_config"));
  config.all_config = std::move(all).value_or("");
  config.force_f32 = ForcesF32(stored, config.all_config);
  ASSIGN_OR_RETURN(config.query_prefix, StringField(stored, "query_prefix"));
  ASSIGN_OR_RETURN(config.passage_prefix, StringField(stored, "passage_prefix"));
  return config;
}

}  // namespace mlnode::models
