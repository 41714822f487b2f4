// models/rules/guardrails.h: `guardrails` of a remote model (spec/remote §8): which texts may go to a provider and come
// back. Patterns are RE2: linear time whatever a user writes. Stop words: this node has no index, so that a list is
// given as words, under the fields of the peer: {"stop_words": [{"words": ["..."]}]}; an entry that names an index is
// refused. Threads: values are immutable; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/id.h"
#include "core/json.h"
#include "core/result.h"

namespace mlnode::models {

enum class GuardSide : std::uint8_t { kInput, kOutput };

inline constexpr std::size_t kMaxGuardPatterns = 1'000;    // of one side
inline constexpr std::size_t kMaxGuardStopWords = 10'000;  // of one side

// As a client gives it, in the form that is stored and shown: `type` filled in, unknown keys dropped. kInvalidArgument:
// the type, a pattern that RE2 does not read, an index of stop words, a missing model_id.
Result<json::object> ParseGuardrails(const json::object& given);

class Guardrails {
 public:
  // `stored` as ParseGuardrails left it; errors are the same.
  static Result<std::shared_ptr<const Guardrails>> Compile(const json::object& stored);
  virtual ~Guardrails() = default;
  // By local patterns and stop words: does a pattern match the whole text (`.` matches no line break), or does a list
  // hold a word or phrase of it, in any case. The text is JSON, or like it: patterns are also tried on it with escapes
  // such as \u0062 as the letters they stand for, and words are also looked for with all its escapes resolved. A text
  // that is not UTF-8, or holds a zero byte (UTF-16), cannot be judged: blocked, whatever the type. Else false for type
  // "model", and for a side without rules.
  virtual bool Blocks(GuardSide side, std::string_view text) const = 0;

  struct Judge {
    ModelId model;
    std::string response_filter;  // empty: none
  };
  // Null: this side asks no model.
  virtual const Judge* JudgeOf(GuardSide side) const = 0;
  // Does the judge's answer, JSON text (a string keeps its quotes), match response_validation_regex as a whole.
  virtual bool Accepts(GuardSide side, std::string_view answer) const = 0;
};

}  // namespace mlnode::models
