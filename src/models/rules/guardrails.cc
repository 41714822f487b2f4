#include "models/rules/guardrails.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "core/utf8.h"
#include "models/rules/json_escapes.h"

namespace mlnode::models {
namespace {

constexpr std::array<std::string_view, 2> kSides = {"input_guardrail", "output_guardrail"};
constexpr std::string_view kLocal = "local_regex";
constexpr std::string_view kModel = "model";
constexpr std::size_t kMaxPhraseWords = 16;

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

using Pattern = std::unique_ptr<const RE2>;

Result<Pattern> CompilePattern(std::string_view where, const std::string& text) {
  RE2::Options options;
  options.set_log_errors(false);
  auto pattern = std::make_unique<const RE2>(text, options);
  if (!pattern->ok()) {
    return Invalid(
        fmt::format("[{}] is no pattern that can be matched in linear time (RE2): {}", where, pattern->error()));
  }
  return Pattern(std::move(pattern));
}

bool IsWordByte(unsigned char c) {
  return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Words in lower case (ASCII), as an index's standard analyzer would find them in Latin text.
std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (IsWordByte(static_cast<unsigned char>(c))) {
      word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

// Words and phrases, by their first word: a text is looked through once.
class StopWords {
 public:
  void Add(std::vector<std::string> phrase) {
    std::string first = phrase.front();
    phrases_[std::move(first)].push_back(std::move(phrase));
  }
  bool empty() const { return phrases_.empty(); }
  bool In(std::string_view text) const {
    const std::vector<std::string> words = Words(text);
    for (std::size_t at = 0; at < words.size(); ++at) {
      const auto found = phrases_.find(words[at]);
      if (found == phrases_.end()) continue;
      for (const auto& phrase : found->second) {
        if (phrase.size() <= words.size() - at &&
            std::equal(phrase.begin(), phrase.end(), words.begin() + static_cast<std::ptrdiff_t>(at)))
          return true;
      }
    }
    return false;
  }

 private:
  std::unordered_map<std::string, std::vector<std::vector<std::string>>> phrases_;
};

// One side as it is read from JSON: `form` is what is stored of it.
struct SideRules {
  json::object form;
  std::vector<Pattern> patterns;
  StopWords stop_words;
  std::optional<Guardrails::Judge> judge;
  Pattern accepted;

  // The text as patterns see it, and as words do.
  bool Block(std::string_view whole, std::string_view worded) const {
    const auto matches = [whole](const Pattern& pattern) { return RE2::FullMatch(whole, *pattern); };
    return std::ranges::any_of(patterns, matches) || (!stop_words.empty() && stop_words.In(worded));
  }
};

Status ReadPatterns(std::string_view where, const json::object& given, SideRules& side) {
  ASSIGN_OR_RETURN(const auto texts, StringsField(given, "regex"));
  if (!texts) return {};
  if (texts->size() > kMaxGuardPatterns)
    return Invalid(fmt::format("[{}.regex] has {} patterns; the limit is {}", where, texts->size(), kMaxGuardPatterns));
  json::array kept;
  for (std::size_t i = 0; i < texts->size(); ++i) {
    ASSIGN_OR_RETURN(Pattern pattern, CompilePattern(fmt::format("{}.regex[{}]", where, i), (*texts)[i]));
    side.patterns.push_back(std::move(pattern));
    kept.emplace_back((*texts)[i]);
  }
  side.form["regex"] = std::move(kept);
  return {};
}

// The words of one entry of stop_words.
Result<std::vector<std::string>> ReadWordList(const std::string& where, const json::value& entry) {
  const json::object* fields = entry.if_object();
  if (fields == nullptr) return Invalid(fmt::format("[{}] must be an object", where));
  ASSIGN_OR_RETURN(auto words, StringsField(*fields, "words"));
  if (words) return *std::move(words);
  ASSIGN_OR_RETURN(const auto index, StringField(*fields, "index_name"));
  return Invalid(fmt::format(
      "[{}] names the index [{}], which does not exist: this node has no indices. Give the words themselves: "
      "\"stop_words\": [{{\"words\": [\"...\"]}}]",
      where, index.value_or("")));
}

Status ReadStopWords(std::string_view where, const json::object& given, SideRules& side) {
  const json::value* lists = given.if_contains("stop_words");
  if (lists == nullptr || lists->is_null()) return {};
  if (!lists->is_array()) return Invalid(fmt::format("[{}.stop_words] must be an array", where));
  json::array kept;
  std::size_t count = 0;
  for (const json::value& entry : lists->as_array()) {
    ASSIGN_OR_RETURN(const auto words, ReadWordList(fmt::format("{}.stop_words[{}]", where, kept.size()), entry));
    count += words.size();
    if (count > kMaxGuardStopWords)
      return Invalid(fmt::format("[{}.stop_words] has more than {} words", where, kMaxGuardStopWords));
    json::array form;
    for (const std::string& text : words) {
      std::vector<std::string> phrase = Words(text);
      if (phrase.empty() || phrase.size() > kMaxPhraseWords)
        return Invalid(
            fmt::format("[{}.stop_words] must hold 1 to {} words an entry, found [{}]", where, kMaxPhraseWords, text));
      side.stop_words.Add(std::move(phrase));
      form.emplace_back(text);
    }
    kept.push_back(json::object{{"words", std::move(form)}});
  }
  side.form["stop_words"] = std::move(kept);
  return {};
}

Status ReadJudge(std::string_view where, const json::object& given, SideRules& side) {
  ASSIGN_OR_RETURN(const auto model, StringField(given, "model_id"));
  if (!model || model->empty())
    return Invalid(fmt::format("[{}.model_id] is required for guardrails of type model", where));
  ASSIGN_OR_RETURN(const auto filter, StringField(given, "response_filter"));
  ASSIGN_OR_RETURN(const auto accepted, StringField(given, "response_validation_regex"));
  if (!accepted) {
    return Invalid(
        fmt::format("[{}.response_validation_regex] is required for guardrails of type model: it says which answers "
                    "accept a text",
                    where));
  }
  ASSIGN_OR_RETURN(side.accepted, CompilePattern(fmt::format("{}.response_validation_regex", where), *accepted));
  side.judge = Guardrails::Judge{.model = ModelId(*model), .response_filter = filter.value_or("")};
  side.form["model_id"] = *model;
  if (filter) side.form["response_filter"] = *filter;
  side.form["response_validation_regex"] = *accepted;
  return {};
}

struct Rules {
  json::object form;
  std::array<std::optional<SideRules>, kSides.size()> sides;
};

Result<Rules> ReadRules(const json::object& given) {
  ASSIGN_OR_RETURN(const auto type, StringField(given, "type"));
  const std::string kind = type.value_or(std::string(kLocal));
  if (kind != kLocal && kind != kModel) return Invalid("The type of guardrails is required, can not be null.");
  Rules rules;
  rules.form["type"] = kind;
  for (std::size_t i = 0; i < kSides.size(); ++i) {
    ASSIGN_OR_RETURN(const json::object* side_given, ObjectField(given, kSides[i]));
    if (side_given == nullptr) continue;
    const std::string where = fmt::format("guardrails.{}", kSides[i]);
    SideRules& side = rules.sides[i].emplace();
    if (kind == kModel) {
      RETURN_IF_ERROR(ReadJudge(where, *side_given, side));
    } else {
      RETURN_IF_ERROR(ReadPatterns(where, *side_given, side));
      RETURN_IF_ERROR(ReadStopWords(where, *side_given, side));
    }
    rules.form[kSides[i]] = side.form;
  }
  return rules;
}

class CompiledGuardrails final : public Guardrails {
 public:
  explicit CompiledGuardrails(Rules rules) : sides_(std::move(rules.sides)) {}

  bool Blocks(GuardSide side, std::string_view text) const override {
    const auto& rules = Of(side);
    if (!rules) return false;
    if (!IsValidUtf8(text) || text.find('\0') != std::string_view::npos) return true;
    if (rules->Block(text, text)) return true;
    if (text.find('\\') == std::string_view::npos) return false;
    return rules->Block(Unescaped(text, Escapes::kLetters), Unescaped(text, Escapes::kAll));
  }

  const Judge* JudgeOf(GuardSide side) const override {
    const auto& rules = Of(side);
    return rules && rules->judge ? &*rules->judge : nullptr;
  }

  bool Accepts(GuardSide side, std::string_view answer) const override {
    const auto& rules = Of(side);
    return rules && rules->accepted && RE2::FullMatch(answer, *rules->accepted);
  }

 private:
  const std::optional<SideRules>& Of(GuardSide side) const { return sides_[static_cast<std::size_t>(side)]; }
  std::array<std::optional<SideRules>, kSides.size()> sides_;
};

}  // namespace

Result<json::object> ParseGuardrails(const json::object& given) {
  ASSIGN_OR_RETURN(Rules rules, ReadRules(given));
  return std::move(rules.form);
}

Result<std::shared_ptr<const Guardrails>> Guardrails::Compile(const json::object& stored) {
  ASSIGN_OR_RETURN(Rules rules, ReadRules(stored));
  return std::shared_ptr<const Guardrails>(std::make_shared<CompiledGuardrails>(std::move(rules)));
}

}  // namespace mlnode::models
