// connectors/script/catalogue.h: the names that a script may use: types, methods, static methods, constants. One row
// each; what has no row is refused when the script is compiled. docs/scripts.md lists them. Immutable; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "connectors/script/value.h"

namespace mlnode::connectors::script {

// What a variable, parameter or cast asks of a value.
struct Type {
  enum class Base : std::uint8_t {
    kAny,  // def, Object
    kBool,
    kByte,
    kShort,
    kChar,
    kInt,
    kLong,
    kFloat,
    kDouble,
    kNumber,
    kString,
    kBuilder,
    kList,
    kMap,
    kEntry,
    kVoid,
  };
  Base base = Base::kAny;
  bool primitive = false;  // no null
  bool array = false;      // of `base`; a list of fixed length
  std::string_view name = "def";
};
// "int", "String", "Map.Entry", ...; nullopt: not of the subset.
std::optional<Type> FindType(std::string_view name);

enum class Method : std::uint8_t {
  // Of anything.
  kToString,
  kEquals,
  kHashCode,
  // Strings, some of them StringBuilders too.
  kLength,
  kCharAt,
  kSubstring,
  kIndexOf,
  kLastIndexOf,
  kContains,
  kStartsWith,
  kEndsWith,
  kReplace,
  kSplit,
  kSplitOnToken,
  kTrim,
  kToLowerCase,
  kToUpperCase,
  kEqualsIgnoreCase,
  kCompareTo,
  kConcat,
  kRepeat,
  kIsEmpty,
  // StringBuilder.
  kAppend,
  kInsert,
  kSetLength,
  kDeleteCharAt,
  kReverse,
  // Collections.
  kAdd,
  kAddAll,
  kGet,
  kSet,
  kSize,
  kRemove,
  kClear,
  kSubList,
  kJoin,
  kPut,
  kPutAll,
  kPutIfAbsent,
  kGetOrDefault,
  kContainsKey,
  kContainsValue,
  kKeySet,
  kValues,
  kEntrySet,
  kGetKey,
  kGetValue,
  // Boxed values.
  kIntValue,
  kLongValue,
  kFloatValue,
  kDoubleValue,
  kBooleanValue,
  kCharValue,
  // With a function.
  kForEach,
  kRemoveIf,
  kSort,
  kAny,
  kEvery,
  kFind,
  kFindAll,
  kCollect,
  kComputeIfAbsent,
};
struct MethodEntry {
  std::string_view name;
  Method method;
  std::size_t least, most;      // arguments
  bool takes_function = false;  // the last argument is a lambda (sort: or null)
};
const MethodEntry* FindMethod(std::string_view name);

enum class StaticMethod : std::uint8_t {
  kAbs,
  kMax,
  kMin,
  kFloor,
  kCeil,
  kRint,
  kRound,
  kSqrt,
  kCbrt,
  kPow,
  kExp,
  kLog,
  kLog10,
  kSin,
  kCos,
  kTan,
  kSignum,
  kFloorDiv,
  kFloorMod,
  kToDegrees,
  kToRadians,
  kTextOf,
  kJoin,
  kFormat,
  kParseInt,
  kParseLong,
  kParseDouble,
  kParseFloat,
  kParseBoolean,
  kCompare,
  kIsNaN,
  kIsInfinite,
  kIsDigit,
  kIsLetter,
  kIsLetterOrDigit,
  kIsWhitespace,
  kIsUpperCase,
  kIsLowerCase,
  kNumericValue,
  kSortList,
  kReverseList,
  kEmptyList,
  kEmptyMap,
  kAsList,
  kSameValue,
  kIsNull,
  kNonNull,
  kHash,
};
struct StaticEntry {
  std::string_view type, name;
  StaticMethod method;
  std::size_t least, most;
};
inline constexpr std::size_t kAnyNumber = 64;
const StaticEntry* FindStatic(std::string_view type, std::string_view name);
// Integer.MAX_VALUE, Math.PI, ...
std::optional<Value> FindConstant(std::string_view type, std::string_view name);
// Whether anything of this class may be used.
bool IsClass(std::string_view name);

}  // namespace mlnode::connectors::script
