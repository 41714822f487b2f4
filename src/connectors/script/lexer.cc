#include "connectors/script/lexer.h"

#include <algorithm>
#include <array>

namespace mlnode::connectors::script {
namespace {

// Longest first.
constexpr std::array<std::string_view, 34> kSymbols = {
    ">>>=", "===", "!==", "<<=", ">>=", ">>>", "==~", "->", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=",
    "^=",   "==",  "!=",  "<=",  ">=",  "&&",  "||",  "<<", ">>", "?.", "?:", "::", "=~", "?",  ":",  "~",  "!"};
constexpr std::string_view kSingles = "+-*/%=<>&|^(){}[];,.";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> Run() {
    while (true) {
      RETURN_IF_ERROR(SkipBlanks());
      if (at_ == source_.size()) break;
      RETURN_IF_ERROR(Next());
    }
    tokens_.push_back({TokenKind::kEnd, "end of the script", line_});
    return std::move(tokens_);
  }

 private:
  char Peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  void Advance() {
    if (source_[at_] == '\n') ++line_;
    ++at_;
  }
  Status SkipBlanks() {
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        Advance();
      } else if (c == '/' && Peek(1) == '/') {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else if (c == '/' && Peek(1) == '*') {
        RETURN_IF_ERROR(SkipComment());
      } else {
        break;
      }
    }
    return {};
  }
  Status SkipComment() {
    const int begin = line_;
    at_ += 2;
    while (at_ < source_.size() && !(Peek() == '*' && Peek(1) == '/')) Advance();
    if (at_ == source_.size()) return ScriptError(begin, "a comment does not end");
    at_ += 2;
    return {};
  }
  Status Next() {
    const char c = source_[at_];
    if (c == '"' || c == '\'') return ReadText(c);
    if (IsDigit(c) && AfterDot()) return ReadPlace();
    if (IsDigit(c)) return ReadNumber();
    if (IsLetter(c)) {
      const std::size_t begin = at_;
      while (IsLetter(Peek()) || IsDigit(Peek())) ++at_;
      tokens_.push_back({TokenKind::kWord, std::string(source_.substr(begin, at_ - begin)), line_});
      return {};
    }
    return ReadSymbol();
  }
  // list.0.name
  bool AfterDot() const {
    return !tokens_.empty() && tokens_.back().kind == TokenKind::kSymbol && tokens_.back().text == ".";
  }
  Status ReadPlace() {
    const std::size_t begin = at_;
    while (IsDigit(Peek())) ++at_;
    tokens_.push_back({TokenKind::kWhole, std::string(source_.substr(begin, at_ - begin)), line_});
    return {};
  }
  Status ReadSymbol() {
    const std::string_view rest = source_.substr(at_);
    const auto found = std::find_if(kSymbols.begin(), kSymbols.end(),
                                    [&](std::string_view symbol) { return rest.starts_with(symbol); });
    const std::string_view symbol = found != kSymbols.end() ? *found : rest.substr(0, 1);
    if (found == kSymbols.end() && kSingles.find(rest[0]) == std::string_view::npos) {
      return ScriptError(line_, "a character that no script has here");
    }
    at_ += symbol.size();
    tokens_.push_back({TokenKind::kSymbol, std::string(symbol), line_});
    return {};
  }
  Status ReadText(char quote) {
    const int begin = line_;
    std::string text;
    for (++at_; at_ < source_.size() && source_[at_] != quote; Advance()) {
      if (source_[at_] != '\\') {
        text.push_back(source_[at_]);
        continue;
      }
      ++at_;
      constexpr std::string_view kEscapes = "\\\"'nrt";
      const std::size_t escape = Peek() == '\0' ? std::string_view::npos : kEscapes.find(Peek());
      if (escape == std::string_view::npos) {
        return ScriptError(line_, R"(of escapes in a string there are \\, \", \', \n, \r and \t)");
      }
      text.push_back("\\\"'\n\r\t"[escape]);
    }
    if (at_ >= source_.size()) return ScriptError(begin, "a string does not end");
    ++at_;
    tokens_.push_back({TokenKind::kText, std::move(text), begin});
    return {};
  }
  Status ReadNumber() {
    const std::size_t begin = at_;
    bool real = false;
    if (Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X')) {
      at_ += 2;
      while (IsHex(Peek())) ++at_;
    } else {
      real = ReadDecimal();
    }
    if (Peek() == 'l' || Peek() == 'L') {
      if (real) return ScriptError(line_, "a long with decimals");
      ++at_;
    }
    if (IsLetter(Peek()) || IsDigit(Peek())) return ScriptError(line_, "a number and letters run together");
    std::string text(source_.substr(begin, at_ - begin));
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    tokens_.push_back({real ? TokenKind::kReal : TokenKind::kWhole, std::move(text), line_});
    return {};
  }
  // True: has decimals, an exponent, or says f or d.
  bool ReadDecimal() {
    bool real = false;
    while (IsDigit(Peek())) ++at_;
    if (Peek() == '.' && IsDigit(Peek(1))) {
      real = true;
      ++at_;
      while (IsDigit(Peek())) ++at_;
    }
    if ((Peek() == 'e' || Peek() == 'E') &&
        (IsDigit(Peek(1)) || ((Peek(1) == '-' || Peek(1) == '+') && IsDigit(Peek(2))))) {
      real = true;
      at_ += 2;
      while (IsDigit(Peek())) ++at_;
    }
    if (Peek() == 'f' || Peek() == 'F' || Peek() == 'd' || Peek() == 'D') {
      real = true;
      ++at_;
    }
    return real;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

Error ScriptError(int line, std::string_view what) {
  return MakeError(Code::kInvalidArgument, "script error at line " + std::to_string(line) + ": " + std::string(what));
}

Result<std::vector<Token>> Tokenize(std::string_view source) { return Lexer(source).Run(); }

}  // namespace mlnode::connectors::script
