#include "serving/pipelines/highlighting_settings.h"

#include <algorithm>

#include "core/json.h"

namespace mlnode::serving {
namespace {

// A positive whole number, or what was there.
void ReadCount(const json::object& from, std::string_view key, std::int64_t least, std::size_t& to) {
  const auto value = IntField(from, key);
  if (value && *value && **value >= least) to = static_cast<std::size_t>(**value);
}

}  // namespace

bool IsSentenceHighlighting(const models::ModelConfig& config) {
  constexpr std::string_view kType = "sentence_highlighting";
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(config.model_type, kType, [&](char a, char b) { return lower(a) == b; });
}

HighlightingSettings ReadHighlightingSettings(const models::ModelConfig& config) {
  HighlightingSettings settings;
  const auto all = ParseJsonObject(config.all_config);
  if (!all) return settings;
  ReadCount(*all, "token_max_length", 1, settings.limits.max_tokens);
  ReadCount(*all, "token_overlap_stride", 0, settings.limits.stride);
  if (const auto overflowing = BoolField(*all, "with_overflowing_tokens"); overflowing && *overflowing) {
    settings.with_overflowing = **overflowing;
  }
  return settings;
}

}  // namespace mlnode::serving
