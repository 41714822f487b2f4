// connectors/script/lexer.h: a script's text as tokens. Pure; any thread. Linear.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace mlnode::connectors::script {

enum class TokenKind : std::uint8_t { kEnd, kWord, kText, kWhole, kReal, kSymbol };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // of a string: its content; of a number: as written, lower case
  int line = 1;
};

// kInvalidArgument "script error at line N: ...".
Error ScriptError(int line, std::string_view what);

// The last token is kEnd. kInvalidArgument: an open string or comment, an unknown escape or character.
Result<std::vector<Token>> Tokenize(std::string_view source);

}  // namespace mlnode::connectors::script
