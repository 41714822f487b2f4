#include "connectors/script/parser.h"

#include <algorithm>

namespace mlnode::connectors::script {

bool Parser::Is(std::string_view symbol, std::size_t ahead) const {
  return Peek(ahead).kind == TokenKind::kSymbol && Peek(ahead).text == symbol;
}

bool Parser::IsWord(std::string_view word, std::size_t ahead) const {
  return Peek(ahead).kind == TokenKind::kWord && Peek(ahead).text == word;
}

bool Parser::Accept(std::string_view symbol) {
  if (!Is(symbol)) return false;
  ++at_;
  return true;
}

bool Parser::AcceptWord(std::string_view word) {
  if (!IsWord(word)) return false;
  ++at_;
  return true;
}

Status Parser::Expect(std::string_view symbol) {
  if (Accept(symbol)) return {};
  return Wrong("'" + std::string(symbol) + "' is missing before '" + Peek().text.substr(0, 40) + "'");
}

Result<std::string> Parser::ExpectName() {
  if (Peek().kind != TokenKind::kWord) return Wrong("a name is missing before '" + Peek().text.substr(0, 40) + "'");
  return tokens_[at_++].text;
}

std::size_t Parser::TypeAt(std::size_t ahead, Type& type) const {
  if (Peek(ahead).kind != TokenKind::kWord) return 0;
  std::optional<Type> found;
  std::size_t length = 1;
  if (IsWord("Map", ahead) && Is(".", ahead + 1) && IsWord("Entry", ahead + 2)) {
    found = FindType("Map.Entry");
    length = 3;
  } else {
    found = FindType(Peek(ahead).text);
  }
  if (!found) return 0;
  type = *found;
  while (Is("[", ahead + length) && Is("]", ahead + length + 1)) {
    if (type.array) type = *FindType("def");  // of arrays: anything
    type.array = true;
    length += 2;
  }
  return length;
}

Result<Type> Parser::ExpectType() {
  Type type;
  const std::size_t length = TypeAt(0, type);
  if (length == 0) return Wrong("'" + Peek().text.substr(0, 40) + "' is no type of the subset");
  at_ += length;
  return type;
}

NodePointer Parser::Make(NodeKind kind) const {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->line = Peek().line;
  return node;
}

NodePointer Parser::Constant(NodePointer node, Value value) {
  node->kind = NodeKind::kConstant;
  node->constant = value;
  return node;
}

Status Parser::Adopt(Node& parent, NodePointer child) const {
  parent.height = std::max(parent.height, child->height + 1);
  if (parent.height > kMaxHeight) return Wrong("expressions or statements are nested too deeply");
  parent.children.push_back(std::move(child));
  return {};
}

Parser::Parsed Parser::WithChildren(NodeKind kind, int line, std::vector<NodePointer> children) const {
  NodePointer node = Make(kind);
  node->line = line;
  for (NodePointer& child : children) RETURN_IF_ERROR(Adopt(*node, std::move(child)));
  return node;
}

Result<Program> Parser::Run() {
  Program program;
  std::vector<NodePointer> statements;
  scopes_.Open();
  while (Peek().kind != TokenKind::kEnd) {
    if (FunctionAhead()) {
      RETURN_IF_ERROR(ParseFunction());
      continue;
    }
    ASSIGN_OR_RETURN(NodePointer statement, ParseStatement());
    statements.push_back(std::move(statement));
  }
  // What the last expression gives is what the script returns.
  if (!statements.empty() && statements.back()->kind == NodeKind::kExpression) {
    statements.back()->kind = NodeKind::kReturn;
  }
  ASSIGN_OR_RETURN(program.main.body, WithChildren(NodeKind::kBlock, 1, std::move(statements)));
  program.main.slots = scopes_.most();
  program.functions = std::move(functions_);
  RETURN_IF_ERROR(ResolveCalls(program));
  return program;
}

bool Parser::FunctionAhead() const {
  Type type;
  const std::size_t length = TypeAt(0, type);
  return length > 0 && Peek(length).kind == TokenKind::kWord && Is("(", length + 1);
}

Status Parser::ParseFunction() {
  Function function;
  function.line = Peek().line;
  ASSIGN_OR_RETURN(function.result, ExpectType());
  ASSIGN_OR_RETURN(function.name, ExpectName());
  Scopes outer = std::exchange(scopes_, Scopes());
  scopes_.Open();
  RETURN_IF_ERROR(Expect("("));
  while (!Accept(")")) {
    if (!function.parameters.empty()) RETURN_IF_ERROR(Expect(","));
    ASSIGN_OR_RETURN(Type type, ExpectType());
    ASSIGN_OR_RETURN(std::string name, ExpectName());
    if (scopes_.Declare(name, type) == nullptr) return Wrong("variable " + name + " is there already");
    function.parameters.push_back(type);
  }
  const auto same = [&](const Function& other) {
    return other.name == function.name && other.parameters.size() == function.parameters.size();
  };
  if (std::any_of(functions_.begin(), functions_.end(), same)) {
    return Wrong("function " + function.name + " is there already");
  }
  const Type outer_result = std::exchange(result_, function.result);
  ASSIGN_OR_RETURN(function.body, ParseBlock());
  result_ = outer_result;
  function.slots = scopes_.most();
  scopes_ = std::move(outer);
  functions_.push_back(std::move(function));
  return {};
}

Status Parser::ResolveCalls(Program& program) {
  for (const Call& call : calls_) {
    const auto wanted = [&](const Function& function) {
      return function.name == call.name && function.parameters.size() == call.node->children.size();
    };
    const auto found = std::find_if(program.functions.begin(), program.functions.end(), wanted);
    if (found != program.functions.end()) {
      call.node->index = static_cast<std::size_t>(found - program.functions.begin());
    } else if (call.name == "escape" && call.node->children.size() == 1) {
      call.node->kind = NodeKind::kEscapeCall;
    } else {
      return ScriptError(call.node->line, "there is no function " + call.name + " with " +
                                              std::to_string(call.node->children.size()) + " arguments");
    }
  }
  return {};
}

}  // namespace mlnode::connectors::script
