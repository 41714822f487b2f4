#include "connectors/script/catalogue.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numbers>

namespace mlnode::connectors::script {
namespace {

using Base = Type::Base;

constexpr auto kTypes = std::to_array<Type>({
    {Base::kAny, false, false, "def"},
    {Base::kAny, false, false, "Object"},
    {Base::kVoid, false, false, "void"},
    {Base::kBool, true, false, "boolean"},
    {Base::kByte, true, false, "byte"},
    {Base::kShort, true, false, "short"},
    {Base::kChar, true, false, "char"},
    {Base::kInt, true, false, "int"},
    {Base::kLong, true, false, "long"},
    {Base::kFloat, true, false, "float"},
    {Base::kDouble, true, false, "double"},
    {Base::kBool, false, false, "Boolean"},
    {Base::kByte, false, false, "Byte"},
    {Base::kShort, false, false, "Short"},
    {Base::kChar, false, false, "Character"},
    {Base::kInt, false, false, "Integer"},
    {Base::kLong, false, false, "Long"},
    {Base::kFloat, false, false, "Float"},
    {Base::kDouble, false, false, "Double"},
    {Base::kNumber, false, false, "Number"},
    {Base::kNumber, false, false, "BigDecimal"},
    {Base::kString, false, false, "String"},
    {Base::kString, false, false, "CharSequence"},
    {Base::kBuilder, false, false, "StringBuilder"},
    {Base::kList, false, false, "List"},
    {Base::kList, false, false, "ArrayList"},
    {Base::kList, false, false, "Collection"},
    {Base::kList, false, false, "Iterable"},
    {Base::kList, false, false, "Set"},
    {Base::kMap, false, false, "Map"},
    {Base::kMap, false, false, "HashMap"},
    {Base::kMap, false, false, "LinkedHashMap"},
    {Base::kEntry, false, false, "Map.Entry"},
});

constexpr auto kMethods = std::to_array<MethodEntry>({
    {"toString", Method::kToString, 0, 0},
    {"equals", Method::kEquals, 1, 1},
    {"hashCode", Method::kHashCode, 0, 0},
    {"length", Method::kLength, 0, 0},
    {"charAt", Method::kCharAt, 1, 1},
    {"substring", Method::kSubstring, 1, 2},
    {"indexOf", Method::kIndexOf, 1, 2},
    {"lastIndexOf", Method::kLastIndexOf, 1, 1},
    {"contains", Method::kContains, 1, 1},
    {"startsWith", Method::kStartsWith, 1, 1},
    {"endsWith", Method::kEndsWith, 1, 1},
    {"replace", Method::kReplace, 2, 3},
    {"split", Method::kSplit, 1, 1},
    {"splitOnToken", Method::kSplitOnToken, 1, 1},
    {"trim", Method::kTrim, 0, 0},
    {"toLowerCase", Method::kToLowerCase, 0, 0},
    {"toUpperCase", Method::kToUpperCase, 0, 0},
    {"equalsIgnoreCase", Method::kEqualsIgnoreCase, 1, 1},
    {"compareTo", Method::kCompareTo, 1, 1},
    {"concat", Method::kConcat, 1, 1},
    {"repeat", Method::kRepeat, 1, 1},
    {"isEmpty", Method::kIsEmpty, 0, 0},
    {"append", Method::kAppend, 1, 1},
    {"insert", Method::kInsert, 2, 2},
    {"setLength", Method::kSetLength, 1, 1},
    {"deleteCharAt", Method::kDeleteCharAt, 1, 1},
    {"reverse", Method::kReverse, 0, 0},
    {"add", Method::kAdd, 1, 2},
    {"addAll", Method::kAddAll, 1, 1},
    {"get", Method::kGet, 1, 1},
    {"set", Method::kSet, 2, 2},
    {"size", Method::kSize, 0, 0},
    {"remove", Method::kRemove, 1, 1},
    {"clear", Method::kClear, 0, 0},
    {"subList", Method::kSubList, 2, 2},
    {"join", Method::kJoin, 1, 1},
    {"put", Method::kPut, 2, 2},
    {"putAll", Method::kPutAll, 1, 1},
    {"putIfAbsent", Method::kPutIfAbsent, 2, 2},
    {"getOrDefault", Method::kGetOrDefault, 2, 2},
    {"containsKey", Method::kContainsKey, 1, 1},
    {"containsValue", Method::kContainsValue, 1, 1},
    {"keySet", Method::kKeySet, 0, 0},
    {"values", Method::kValues, 0, 0},
    {"entrySet", Method::kEntrySet, 0, 0},
    {"getKey", Method::kGetKey, 0, 0},
    {"getValue", Method::kGetValue, 0, 0},
    {"intValue", Method::kIntValue, 0, 0},
    {"longValue", Method::kLongValue, 0, 0},
    {"floatValue", Method::kFloatValue, 0, 0},
    {"doubleValue", Method::kDoubleValue, 0, 0},
    {"booleanValue", Method::kBooleanValue, 0, 0},
    {"charValue", Method::kCharValue, 0, 0},
    {"forEach", Method::kForEach, 1, 1, true},
    {"each", Method::kForEach, 1, 1, true},
    {"removeIf", Method::kRemoveIf, 1, 1, true},
    {"sort", Method::kSort, 1, 1, true},
    {"any", Method::kAny, 1, 1, true},
    {"every", Method::kEvery, 1, 1, true},
    {"find", Method::kFind, 1, 1, true},
    {"findAll", Method::kFindAll, 1, 1, true},
    {"collect", Method::kCollect, 1, 1, true},
    {"computeIfAbsent", Method::kComputeIfAbsent, 2, 2, true},
});

constexpr auto kStatics = std::to_array<StaticEntry>({
    {"Math", "abs", StaticMethod::kAbs, 1, 1},
    {"Math", "max", StaticMethod::kMax, 2, 2},
    {"Math", "min", StaticMethod::kMin, 2, 2},
    {"Math", "floor", StaticMethod::kFloor, 1, 1},
    {"Math", "ceil", StaticMethod::kCeil, 1, 1},
    {"Math", "rint", StaticMethod::kRint, 1, 1},
    {"Math", "round", StaticMethod::kRound, 1, 1},
    {"Math", "sqrt", StaticMethod::kSqrt, 1, 1},
    {"Math", "cbrt", StaticMethod::kCbrt, 1, 1},
    {"Math", "pow", StaticMethod::kPow, 2, 2},
    {"Math", "exp", StaticMethod::kExp, 1, 1},
    {"Math", "log", StaticMethod::kLog, 1, 1},
    {"Math", "log10", StaticMethod::kLog10, 1, 1},
    {"Math", "sin", StaticMethod::kSin, 1, 1},
    {"Math", "cos", StaticMethod::kCos, 1, 1},
    {"Math", "tan", StaticMethod::kTan, 1, 1},
    {"Math", "signum", StaticMethod::kSignum, 1, 1},
    {"Math", "floorDiv", StaticMethod::kFloorDiv, 2, 2},
    {"Math", "floorMod", StaticMethod::kFloorMod, 2, 2},
    {"Math", "toDegrees", StaticMethod::kToDegrees, 1, 1},
    {"Math", "toRadians", StaticMethod::kToRadians, 1, 1},
    {"String", "valueOf", StaticMethod::kTextOf, 1, 1},
    {"String", "join", StaticMethod::kJoin, 1, kAnyNumber},
    {"String", "format", StaticMethod::kFormat, 1, kAnyNumber},
    {"Integer", "parseInt", StaticMethod::kParseInt, 1, 2},
    {"Integer", "valueOf", StaticMethod::kParseInt, 1, 2},
    {"Integer", "toString", StaticMethod::kTextOf, 1, 1},
    {"Integer", "compare", StaticMethod::kCompare, 2, 2},
    {"Long", "parseLong", StaticMethod::kParseLong, 1, 2},
    {"Long", "valueOf", StaticMethod::kParseLong, 1, 2},
    {"Long", "toString", StaticMethod::kTextOf, 1, 1},
    {"Long", "compare", StaticMethod::kCompare, 2, 2},
    {"Double", "parseDouble", StaticMethod::kParseDouble, 1, 1},
    {"Double", "valueOf", StaticMethod::kParseDouble, 1, 1},
    {"Double", "toString", StaticMethod::kTextOf, 1, 1},
    {"Double", "compare", StaticMethod::kCompare, 2, 2},
    {"Double", "isNaN", StaticMethod::kIsNaN, 1, 1},
    {"Double", "isInfinite", StaticMethod::kIsInfinite, 1, 1},
    {"Float", "parseFloat", StaticMethod::kParseFloat, 1, 1},
    {"Float", "valueOf", StaticMethod::kParseFloat, 1, 1},
    {"Float", "toString", StaticMethod::kTextOf, 1, 1},
    {"Float", "compare", StaticMethod::kCompare, 2, 2},
    {"Float", "isNaN", StaticMethod::kIsNaN, 1, 1},
    {"Float", "isInfinite", StaticMethod::kIsInfinite, 1, 1},
    {"Boolean", "parseBoolean", StaticMethod::kParseBoolean, 1, 1},
    {"Boolean", "valueOf", StaticMethod::kParseBoolean, 1, 1},
    {"Boolean", "toString", StaticMethod::kTextOf, 1, 1},
    {"Character", "toString", StaticMethod::kTextOf, 1, 1},
    {"Character", "isDigit", StaticMethod::kIsDigit, 1, 1},
    {"Character", "isLetter", StaticMethod::kIsLetter, 1, 1},
    {"Character", "isLetterOrDigit", StaticMethod::kIsLetterOrDigit, 1, 1},
    {"Character", "isWhitespace", StaticMethod::kIsWhitespace, 1, 1},
    {"Character", "isUpperCase", StaticMethod::kIsUpperCase, 1, 1},
    {"Character", "isLowerCase", StaticMethod::kIsLowerCase, 1, 1},
    {"Character", "getNumericValue", StaticMethod::kNumericValue, 1, 1},
    {"Collections", "sort", StaticMethod::kSortList, 1, 1},
    {"Collections", "reverse", StaticMethod::kReverseList, 1, 1},
    {"Collections", "emptyList", StaticMethod::kEmptyList, 0, 0},
    {"Collections", "emptyMap", StaticMethod::kEmptyMap, 0, 0},
    {"Arrays", "asList", StaticMethod::kAsList, 0, kAnyNumber},
    {"Arrays", "toString", StaticMethod::kTextOf, 1, 1},
    {"Objects", "equals", StaticMethod::kSameValue, 2, 2},
    {"Objects", "isNull", StaticMethod::kIsNull, 1, 1},
    {"Objects", "nonNull", StaticMethod::kNonNull, 1, 1},
    {"Objects", "toString", StaticMethod::kTextOf, 1, 1},
    {"Objects", "hashCode", StaticMethod::kHash, 1, 1},
});

struct Constant {
  std::string_view type, name;
  Kind kind;
  double real;
  std::int64_t integer;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr auto kConstants = std::to_array<Constant>({
    {"Integer", "MAX_VALUE", Kind::kInt, 0, std::numeric_limits<std::int32_t>::max()},
    {"Integer", "MIN_VALUE", Kind::kInt, 0, std::numeric_limits<std::int32_t>::min()},
    {"Long", "MAX_VALUE", Kind::kLong, 0, std::numeric_limits<std::int64_t>::max()},
    {"Long", "MIN_VALUE", Kind::kLong, 0, std::numeric_limits<std::int64_t>::min()},
    {"Float", "MAX_VALUE", Kind::kFloat, std::numeric_limits<float>::max(), 0},
    {"Double", "MAX_VALUE", Kind::kDouble, std::numeric_limits<double>::max(), 0},
    {"Double", "MIN_VALUE", Kind::kDouble, std::numeric_limits<double>::denorm_min(), 0},
    {"Double", "POSITIVE_INFINITY", Kind::kDouble, kInfinity, 0},
    {"Double", "NEGATIVE_INFINITY", Kind::kDouble, -kInfinity, 0},
    {"Double", "NaN", Kind::kDouble, std::numeric_limits<double>::quiet_NaN(), 0},
    {"Math", "PI", Kind::kDouble, std::numbers::pi, 0},
    {"Math", "E", Kind::kDouble, std::numbers::e, 0},
});

template <class Rows, class Wanted>
auto FindRow(const Rows& rows, const Wanted& wanted) {
  const auto found = std::find_if(rows.begin(), rows.end(), wanted);
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::optional<Type> FindType(std::string_view name) {
  const Type* const row = FindRow(kTypes, [&](const Type& type) { return type.name == name; });
  return row == nullptr ? std::nullopt : std::optional(*row);
}

const MethodEntry* FindMethod(std::string_view name) {
  return FindRow(kMethods, [&](const MethodEntry& entry) { return entry.name == name; });
}

const StaticEntry* FindStatic(std::string_view type, std::string_view name) {
  return FindRow(kStatics, [&](const StaticEntry& entry) { return entry.type == type && entry.name == name; });
}

std::optional<Value> FindConstant(std::string_view type, std::string_view name) {
  const Constant* const row =
      FindRow(kConstants, [&](const Constant& constant) { return constant.type == type && constant.name == name; });
  if (row == nullptr) return std::nullopt;
  const bool whole = row->kind == Kind::kInt || row->kind == Kind::kLong;
  return whole ? Value::Integer(row->kind, row->integer) : Value::Real(row->kind, row->real);
}

bool IsClass(std::string_view name) {
  return FindType(name) || FindRow(kStatics, [&](const StaticEntry& entry) { return entry.type == name; }) != nullptr;
}

}  // namespace mlnode::connectors::script
