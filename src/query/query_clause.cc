#include "query/query_clause.h"

#include <re2/re2.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace mlnode::query {
namespace {

class MatchAllClause final : public Clause {
 public:
  explicit MatchAllClause(double boost) : boost_(boost) {}
  std::optional<double> Score(const SearchDocument&, Evaluation&) const override { return boost_; }

 private:
  double boost_;
};

class MatchNoneClause final : public Clause {
 public:
  std::optional<double> Score(const SearchDocument&, Evaluation&) const override { return std::nullopt; }
};

// A clause about one field that scores `boost` or does not match.
class FieldClause : public Clause {
 public:
  FieldClause(FieldPath field, double boost) : field_(std::move(field)), boost_(boost) {}
  std::optional<double> Score(const SearchDocument& document, Evaluation& search) const override {
    const bool matches = field_.AnyValue(document, [&](const json::value& value) { return Holds(value, search); });
    return matches ? std::optional(boost_) : std::nullopt;
  }

 protected:
  virtual bool Holds(const json::value& value, Evaluation& search) const = 0;
  const FieldPath field_;
  const double boost_;
};

class AnyOfClause final : public FieldClause {
 public:
  AnyOfClause(FieldPath field, const std::vector<json::value>& values, double boost)
      : FieldClause(std::move(field), boost) {
    for (const json::value& value : values) {
      texts_.insert(ScalarText(value));
      if (const std::optional<double> number = ScalarNumber(value)) numbers_.insert(*number);
    }
  }

 private:
  bool Holds(const json::value& stored, Evaluation&) const override {
    if (!field_.analysed()) return Wanted(stored);
    for (const std::string& word : Words(ScalarText(stored))) {
      if (texts_.contains(word)) return true;
    }
    return false;
  }
  // Numbers compare as numbers ("5" equals 5), everything else as text.
  bool Wanted(const json::value& stored) const {
    if (stored.is_structured()) return false;
    if (!stored.is_number()) return texts_.contains(ScalarText(stored));
    const std::optional<double> number = ScalarNumber(stored);
    return number && numbers_.contains(*number);
  }
  std::set<std::string> texts_;  // of all values
  std::set<double> numbers_;     // of those that are one
};

class ExistsClause final : public FieldClause {
 public:
  using FieldClause::FieldClause;

 private:
  bool Holds(const json::value& stored, Evaluation&) const override {
    return !stored.is_object() || !stored.get_object().empty();
  }
};

class WordsClause final : public Clause {
 public:
  WordsClause(FieldPath field, WantedWords wanted, double boost)
      : field_(std::move(field)),
        wanted_(std::move(wanted)),
        different_(wanted_.words.begin(), wanted_.words.end()),
        boost_(boost) {}
  std::optional<double> Score(const SearchDocument& document, Evaluation& search) const override {
    const std::vector<std::string> words = field_.AllWords(document);
    if (wanted_.in_order && std::ranges::search(words, wanted_.words).empty()) return std::nullopt;
    std::map<std::string_view, std::size_t> counts;
    for (const std::string& word : words) ++counts[word];
    double sum = 0;
    std::size_t found = 0;
    for (const std::string& word : different_) {
      const auto count = counts.find(word);
      if (count == counts.end()) continue;
      ++found;
      sum += TextStatistics::Bm25(search.texts.Of(field_), word, count->second, words.size());
    }
    if (found == 0 || found < wanted_.at_least) return std::nullopt;
    return boost_ * sum;
  }

 private:
  FieldPath field_;
  WantedWords wanted_;
  std::set<std::string> different_;
  double boost_;
};

class RangeClause final : public FieldClause {
 public:
  RangeClause(FieldPath field, std::optional<RangeBound> lower, std::optional<RangeBound> upper, double boost)
      : FieldClause(std::move(field), boost), lower_(std::move(lower)), upper_(std::move(upper)) {}

 private:
  bool Holds(const json::value& stored, Evaluation& search) const override {
    if (stored.is_structured()) return false;
    return (!lower_ || Within(Compare(stored, *lower_, search.now), *lower_, 1)) &&
           (!upper_ || Within(Compare(stored, *upper_, search.now), *upper_, -1));
  }
  static bool Within(std::optional<int> order, const RangeBound& bound, int side) {
    return order && (*order == side || (bound.inclusive && *order == 0));
  }
  // -1, 0, 1; nullopt where the two cannot be compared (a number with a text that is none).
  static std::optional<int> Compare(const json::value& stored, const RangeBound& bound, EpochMillis now) {
    if (stored.is_number()) {
      const std::optional<double> left = ScalarNumber(stored);
      std::optional<double> right = ScalarNumber(bound.value);
      if (!right && bound.date) right = static_cast<double>(bound.date->Resolve(now, bound.round_up));
      if (!left || !right) return std::nullopt;
      return *left < *right ? -1 : (*left > *right ? 1 : 0);
    }
    const int order = ScalarText(stored).compare(ScalarText(bound.value));
    return order < 0 ? -1 : (order > 0 ? 1 : 0);
  }
  std::optional<RangeBound> lower_, upper_;
};

// A clause that asks something of the text of a value, or of each word of an analysed field.
class TextClause : public FieldClause {
 public:
  using FieldClause::FieldClause;

 private:
  bool Holds(const json::value& stored, Evaluation&) const final {
    if (stored.is_structured()) return false;
    const std::string text = ScalarText(stored);
    if (!field_.analysed()) return Matches(text);
    return std::ranges::any_of(Words(text), [&](const std::string& word) { return Matches(word); });
  }
  virtual bool Matches(const std::string& text) const = 0;
};

class GlobClause final : public TextClause {
 public:
  GlobClause(FieldPath field, GlobPattern pattern, double boost)
      : TextClause(std::move(field), boost), pattern_(std::move(pattern)) {}

 private:
  bool Matches(const std::string& text) const override { return GlobMatches(pattern_, text); }
  GlobPattern pattern_;
};

class RegexpClause final : public TextClause {
 public:
  RegexpClause(FieldPath field, std::shared_ptr<const re2::RE2> pattern, double boost)
      : TextClause(std::move(field), boost), pattern_(std::move(pattern)) {}

 private:
  bool Matches(const std::string& text) const override { return re2::RE2::FullMatch(text, *pattern_); }
  std::shared_ptr<const re2::RE2> pattern_;
};

class ConstantScoreClause final : public Clause {
 public:
  ConstantScoreClause(ClausePtr filter, double boost) : filter_(std::move(filter)), boost_(boost) {}
  std::optional<double> Score(const SearchDocument& document, Evaluation& search) const override {
    return filter_->Score(document, search) ? std::optional(boost_) : std::nullopt;
  }

 private:
  ClausePtr filter_;
  double boost_;
};

class BoolClause final : public Clause {
 public:
  BoolClause(BoolParts parts, double boost) : parts_(std::move(parts)), boost_(boost) {}
  std::optional<double> Score(const SearchDocument& document, Evaluation& search) const override {
    double sum = 0;
    for (const ClausePtr& clause : parts_.must) {
      const std::optional<double> score = clause->Score(document, search);
      if (!score) return std::nullopt;
      sum += *score;
    }
    for (const ClausePtr& clause : parts_.filter) {
      if (!clause->Score(document, search)) return std::nullopt;
    }
    for (const ClausePtr& clause : parts_.must_not) {
      if (clause->Score(document, search)) return std::nullopt;
    }
    int matched = 0;
    for (const ClausePtr& clause : parts_.should) {
      const std::optional<double> score = clause->Score(document, search);
      if (!score) continue;
      sum += *score;
      ++matched;
    }
    if (matched < parts_.minimum_should_match) return std::nullopt;
    const bool empty = parts_.must.empty() && parts_.filter.empty() && parts_.should.empty() && parts_.must_not.empty();
    // Nested boosts multiply: kept within a float, so that no sum or product of scores leaves a double.
    return std::min<double>(boost_ * (empty ? 1.0 : sum), std::numeric_limits<float>::max());
  }

 private:
  BoolParts parts_;
  double boost_;
};

char Lower(char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

// Greedy with one point to come back to, the last star: O(pattern × value), no recursion.
bool GlobMatches(const GlobPattern& pattern, std::string_view value) {
  const std::string& p = pattern.text;
  std::size_t i = 0, j = 0, star = std::string::npos, star_value = 0;
  while (j < value.size()) {
    const bool escaped = i < p.size() && p[i] == '\\' && i + 1 < p.size();
    if (i < p.size() && !escaped && p[i] == '*') {
      star = i++;
      star_value = j;
      continue;
    }
    const char want = escaped ? p[i + 1] : (i < p.size() ? p[i] : '\0');
    const bool any_one = !escaped && want == '?';
    const bool same = pattern.ignore_case ? Lower(want) == Lower(value[j]) : want == value[j];
    if (i < p.size() && (any_one || same)) {
      i += escaped ? 2 : 1;
      ++j;
    } else if (star != std::string::npos) {
      i = star + 1;
      j = ++star_value;
    } else {
      return false;
    }
  }
  while (i < p.size() && p[i] == '*') ++i;
  return i == p.size();
}

ClausePtr MatchAll(double boost) { return std::make_shared<MatchAllClause>(boost); }
ClausePtr MatchNone() { return std::make_shared<MatchNoneClause>(); }
ClausePtr AnyOf(FieldPath field, const std::vector<json::value>& values, double boost) {
  return std::make_shared<AnyOfClause>(std::move(field), values, boost);
}
ClausePtr Exists(FieldPath field, double boost) { return std::make_shared<ExistsClause>(std::move(field), boost); }
ClausePtr Term(FieldPath field, const json::value& value, double boost) {
  if (field.analysed()) return HoldsWords(std::move(field), {.words = {ScalarText(value)}}, boost);
  return AnyOf(std::move(field), {value}, boost);
}
ClausePtr HoldsWords(FieldPath field, WantedWords wanted, double boost) {
  return std::make_shared<WordsClause>(std::move(field), std::move(wanted), boost);
}
ClausePtr Range(FieldPath field, std::optional<RangeBound> lower, std::optional<RangeBound> upper, double boost) {
  return std::make_shared<RangeClause>(std::move(field), std::move(lower), std::move(upper), boost);
}
ClausePtr Glob(FieldPath field, GlobPattern pattern, double boost) {
  return std::make_shared<GlobClause>(std::move(field), std::move(pattern), boost);
}
ClausePtr Regexp(FieldPath field, std::shared_ptr<const re2::RE2> pattern, double boost) {
  return std::make_shared<RegexpClause>(std::move(field), std::move(pattern), boost);
}
ClausePtr ConstantScore(ClausePtr filter, double boost) {
  return std::make_shared<ConstantScoreClause>(std::move(filter), boost);
}
ClausePtr Bool(BoolParts parts, double boost) { return std::make_shared<BoolClause>(std::move(parts), boost); }

}  // namespace mlnode::query
