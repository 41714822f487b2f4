// Random schemas of all keywords, with references anywhere, against random instances: whatever is compiled ends, and
// soon, without a crash. The crate's own checks cannot be relied on for that: see schema_cost.h.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

#include "core/json.h"
#include "core/testing/manual_executor.h"
#include "schema/json_schema.h"

namespace mlnode::schema {
namespace {

constexpr std::array<const char*, 12> kSingles = {"items",
                                                  "additionalProperties",
                                                  "not",
                                                  "if",
                                                  "then",
                                                  "else",
                                                  "contains",
                                                  "$comment",
                                                  "propertyNames",
                                                  "unevaluatedItems",
                                                  "unevaluatedProperties",
                                                  "items"};
constexpr std::array<const char*, 4> kLists = {"allOf", "anyOf", "oneOf", "prefixItems"};
constexpr std::array<const char*, 3> kMaps = {"properties", "patternProperties", "$defs"};
constexpr std::array<const char*, 8> kReferences = {"#",         "#/$defs/a", "#/$defs/b", "#/properties/a",
                                                    "#/allOf/0", "#/items",   "#/anyOf/1", "#/not"};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  json::value Schema(int depth) {
    if (depth == 0 || random_.Below(6) == 0) return Leaf();
    json::object schema;
    for (std::uint64_t left = random_.Below(4) + 1; left > 0; --left) AddKeyword(schema, depth - 1);
    return schema;
  }
  json::value Instance(int depth) {
    switch (random_.Below(depth == 0 ? 3 : 5)) {
      case 0:
        return json::value(random_.Below(10));
      case 1:
        return json::value(std::string(random_.Below(40), 'a'));
      case 2:
        return nullptr;
      case 3:
        return json::array{Instance(depth - 1), Instance(depth - 1), Instance(depth - 1)};
      default:
        return json::object{{"a", Instance(depth - 1)}, {"b", Instance(depth - 1)}};
    }
  }

 private:
  template <std::size_t kSize>
  const char* Of(const std::array<const char*, kSize>& names) {
    return names[random_.Below(kSize)];
  }
  json::value Leaf() {
    switch (random_.Below(6)) {
      case 0:
        return json::value(random_.Below(2) == 0);
      case 1:
        return json::object{{"type", "string"}, {"pattern", "^(a|aa)+$"}};
      case 2:
        return json::object{{"minimum", 3}, {"multipleOf", 0.5}};
      case 3:
        return json::object{{"uniqueItems", true}, {"enum", {1, "aaa", nullptr}}};
      default:
        return json::object{{"$ref", Of(kReferences)}};
    }
  }
  void AddKeyword(json::object& schema, int depth) {
    switch (random_.Below(4)) {
      case 0:
        schema[Of(kSingles)] = Schema(depth);
        break;
      case 1:
        schema[Of(kLists)] = json::array{Schema(depth), Schema(depth)};
        break;
      case 2:
        schema[Of(kMaps)] = json::object{{"a", Schema(depth)}, {"b", Schema(depth)}};
        break;
      default:
        schema["$ref"] = Of(kReferences);
    }
  }
  mlnode::testing::SeededRandom random_;
};

TEST(JsonSchemaFuzzTest, WhateverCompilesEnds) {
  int compiled = 0;
  int matched = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t seed = 1; seed <= 1'500; ++seed) {
    Generator generator(seed);
    const auto schema = JsonSchema::Compile(ToJson(generator.Schema(5)));
    if (!schema) continue;
    ++compiled;
    for (int i = 0; i < 4; ++i) matched += (*schema)->Validate(ToJson(generator.Instance(5))).has_value() ? 1 : 0;
  }
  EXPECT_GT(compiled, 150) << "most are refused: the generator makes circles";
  EXPECT_GT(matched, 50);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

}  // namespace
}  // namespace mlnode::schema
