// connectors/script/text.h: strings as Java counts them (UTF-16 units) over UTF-8, and numbers as Java prints them.
// Pure; any thread. A lone surrogate, which a script can make by cutting a pair in two, is kept as its three bytes;
// joining the halves again makes the character.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlnode::connectors::script {

// Precondition: text as described above.
std::u16string ToUnits(std::string_view text);
void AppendUnit(std::string& out, char16_t unit);
std::string FromUnits(std::u16string_view units);
// Appends; two halves of a pair that meet become one character.
void AppendText(std::string& out, std::string_view text);
// Valid UTF-8: lone surrogates become U+FFFD.
std::string ToValidUtf8(std::string text);
// The number of UTF-16 units.
std::size_t UnitCount(std::string_view text);

// Java's Double.toString and Float.toString: "5.0", "1.0E-5", "NaN", "-Infinity".
std::string JavaDouble(double value);
std::string JavaFloat(float value);
// Java's Long.parseLong and Double.parseDouble. nullopt: not a number, or out of range.
std::optional<std::int64_t> ParseWhole(std::string_view text, int radix = 10);
std::optional<double> ParseReal(std::string_view text);

// The first place of `needle` at or after `from`, npos when there is none. Linear in the length, whatever the texts.
std::size_t FindText(std::string_view text, std::string_view needle, std::size_t from = 0);
// The content of a JSON string: what the peer's helper `escape` makes of a text.
std::string EscapeForJson(std::string_view text);
std::size_t EscapedBytes(std::string_view text);  // of it

}  // namespace mlnode::connectors::script
