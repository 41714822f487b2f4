#include "schema/schema_cost.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace mlnode::schema {
namespace {

using Names = std::string_view;

// How the value of a keyword is to be read; what stands in none of these is a plain value.
// The crate still takes "dependencies", whose values are schemas or lists of names.
constexpr std::array<Names, 4> kMaps = {"properties", "patternProperties", "dependentSchemas", "dependencies"};
constexpr std::array<Names, 4> kLists = {"allOf", "anyOf", "oneOf", "prefixItems"};
constexpr std::array<Names, 12> kSingles = {"items",
                                            "additionalItems",
                                            "additionalProperties",
                                            "not",
                                            "if",
                                            "then",
                                            "else",
                                            "contains",
                                            "propertyNames",
                                            "contentSchema",
                                            "unevaluatedItems",
                                            "unevaluatedProperties"};
constexpr std::array<Names, 2> kDefinitions = {"$defs", "definitions"};  // count where they are referred to
constexpr std::array<Names, 5> kDynamic = {"$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor",
                                           "$anchor"};
constexpr std::array<Names, 2> kTopOnly = {"$id", "$schema"};

// To know what is left to the unevaluated keywords, the crate looks at the other ones again, at each level.
constexpr std::uint64_t kUnevaluatedFactor = 4;

template <std::size_t kSize>
bool Among(Names key, const std::array<Names, kSize>& names) {
  return std::ranges::find(names, key) != names.end();
}

Error Refused(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

// About as many states as matching a pattern may have active at one byte: its atoms, each as often as counted
// repetitions around it repeat it.
class PatternWalk {
 public:
  explicit PatternWalk(std::string_view pattern) : pattern_(pattern) {}

  // Of the rest, up to the end of the group that it stands in.
  std::uint64_t Cost(int depth) {
    std::uint64_t sum = 0;
    std::uint64_t last = 0;  // of the atom before
    while (at_ < pattern_.size() && sum <= kMaxSchemaCost) {
      const char c = pattern_[at_++];
      if (c == ')' && depth > 0) return sum;
      if (c == '*' || c == '+' || c == '?' || c == '|') continue;
      if (c == '{') {
        const std::uint64_t times = Times();
        sum += last * (times - 1);
        last *= times;
        continue;
      }
      if (c == '(') {
        if (depth >= kMaxSchemaDepth || IgnoresBlanks()) return kMaxSchemaCost + 1;
        last = Cost(depth + 1) + 1;
      } else {
        last = AtomCost(c);
      }
      sum += last;
    }
    return sum;
  }

 private:
  // A class of characters may take several states, one of Unicode many.
  std::uint64_t AtomCost(char c) {
    if (c == '.') return 2;
    if (c == '\\' && at_ < pattern_.size()) {
      const char kind = pattern_[at_++];
      if (kind != 'p' && kind != 'P') return 2;
      const bool is_braced = pattern_.substr(at_).starts_with('{');
      at_ = std::min(is_braced ? pattern_.find('}', at_) : at_, pattern_.size() - 1) + 1;
      return 8;
    }
    if (c != '[') return 1;
    if (pattern_.substr(at_).starts_with('^')) ++at_;
    // A bracket that comes first is one of the characters. After it the crate takes another "[" for a class in this
    // one.
    const bool may_nest = pattern_.substr(at_).starts_with(']');
    if (may_nest) ++at_;
    while (at_ < pattern_.size() && pattern_[at_] != ']') {
      if (may_nest && pattern_[at_] == '[') return kMaxSchemaCost + 1;
      at_ += pattern_[at_] == '\\' ? 2 : 1;
    }
    at_ = std::min(at_ + 1, pattern_.size());
    return 4;
  }

  // What follows "(": flags with x, after which blanks and comments are no atoms.
  bool IgnoresBlanks() const {
    if (at_ >= pattern_.size() || pattern_[at_] != '?') return false;
    const std::size_t end = pattern_.find_first_not_of("-isxmUuR", at_ + 1);
    return pattern_.substr(at_, end - at_).find('x') != std::string_view::npos;
  }

  // Blanks of Unicode begin with a byte that is not ASCII.
  static bool MayBeBlank(char c) {
    return static_cast<unsigned char>(c) >= 0x80 || std::string_view(" \t\n\v\f\r").find(c) != std::string_view::npos;
  }

  // What follows "{": the larger count of {n}, {n,} and {n,m}, blanks in it or not; 1 for what is none.
  std::uint64_t Times() {
    std::uint64_t largest = 1;
    std::uint64_t number = 0;
    for (; at_ < pattern_.size(); ++at_) {
      const char c = pattern_[at_];
      if (c >= '0' && c <= '9') {
        number = std::min(number * 10 + static_cast<std::uint64_t>(c - '0'), kMaxSchemaCost);
        largest = std::max(largest, number);
      } else if (c == ',') {
        number = 0;
      } else if (!MayBeBlank(c)) {
        break;
      }
    }
    if (at_ < pattern_.size() && pattern_[at_] == '}') ++at_;
    return largest;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
};

// Values in it, itself included.
std::uint64_t PlainCost(const json::value& value) {
  std::uint64_t cost = 1;
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) cost += PlainCost(item);
  }
  if (const json::object* object = value.if_object()) {
    for (const auto& member : *object) cost += PlainCost(member.value());
  }
  return cost;
}

class Walk {
 public:
  explicit Walk(const json::value& root) : root_(root) {}

  // Of `schema` applied once.
  Result<std::uint64_t> Cost(const json::value& schema) {
    if (const auto known = costs_.find(&schema); known != costs_.end()) return known->second;
    if (static_cast<int>(open_.size()) >= kMaxSchemaDepth)
      return Refused("it is nested more than " + std::to_string(kMaxSchemaDepth) + " deep, references followed");
    if (!open_.insert(&schema).second) return Refused("[$ref] leads back to where it stands");
    Result<std::uint64_t> cost = schema.is_object() ? ObjectCost(schema.get_object()) : PlainCost(schema);
    open_.erase(&schema);
    if (!cost) return cost;
    if (*cost > kMaxSchemaCost)
      return Refused("it takes more than " + std::to_string(kMaxSchemaCost) +
                     " steps at one place of an instance, references followed");
    return costs_[&schema] = *cost;
  }

 private:
  Result<std::uint64_t> ObjectCost(const json::object& schema) {
    std::uint64_t cost = 1;
    std::uint64_t factor = 1;
    for (const auto& member : schema) {
      ASSIGN_OR_RETURN(const std::uint64_t more, KeywordCost(member.key(), member.value(), &schema));
      cost += more;
      if (member.key().starts_with("unevaluated")) factor = kUnevaluatedFactor;
    }
    return cost * factor;
  }

  Result<std::uint64_t> KeywordCost(Names key, const json::value& value, const json::object* schema) {
    if (key == "$ref" && value.is_string()) return ReferenceCost(value.get_string());
    const bool top = root_.is_object() && schema == &root_.get_object();
    if (Among(key, kDynamic) || (Among(key, kTopOnly) && !top))
      return Refused("[" + std::string(key) + "] is not supported " + (top ? "here" : "below the top"));
    if (Among(key, kDefinitions)) return 0;
    if (Among(key, kSingles) && !value.is_array()) return Cost(value);
    if (Among(key, kMaps) && value.is_object()) {
      std::uint64_t sum = 0;
      for (const auto& member : value.get_object()) {
        ASSIGN_OR_RETURN(const std::uint64_t cost, Cost(member.value()));
        sum += cost + (key == "patternProperties" ? PatternWalk(member.key()).Cost(0) : 0);
      }
      return sum;
    }
    if ((Among(key, kLists) || Among(key, kSingles)) && value.is_array()) {
      std::uint64_t sum = 0;
      for (const json::value& item : value.get_array()) {
        ASSIGN_OR_RETURN(const std::uint64_t cost, Cost(item));
        sum += cost;
      }
      return sum;
    }
    if (key == "pattern" && value.is_string()) return PatternWalk(value.get_string()).Cost(0) + 1;
    return PlainCost(value);
  }

  Result<std::uint64_t> ReferenceCost(std::string_view reference) {
    const bool inside = reference == "#" || reference.starts_with("#/");
    if (!inside || reference.find('%') != std::string_view::npos)
      return Refused("[$ref] must be [#] or [#/...] into the same schema, without percent signs, but was [" +
                     std::string(reference) + "]");
    boost::system::error_code failed;
    const json::value* target = root_.find_pointer(reference.substr(1), failed);
    if (target == nullptr) return Refused("[$ref] names no place of the schema: [" + std::string(reference) + "]");
    return Cost(*target);
  }

  const json::value& root_;
  std::map<const json::value*, std::uint64_t> costs_;
  std::set<const json::value*> open_;
};

}  // namespace

Result<std::uint64_t> SchemaCost(const json::value& schema) { return Walk(schema).Cost(schema); }

}  // namespace mlnode::schema
