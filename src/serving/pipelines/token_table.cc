#include "serving/pipelines/token_table.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "core/json.h"

namespace mlnode::serving {
namespace {

constexpr std::size_t kMostIds = 4'000'000;
constexpr std::string_view kBegin = R"({"response":[{)";
constexpr std::string_view kEnd = "}]}";
constexpr std::size_t kBytesPerEntry = 24;  // of a word, its quotes and a weight

void AppendWeight(std::string& out, float weight) {
  out.push_back(':');
  AppendFloat(out, weight);
  out.push_back(',');
}

std::string Close(std::string out) {
  if (out.back() == ',') out.pop_back();
  return out += kEnd;
}

std::string Open(std::size_t entries) {
  std::string out;
  out.reserve(kBegin.size() + kEnd.size() + entries * kBytesPerEntry);
  return out += kBegin;
}

// Whether a later entry has the text of this one.
bool IsOverridden(const TokenTable& table, std::span<const TokenWeight> later, std::uint32_t id) {
  for (std::uint32_t same = table.NextOfSameText(id); same != 0; same = table.NextOfSameText(same)) {
    if (std::ranges::binary_search(later, same, {}, &TokenWeight::id)) return true;
  }
  return false;
}

}  // namespace

Result<TokenTable> TokenTable::Make(const text::Tokenizer& tokenizer) {
  ASSIGN_OR_RETURN(const std::size_t ids, tokenizer.IdLimit());
  if (ids > kMostIds) return MakeError(Code::kTooLarge, "tokenizer.json: an id of the vocabulary is over 4000000");
  TokenTable table;
  table.begins_.reserve(ids + 1);
  table.next_.resize(ids);
  std::unordered_map<std::string, std::uint32_t> newest;
  for (std::size_t i = 0; i < ids; ++i) {
    table.begins_.push_back(static_cast<std::uint32_t>(table.texts_.size()));
    const auto id = static_cast<std::int64_t>(i);
    ASSIGN_OR_RETURN(std::string text, tokenizer.Decode({&id, 1}));
    if (text.empty()) continue;
    table.texts_ += text;
    const auto [known, is_new] = newest.try_emplace(std::move(text), static_cast<std::uint32_t>(i));
    if (is_new) continue;
    table.next_[known->second] = static_cast<std::uint32_t>(i);
    known->second = static_cast<std::uint32_t>(i);
  }
  table.begins_.push_back(static_cast<std::uint32_t>(table.texts_.size()));
  table.texts_.shrink_to_fit();
  return table;
}

std::string_view TokenTable::Text(std::uint32_t id) const {
  if (id >= size()) return {};
  return std::string_view(texts_).substr(begins_[id], begins_[id + 1] - begins_[id]);
}

std::string PrintWords(const TokenTable& table, std::span<const TokenWeight> weights) {
  std::string out = Open(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::uint32_t id = weights[i].id;
    const std::string_view text = table.Text(id);
    if (text.empty() || IsOverridden(table, weights.subspan(i + 1), id)) continue;
    AppendJsonString(out, text);
    AppendWeight(out, weights[i].weight);
  }
  return Close(std::move(out));
}

std::string PrintIds(std::span<const TokenWeight> weights) {
  std::string out = Open(weights.size());
  for (const TokenWeight& entry : weights) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof(digits), entry.id).ptr;
    out.push_back('"');
    out.append(digits, end);
    out.push_back('"');
    AppendWeight(out, entry.weight);
  }
  return Close(std::move(out));
}

}  // namespace mlnode::serving
