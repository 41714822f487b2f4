// connectors/script/parser.h: tokens to a program, and the static check: what is outside the subset is refused here,
// with its line. Recursion is bounded (kMaxNesting), and so is the height of the trees (kMaxHeight).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/script/lexer.h"
#include "connectors/script/program.h"
#include "connectors/script/scopes.h"

namespace mlnode::connectors::script {

class Parser {
 public:
  static constexpr int kMaxNesting = 100;
  // Of a tree: a chain of calls is as high as it is long.
  static constexpr int kMaxHeight = 256;
  static constexpr int kMaxVariables = 256;  // of one function

  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  // Once. kInvalidArgument "script error at line N: ...".
  Result<Program> Run();

 private:
  using Parsed = Result<NodePointer>;

  // Tokens (parser.cc).
  const Token& Peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool Is(std::string_view symbol, std::size_t ahead = 0) const;
  bool IsWord(std::string_view word, std::size_t ahead = 0) const;
  bool Accept(std::string_view symbol);
  bool AcceptWord(std::string_view word);
  Status Expect(std::string_view symbol);
  Result<std::string> ExpectName();
  Error Wrong(std::string_view what) const { return ScriptError(Peek().line, what); }
  // A type at a place, and how many tokens it is; 0: none.
  std::size_t TypeAt(std::size_t ahead, Type& type) const;
  Result<Type> ExpectType();
  NodePointer Make(NodeKind kind) const;
  static NodePointer Constant(NodePointer node, Value value);
  Status Adopt(Node& parent, NodePointer child) const;
  Parsed WithChildren(NodeKind kind, int line, std::vector<NodePointer> children) const;

  // Functions and statements (parser.cc, parser_statements.cc).
  bool FunctionAhead() const;
  Status ParseFunction();
  Status ResolveCalls(Program& program);
  Parsed ParseStatement();
  Parsed ParseSimple();
  Parsed ParseBlock();
  Parsed ParseBody();
  Parsed ParseIf();
  Parsed ParseLoop();
  Parsed ParseFor();
  Parsed ParseForEach(const Type& type, int line);
  Parsed ParseForParts(int line);
  Parsed ParseReturn();
  Parsed ParseThrow();
  bool DeclarationAhead() const;
  Parsed ParseDeclaration();
  Parsed ParseExpressionOrDeclaration();
  Status EndStatement();

  // Expressions (parser_expressions.cc).
  Parsed ParseExpression();
  Parsed ParseAssignment(NodePointer target);
  Parsed ParseTernary();
  Parsed ParseBinary(int least);
  Parsed ParseChain(NodePointer first, NodeKind kind, std::string_view symbol, int level);
  Parsed ParseUnary();
  Parsed ParseStep(NodePointer target, int by, bool prefix, int line);
  bool CastAhead() const;
  // Postfix and primary (parser_primary.cc).
  Parsed ParsePostfix();
  Parsed ParseMember(NodePointer target, bool null_safe);
  Parsed ParseMethod(NodePointer target, const std::string& name, bool null_safe, int line);
  Parsed ParseFunctionArgument();
  Parsed ParseLambda();
  bool LambdaAhead() const;
  Result<std::vector<NodePointer>> ParseArguments();
  Parsed ParsePrimary();
  Parsed ParseNumber();
  Parsed ParseText();
  Parsed ParseName();
  Parsed ParseStatic(const std::string& type);
  Parsed ParseNew();
  Parsed ParseNewArray(const Type& type, int line);
  Parsed ParseBrackets();

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  int loops_ = 0;
  Type result_;  // of the function that is being read
  Scopes scopes_;
  std::vector<Function> functions_;
  struct Call {
    Node* node;
    std::string name;
  };
  std::vector<Call> calls_;
};

}  // namespace mlnode::connectors::script
