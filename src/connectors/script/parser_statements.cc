#include <array>

#include "connectors/script/parser.h"

namespace mlnode::connectors::script {
namespace {

constexpr std::array<std::string_view, 6> kOutside = {"try", "switch", "class", "import", "synchronized", "catch"};

// Counts one level of recursion for as long as it lives.
class Nesting {
 public:
  explicit Nesting(int& level) : level_(level) { ++level_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { --level_; }

 private:
  int& level_;
};

}  // namespace

Parser::Parsed Parser::ParseStatement() {
  const Nesting nesting(nesting_);
  if (nesting_ > kMaxNesting) return Wrong("expressions or statements are nested too deeply");
  for (const std::string_view word : kOutside) {
    if (IsWord(word)) return Wrong("'" + std::string(word) + "' is outside the subset");
  }
  if (Is("{")) return ParseBlock();
  if (IsWord("if")) return ParseIf();
  if (IsWord("while") || IsWord("do")) return ParseLoop();
  if (IsWord("for")) return ParseFor();
  ASSIGN_OR_RETURN(NodePointer statement, ParseSimple());
  RETURN_IF_ERROR(EndStatement());
  return statement;
}

Parser::Parsed Parser::ParseSimple() {
  if (Is(";")) return Make(NodeKind::kBlock);
  if (IsWord("return")) return ParseReturn();
  if (IsWord("throw")) return ParseThrow();
  if (IsWord("break") || IsWord("continue")) {
    if (loops_ == 0) return Wrong("'" + Peek().text + "' outside a loop");
    NodePointer node = Make(IsWord("break") ? NodeKind::kBreak : NodeKind::kContinue);
    ++at_;
    return node;
  }
  return ParseExpressionOrDeclaration();
}

Status Parser::EndStatement() {
  if (Accept(";") || Is("}") || Peek().kind == TokenKind::kEnd) return {};
  return Wrong("';' is missing before '" + Peek().text.substr(0, 40) + "'");
}

Parser::Parsed Parser::ParseBlock() {
  const int line = Peek().line;
  RETURN_IF_ERROR(Expect("{"));
  scopes_.Open();
  std::vector<NodePointer> statements;
  while (!Accept("}")) {
    if (Peek().kind == TokenKind::kEnd) return ScriptError(line, "a block does not end: '}' is missing");
    ASSIGN_OR_RETURN(NodePointer statement, ParseStatement());
    statements.push_back(std::move(statement));
  }
  scopes_.Close();
  return WithChildren(NodeKind::kBlock, line, std::move(statements));
}

// A block, or one statement with a scope of its own.
Parser::Parsed Parser::ParseBody() {
  scopes_.Open();
  ASSIGN_OR_RETURN(NodePointer body, ParseStatement());
  scopes_.Close();
  return body;
}

Parser::Parsed Parser::ParseIf() {
  const int line = Peek().line;
  std::vector<NodePointer> parts;
  ++at_;
  RETURN_IF_ERROR(Expect("("));
  ASSIGN_OR_RETURN(NodePointer condition, ParseExpression());
  RETURN_IF_ERROR(Expect(")"));
  parts.push_back(std::move(condition));
  ASSIGN_OR_RETURN(NodePointer then, ParseBody());
  parts.push_back(std::move(then));
  if (AcceptWord("else")) {
    ASSIGN_OR_RETURN(NodePointer otherwise, ParseBody());
    parts.push_back(std::move(otherwise));
  }
  return WithChildren(NodeKind::kIf, line, std::move(parts));
}

Parser::Parsed Parser::ParseLoop() {
  const int line = Peek().line;
  const bool body_first = IsWord("do");
  ++at_;
  std::vector<NodePointer> parts;
  ++loops_;
  if (body_first) {
    ASSIGN_OR_RETURN(NodePointer body, ParseBody());
    parts.push_back(std::move(body));
    if (!AcceptWord("while")) return Wrong("'while' is missing after a 'do' block");
  }
  RETURN_IF_ERROR(Expect("("));
  ASSIGN_OR_RETURN(NodePointer condition, ParseExpression());
  RETURN_IF_ERROR(Expect(")"));
  parts.push_back(std::move(condition));
  if (body_first) {
    RETURN_IF_ERROR(EndStatement());
  } else {
    ASSIGN_OR_RETURN(NodePointer body, ParseBody());
    parts.push_back(std::move(body));
  }
  --loops_;
  return WithChildren(body_first ? NodeKind::kDoWhile : NodeKind::kWhile, line, std::move(parts));
}

Parser::Parsed Parser::ParseFor() {
  const int line = Peek().line;
  ++at_;
  RETURN_IF_ERROR(Expect("("));
  scopes_.Open();
  ++loops_;
  // for (Type x : xs), for (x in xs), else three parts
  Type type = *FindType("def");
  const std::size_t length = TypeAt(0, type);
  const bool typed =
      length > 0 && Peek(length).kind == TokenKind::kWord && (Is(":", length + 1) || IsWord("in", length + 1));
  const bool bare = Peek().kind == TokenKind::kWord && IsWord("in", 1);
  if (typed) at_ += length;
  ASSIGN_OR_RETURN(NodePointer loop, typed || bare ? ParseForEach(type, line) : ParseForParts(line));
  --loops_;
  scopes_.Close();
  return loop;
}

Parser::Parsed Parser::ParseForEach(const Type& type, int line) {
  ASSIGN_OR_RETURN(std::string name, ExpectName());
  ++at_;  // ':' or 'in'
  ASSIGN_OR_RETURN(NodePointer collection, ParseExpression());
  RETURN_IF_ERROR(Expect(")"));
  const Variable* const variable = scopes_.Declare(name, type);
  if (variable == nullptr) return ScriptError(line, "variable " + name + " is there already");
  const int slot = variable->slot;
  ASSIGN_OR_RETURN(NodePointer body, ParseBody());
  std::vector<NodePointer> parts;
  parts.push_back(std::move(collection));
  parts.push_back(std::move(body));
  ASSIGN_OR_RETURN(NodePointer loop, WithChildren(NodeKind::kForEach, line, std::move(parts)));
  loop->slot = slot;
  loop->type = type;
  return loop;
}

Parser::Parsed Parser::ParseForParts(int line) {
  std::vector<NodePointer> parts;
  NodePointer start = Make(NodeKind::kBlock);
  if (!Is(";")) {
    ASSIGN_OR_RETURN(start, ParseExpressionOrDeclaration());
  }
  RETURN_IF_ERROR(Expect(";"));
  NodePointer condition = Constant(Make(NodeKind::kConstant), Value::Bool(true));
  if (!Is(";")) {
    ASSIGN_OR_RETURN(condition, ParseExpression());
  }
  RETURN_IF_ERROR(Expect(";"));
  std::vector<NodePointer> steps;
  while (!Is(")")) {
    if (!steps.empty()) RETURN_IF_ERROR(Expect(","));
    ASSIGN_OR_RETURN(NodePointer step, ParseExpression());
    std::vector<NodePointer> only;
    only.push_back(std::move(step));
    ASSIGN_OR_RETURN(NodePointer statement, WithChildren(NodeKind::kExpression, line, std::move(only)));
    steps.push_back(std::move(statement));
  }
  RETURN_IF_ERROR(Expect(")"));
  ASSIGN_OR_RETURN(NodePointer step, WithChildren(NodeKind::kBlock, line, std::move(steps)));
  ASSIGN_OR_RETURN(NodePointer body, ParseBody());
  parts.push_back(std::move(start));
  parts.push_back(std::move(condition));
  parts.push_back(std::move(step));
  parts.push_back(std::move(body));
  return WithChildren(NodeKind::kFor, line, std::move(parts));
}

Parser::Parsed Parser::ParseReturn() {
  const int line = Peek().line;
  ++at_;
  std::vector<NodePointer> value;
  if (!Is(";") && !Is("}") && Peek().kind != TokenKind::kEnd) {
    ASSIGN_OR_RETURN(NodePointer expression, ParseExpression());
    value.push_back(std::move(expression));
  }
  if (result_.base == Type::Base::kVoid && !value.empty()) {
    return ScriptError(line, "a void function returns nothing");
  }
  return WithChildren(NodeKind::kReturn, line, std::move(value));
}

// throw new SomeException("message"): the message is all that is seen of it.
Parser::Parsed Parser::ParseThrow() {
  const int line = Peek().line;
  ++at_;
  if (!AcceptWord("new")) return Wrong("of exceptions only a new one can be thrown");
  ASSIGN_OR_RETURN(std::string name, ExpectName());
  if (!name.ends_with("Exception")) return Wrong(name + " is no exception");
  ASSIGN_OR_RETURN(std::vector<NodePointer> message, ParseArguments());
  if (message.size() > 1) return ScriptError(line, "an exception takes one message");
  return WithChildren(NodeKind::kThrow, line, std::move(message));
}

bool Parser::DeclarationAhead() const {
  Type type;
  const std::size_t length = TypeAt(0, type);
  return length > 0 && Peek(length).kind == TokenKind::kWord && !IsWord("in", length) && !IsWord("instanceof", length);
}

Parser::Parsed Parser::ParseDeclaration() {
  const int line = Peek().line;
  ASSIGN_OR_RETURN(const Type type, ExpectType());
  if (type.base == Type::Base::kVoid) return ScriptError(line, "a variable cannot be void");
  std::vector<NodePointer> declared;
  do {
    ASSIGN_OR_RETURN(std::string name, ExpectName());
    std::vector<NodePointer> value;
    if (Accept("=")) {
      ASSIGN_OR_RETURN(NodePointer expression, ParseExpression());
      value.push_back(std::move(expression));
    }
    const Variable* const variable = scopes_.Declare(name, type);
    if (variable == nullptr) return ScriptError(line, "variable " + name + " is there already");
    if (variable->slot >= kMaxVariables) return ScriptError(line, "too many variables");
    const int slot = variable->slot;
    ASSIGN_OR_RETURN(NodePointer node, WithChildren(NodeKind::kDeclare, line, std::move(value)));
    node->slot = slot;
    node->type = type;
    declared.push_back(std::move(node));
  } while (Accept(","));
  if (declared.size() == 1) return std::move(declared.front());
  return WithChildren(NodeKind::kBlock, line, std::move(declared));
}

Parser::Parsed Parser::ParseExpressionOrDeclaration() {
  if (DeclarationAhead()) return ParseDeclaration();
  if (Peek().kind == TokenKind::kWord && Peek(1).kind == TokenKind::kWord && !IsWord("instanceof", 1) &&
      !IsWord("new")) {
    return Wrong("'" + Peek().text.substr(0, 40) + "' is no type of the subset");
  }
  const int line = Peek().line;
  ASSIGN_OR_RETURN(NodePointer expression, ParseExpression());
  std::vector<NodePointer> only;
  only.push_back(std::move(expression));
  return WithChildren(NodeKind::kExpression, line, std::move(only));
}

}  // namespace mlnode::connectors::script
