// connectors/script/value.h: what a script computes with. A Value is 16 bytes and copied freely; what it points to
// lives in the Heap of one run (literals: in the program) and is freed at its end, so that values may refer to each
// other in circles. Threads: a Heap belongs to one run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlnode::connectors::script {

struct StringObject;
struct BuilderObject;
struct ListObject;
struct MapObject;
struct EntryObject;

enum class Kind : std::uint8_t {
  kNull,
  kBool,
  kChar,  // one UTF-16 unit
  kInt,   // Java's int: 32 bits, wraps
  kLong,
  kFloat,
  kDouble,
  kString,
  kBuilder,  // StringBuilder
  kList,     // lists, arrays, key sets
  kMap,
  kEntry,  // Map.Entry
};
// "null", "a boolean", "an int", ... for messages.
std::string Described(Kind kind);
std::string WithArticle(std::string_view noun);

struct Value {
  Kind kind = Kind::kNull;
  union {
    bool boolean;
    std::int64_t integer = 0;  // kChar, kInt, kLong
    double real;               // kFloat (rounded to float), kDouble
    const StringObject* string;
    BuilderObject* builder;
    ListObject* list;
    MapObject* map;
    EntryObject* entry;
  };

  static Value Bool(bool value) {
    Value out;
    out.kind = Kind::kBool;
    out.boolean = value;
    return out;
  }
  static Value Integer(Kind kind, std::int64_t value) {
    Value out;
    out.kind = kind;
    out.integer = value;
    return out;
  }
  static Value Int(std::int64_t value) { return Integer(Kind::kInt, static_cast<std::int32_t>(value)); }
  static Value Real(Kind kind, double value) {
    Value out;
    out.kind = kind;
    out.real = kind == Kind::kFloat ? static_cast<double>(static_cast<float>(value)) : value;
    return out;
  }
  bool null() const { return kind == Kind::kNull; }
  bool whole() const { return kind == Kind::kInt || kind == Kind::kLong || kind == Kind::kChar; }
  bool number() const { return kind >= Kind::kInt && kind <= Kind::kDouble; }
  bool numeric() const { return kind >= Kind::kChar && kind <= Kind::kDouble; }
  // Precondition: numeric().
  double AsDouble() const { return whole() ? static_cast<double>(integer) : real; }
};

// Order of map keys: kinds apart, then by value. Precondition: null, boolean, numeric or string.
struct KeyLess {
  bool operator()(const Value& left, const Value& right) const;
};

struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
};

struct StringObject final : Object {
  explicit StringObject(std::string utf8);
  std::string text;  // UTF-8, but half a surrogate pair may stand alone, as three bytes (text.h)
  bool ascii;
  // UTF-16 for what counts in units; made when first asked for. Of a literal that is not ASCII it is made at once:
  // several runs read it.
  mutable std::unique_ptr<const std::u16string> units;
};
struct BuilderObject final : Object {
  std::string text;
};
struct ListObject final : Object {
  std::vector<Value> items;
  bool fixed = false;  // an array: neither grows nor shrinks
};
// Keeps the order in which keys came (Java's HashMap has an order of its own).
struct MapObject final : Object {
  std::list<std::pair<Value, Value>> entries;
  std::map<Value, std::list<std::pair<Value, Value>>::iterator, KeyLess> index;
  const Value* Find(const Value& key) const;
  // True: the key is new.
  bool Put(const Value& key, const Value& value);
  void Remove(const Value& key);
};
struct EntryObject final : Object {
  Value key, value;
};

Value Of(const StringObject* string);
Value Of(BuilderObject* builder);
Value Of(ListObject* list);
Value Of(MapObject* map);
Value Of(EntryObject* entry);

// Owns the objects of one run.
class Heap {
 public:
  template <class T, class... Arguments>
  T* Make(Arguments&&... arguments) {
    auto object = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T* const made = object.get();
    objects_.push_back(std::move(object));
    return made;
  }

 private:
  std::vector<std::unique_ptr<Object>> objects_;
};

}  // namespace mlnode::connectors::script
