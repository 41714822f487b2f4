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
constexpr std::array<Names, 3> kMaps = {"properties", "patternProperties", "dependentSchemas"};
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

// Values in it, itself included; of a text also its length, for patterns.
std::uint64_t PlainCost(const json::value& value) {
  std::uint64_t cost = 1;
  if (const json::string* text = value.if_string()) cost += text->size() / 16;
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
        sum += cost + member.key().size() / 16;
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
