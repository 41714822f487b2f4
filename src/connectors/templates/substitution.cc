#include "connectors/templates/substitution.h"

#include <algorithm>

#include "core/utf8.h"

namespace mlnode::connectors {
namespace {

// Of a name in an error, and of names in one.
constexpr std::size_t kMaxShownBytes = 200;
constexpr std::size_t kMaxShownNames = 100;

Error TooLarge(std::size_t limit) {
  return MakeError(Code::kTooLarge, "placeholders fill more than the limit of " + std::to_string(limit) + " bytes");
}

Error TooMuchWork() {
  return MakeError(Code::kTooLarge, "the placeholders of the request lead to more text than may be scanned for it");
}

class Expansion {
 public:
  Expansion(std::string_view prefix, const Lookup& lookup, FillLimits limits)
      : prefix_(prefix), lookup_(lookup), limits_(limits) {}

  // Every value is scanned once for each placeholder that names it, so the bytes scanned bound the work.
  Status Append(std::string_view text) {
    scanned_ += text.size() + 1;
    if (scanned_ > kMaxSubstitutedBytes) return TooLarge(kMaxSubstitutedBytes);
    if (limits_.scan_left != nullptr) {
      if (*limits_.scan_left < text.size() + 1) return TooMuchWork();
      *limits_.scan_left -= text.size() + 1;
    }
    for (TemplatePiece piece; NextPiece(text, prefix_, piece);) {
      RETURN_IF_ERROR(Put(piece.literal));
      if (piece.placeholder.empty()) continue;
      RETURN_IF_ERROR(Fill(piece));
    }
    return {};
  }
  std::string Take() { return std::move(out_); }

 private:
  Status Put(std::string_view text) {
    if (text.size() > limits_.filled - std::min(limits_.filled, out_.size())) return TooLarge(limits_.filled);
    out_ += text;
    return {};
  }
  Status Fill(const TemplatePiece& piece) {
    if (std::ranges::find(open_, piece.name) != open_.end()) return Circle(piece.name);
    std::optional<std::string_view> value = lookup_(piece.name);
    if (!value) value = piece.fallback;
    if (!value) return Put(piece.placeholder);
    if (open_.size() >= static_cast<std::size_t>(kMaxSubstitutionDepth))
      return MakeError(Code::kInvalidArgument, "placeholders lead more than " + std::to_string(kMaxSubstitutionDepth) +
                                                   " deep, at " + Shown(piece.name));
    open_.push_back(piece.name);
    const Status status = Append(*value);
    open_.pop_back();
    return status;
  }
  std::string Shown(std::string_view name) const {
    return std::string(TruncateUtf8(name.substr(prefix_.size()), kMaxShownBytes));
  }
  Error Circle(std::string_view name) const {
    std::string way;
    for (const std::string_view open : open_) way += Shown(open) + "->";
    return MakeError(Code::kInvalidArgument,
                     "Infinite loop in property interpolation of " + Shown(name) + ": " + way + Shown(name));
  }

  const std::string_view prefix_;
  const Lookup& lookup_;
  const FillLimits limits_;
  std::string out_;
  std::size_t scanned_ = 0;
  std::vector<std::string_view> open_;  // placeholders being filled, outermost first
};

void AppendUnit(std::string& out, std::uint32_t unit) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(unit >> static_cast<unsigned>(shift)) & 0xFU];
}

// Beyond the first plane: two UTF-16 units.
void AppendEscaped(std::string& out, std::uint32_t code) {
  if (code < 0x10000U) return AppendUnit(out, code);
  AppendUnit(out, 0xD800U + ((code - 0x10000U) >> 10U));
  AppendUnit(out, 0xDC00U + ((code - 0x10000U) & 0x3FFU));
}

// nullptr: the character has no short escape.
const char* ShortEscape(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '/':
      return "\\/";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return nullptr;
  }
}

// Where "${" and the prefix stand first; npos.
std::size_t FindPrefix(std::string_view text, std::string_view prefix) {
  std::size_t begin = text.find("${");
  while (begin != std::string_view::npos && !text.substr(begin + 2).starts_with(prefix))
    begin = text.find("${", begin + 2);
  return begin;
}

}  // namespace

bool NextPiece(std::string_view& rest, std::string_view prefix, TemplatePiece& piece) {
  piece = {};
  if (rest.empty()) return false;
  const std::string_view text = rest;
  const std::size_t begin = FindPrefix(text, prefix);
  const std::size_t end = begin == std::string_view::npos ? begin : text.find('}', begin);
  if (end == std::string_view::npos) {
    piece.literal = text;
    rest = {};
    return true;
  }
  if (begin > 0 && text[begin - 1] == '$') {  // an escape: its first `$` goes, and the rest is no placeholder
    piece.literal = begin > 1 ? text.substr(0, begin - 1) : text.substr(begin, end + 1 - begin);
    rest = begin > 1 ? text.substr(begin - 1) : text.substr(end + 1);
    return true;
  }
  piece.literal = text.substr(0, begin);
  piece.placeholder = text.substr(begin, end + 1 - begin);
  piece.name = text.substr(begin + 2, end - begin - 2);
  if (const std::size_t colon = piece.name.find(":-"); colon != std::string_view::npos) {
    piece.fallback = piece.name.substr(colon + 2);
    piece.name = piece.name.substr(0, colon);
  }
  rest = text.substr(end + 1);
  return true;
}

Result<std::string> Substitute(std::string_view text, std::string_view prefix, const Lookup& lookup,
                               FillLimits limits) {
  Expansion expansion(prefix, lookup, limits);
  RETURN_IF_ERROR(expansion.Append(text));
  return expansion.Take();
}

std::vector<std::string> Placeholders(std::string_view text, std::string_view prefix) {
  std::vector<std::string> names;
  for (TemplatePiece piece; names.size() < kMaxShownNames && NextPiece(text, prefix, piece);) {
    if (piece.placeholder.empty()) continue;
    std::string name(TruncateUtf8(piece.name.substr(prefix.size()), kMaxShownBytes));
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

std::string EscapeJson(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size() + utf8.size() / 8);
  while (!utf8.empty()) {
    const char c = utf8.front();
    const char* escape = ShortEscape(c);
    if (escape != nullptr) {
      out += escape;
    } else if (static_cast<unsigned char>(c) >= 0x20U && static_cast<unsigned char>(c) < 0x7FU) {
      out += c;
    } else {
      const Utf8Char decoded = DecodeUtf8(utf8);
      AppendEscaped(out, decoded.length == 0 ? 0xFFFDU : decoded.code);
      utf8.remove_prefix(std::max<std::size_t>(decoded.length, 1));
      continue;
    }
    utf8.remove_prefix(1);
  }
  return out;
}

}  // namespace mlnode::connectors
