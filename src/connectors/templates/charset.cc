#include "connectors/templates/charset.h"

#include <algorithm>
#include <array>

#include "core/utf8.h"

namespace mlnode::connectors {
namespace {

enum class Form { kSame, kBytes, kBigEnd, kLittleEnd };
struct Charset {
  std::string_view name;
  Form form;
  std::uint32_t limit;  // kBytes: first code that it does not have
  bool mark;
};
constexpr std::array kCharsets{
    Charset{"utf-8", Form::kSame, 0, false},           Charset{"utf8", Form::kSame, 0, false},
    Charset{"us-ascii", Form::kBytes, 0x80, false},    Charset{"ascii", Form::kBytes, 0x80, false},
    Charset{"iso-8859-1", Form::kBytes, 0x100, false}, Charset{"latin1", Form::kBytes, 0x100, false},
    Charset{"utf-16", Form::kBigEnd, 0, true},         Charset{"utf-16be", Form::kBigEnd, 0, false},
    Charset{"utf-16le", Form::kLittleEnd, 0, false},
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

void AppendUnit(std::string& out, std::uint32_t unit, Form form) {
  const char high = static_cast<char>(unit >> 8U);
  const char low = static_cast<char>(unit & 0xFFU);
  out += form == Form::kBigEnd ? high : low;
  out += form == Form::kBigEnd ? low : high;
}

void AppendCode(std::string& out, std::uint32_t code, const Charset& set) {
  if (set.form == Form::kBytes) {
    out += code < set.limit ? static_cast<char>(code) : '?';
    return;
  }
  if (code < 0x10000U) return AppendUnit(out, code, set.form);
  AppendUnit(out, 0xD800U + ((code - 0x10000U) >> 10U), set.form);
  AppendUnit(out, 0xDC00U + ((code - 0x10000U) & 0x3FFU), set.form);
}

}  // namespace

Result<std::string> Encode(std::string utf8, std::string_view charset) {
  const auto same = [charset](const Charset& set) { return std::ranges::equal(charset, set.name, {}, Lower); };
  const auto* set = std::ranges::find_if(kCharsets, same);
  if (set == kCharsets.end())
    return MakeError(Code::kInvalidArgument, "Unsupported charset: " + std::string(TruncateUtf8(charset, 100)) +
                                                 "; one of UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE, UTF-16LE");
  if (set->form == Form::kSame) return utf8;
  std::string out;
  if (set->mark) AppendUnit(out, 0xFEFFU, set->form);
  for (std::string_view rest = utf8; !rest.empty();) {
    const Utf8Char next = DecodeUtf8(rest);
    AppendCode(out, next.length == 0 ? std::uint32_t{'?'} : next.code, *set);
    rest.remove_prefix(std::max<std::size_t>(next.length, 1));
  }
  return out;
}

}  // namespace mlnode::connectors
