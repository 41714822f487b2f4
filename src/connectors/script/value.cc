#include "connectors/script/value.h"

#include <algorithm>
#include <array>

namespace mlnode::connectors::script {
namespace {

constexpr std::array<const char*, 12> kKindNames = {"null",   "boolean", "char",          "int",  "long", "float",
                                                    "double", "String",  "StringBuilder", "List", "Map",  "Map.Entry"};

template <class T>
Value Pointing(Kind kind, T* Value::* member, T* object) {
  Value out;
  out.kind = kind;
  out.*member = object;
  return out;
}

}  // namespace

std::string Described(Kind kind) {
  const char* const name = kKindNames.at(static_cast<std::size_t>(kind));
  return kind == Kind::kNull ? name : WithArticle(name);
}

std::string WithArticle(std::string_view noun) {
  const bool vowel = std::string_view("aeiouAEIOU").find(noun[0]) != std::string_view::npos;
  return std::string(vowel ? "an " : "a ").append(noun);
}

StringObject::StringObject(std::string utf8)
    : text(std::move(utf8)),
      ascii(std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {}

bool KeyLess::operator()(const Value& left, const Value& right) const {
  if (left.kind != right.kind) return left.kind < right.kind;
  switch (left.kind) {
    case Kind::kBool:
      return !left.boolean && right.boolean;
    case Kind::kChar:
    case Kind::kInt:
    case Kind::kLong:
      return left.integer < right.integer;
    case Kind::kFloat:
    case Kind::kDouble:
      // NaN equals itself and is above all others, as in Java.
      if (left.real != left.real) return false;
      return right.real != right.real || left.real < right.real;
    case Kind::kString:
      return left.string->text < right.string->text;
    default:
      return false;
  }
}

const Value* MapObject::Find(const Value& key) const {
  const auto found = index.find(key);
  return found == index.end() ? nullptr : &found->second->second;
}

bool MapObject::Put(const Value& key, const Value& value) {
  const auto found = index.find(key);
  if (found != index.end()) {
    found->second->second = value;
    return false;
  }
  entries.emplace_back(key, value);
  index.emplace(key, std::prev(entries.end()));
  return true;
}

void MapObject::Remove(const Value& key) {
  const auto found = index.find(key);
  if (found == index.end()) return;
  const auto entry = found->second;
  index.erase(found);
  entries.erase(entry);
}

Value Of(const StringObject* string) { return Pointing(Kind::kString, &Value::string, string); }
Value Of(BuilderObject* builder) { return Pointing(Kind::kBuilder, &Value::builder, builder); }
Value Of(ListObject* list) { return Pointing(Kind::kList, &Value::list, list); }
Value Of(MapObject* map) { return Pointing(Kind::kMap, &Value::map, map); }
Value Of(EntryObject* entry) { return Pointing(Kind::kEntry, &Value::entry, entry); }

}  // namespace mlnode::connectors::script
