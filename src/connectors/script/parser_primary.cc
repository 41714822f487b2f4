#include <limits>

#include "connectors/script/parser.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

std::vector<NodePointer> One(NodePointer child) {
  std::vector<NodePointer> only;
  only.push_back(std::move(child));
  return only;
}

std::unique_ptr<StringObject> Literal(std::string text) {
  auto literal = std::make_unique<StringObject>(std::move(text));
  if (!literal->ascii) literal->units = std::make_unique<const std::u16string>(ToUnits(literal->text));
  return literal;
}

}  // namespace

Parser::Parsed Parser::ParsePostfix() {
  ASSIGN_OR_RETURN(NodePointer node, ParsePrimary());
  while (true) {
    const int line = Peek().line;
    if (Is(".") || Is("?.")) {
      const bool null_safe = Is("?.");
      ++at_;
      ASSIGN_OR_RETURN(node, ParseMember(std::move(node), null_safe));
    } else if (Accept("[")) {
      ASSIGN_OR_RETURN(NodePointer index, ParseExpression());
      RETURN_IF_ERROR(Expect("]"));
      std::vector<NodePointer> parts = One(std::move(node));
      parts.push_back(std::move(index));
      ASSIGN_OR_RETURN(node, WithChildren(NodeKind::kIndex, line, std::move(parts)));
      node->type = *FindType("def");
    } else {
      return node;
    }
  }
}

Parser::Parsed Parser::ParseMember(NodePointer target, bool null_safe) {
  const int line = Peek().line;
  if (Peek().kind == TokenKind::kWhole) {  // list.0
    const std::optional<std::int64_t> place = ParseWhole(Peek().text);
    if (!place || *place > std::numeric_limits<std::int32_t>::max()) return Wrong("this is no index");
    NodePointer index = Constant(Make(NodeKind::kConstant), Value::Int(*place));
    ++at_;
    std::vector<NodePointer> parts = One(std::move(target));
    parts.push_back(std::move(index));
    return WithChildren(NodeKind::kIndex, line, std::move(parts));
  }
  ASSIGN_OR_RETURN(std::string name, ExpectName());
  if (Is("(")) return ParseMethod(std::move(target), name, null_safe, line);
  ASSIGN_OR_RETURN(NodePointer node, WithChildren(NodeKind::kField, line, One(std::move(target))));
  node->text = Literal(std::move(name));
  node->null_safe = null_safe;
  return node;
}

Parser::Parsed Parser::ParseMethod(NodePointer target, const std::string& name, bool null_safe, int line) {
  const MethodEntry* const entry = FindMethod(name);
  if (entry == nullptr) return ScriptError(line, "method " + name + " is outside the subset");
  std::vector<NodePointer> children = One(std::move(target));
  RETURN_IF_ERROR(Expect("("));
  while (!Accept(")")) {
    if (children.size() > 1) RETURN_IF_ERROR(Expect(","));
    const bool last = children.size() == entry->most;
    ASSIGN_OR_RETURN(NodePointer argument, entry->takes_function && last ? ParseFunctionArgument() : ParseExpression());
    children.push_back(std::move(argument));
    if (children.size() - 1 > entry->most) break;
  }
  if (children.size() - 1 < entry->least || children.size() - 1 > entry->most) {
    return ScriptError(line, "method " + name + " does not take that many arguments");
  }
  ASSIGN_OR_RETURN(NodePointer node, WithChildren(NodeKind::kMethodCall, line, std::move(children)));
  node->method = entry->method;
  node->null_safe = null_safe;
  return node;
}

Parser::Parsed Parser::ParseFunctionArgument() {
  if (LambdaAhead()) return ParseLambda();
  if (IsWord("null")) return ParsePrimary();
  return Wrong("a function of the form x -> ... is missing");
}

// x -> ..., (x, y) -> ..., (int x, int y) -> ..., () -> ...
bool Parser::LambdaAhead() const {
  if (Peek().kind == TokenKind::kWord && Is("->", 1)) return true;
  if (!Is("(")) return false;
  std::size_t ahead = 1;
  while (Peek(ahead).kind == TokenKind::kWord || Is(",", ahead)) ++ahead;
  return Is(")", ahead) && Is("->", ahead + 1);
}

Parser::Parsed Parser::ParseLambda() {
  const int line = Peek().line;
  const bool brackets = Accept("(");
  std::vector<int> slots;
  scopes_.Open();
  while (!Is("->") && !(brackets && Is(")"))) {
    if (!slots.empty()) RETURN_IF_ERROR(Expect(","));
    Type type = *FindType("def");
    const std::size_t length = TypeAt(0, type);
    if (length > 0 && Peek(length).kind == TokenKind::kWord) at_ += length;
    ASSIGN_OR_RETURN(std::string name, ExpectName());
    const Variable* const variable = scopes_.Declare(name, type);
    if (variable == nullptr) return ScriptError(line, "variable " + name + " is there already");
    slots.push_back(variable->slot);
  }
  if (brackets) RETURN_IF_ERROR(Expect(")"));
  RETURN_IF_ERROR(Expect("->"));
  const int outer_loops = std::exchange(loops_, 0);
  const Type outer_result = std::exchange(result_, Type());
  ASSIGN_OR_RETURN(NodePointer body, Is("{") ? ParseBlock() : ParseExpression());
  result_ = outer_result;
  loops_ = outer_loops;
  scopes_.Close();
  ASSIGN_OR_RETURN(NodePointer node, WithChildren(NodeKind::kLambda, line, One(std::move(body))));
  node->slots = std::move(slots);
  return node;
}

Result<std::vector<NodePointer>> Parser::ParseArguments() {
  std::vector<NodePointer> arguments;
  RETURN_IF_ERROR(Expect("("));
  while (!Accept(")")) {
    if (!arguments.empty()) RETURN_IF_ERROR(Expect(","));
    ASSIGN_OR_RETURN(NodePointer argument, ParseExpression());
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

Parser::Parsed Parser::ParsePrimary() {
  switch (Peek().kind) {
    case TokenKind::kText:
      return ParseText();
    case TokenKind::kWhole:
    case TokenKind::kReal:
      return ParseNumber();
    case TokenKind::kWord:
      return ParseName();
    default:
      break;
  }
  if (Is("[")) return ParseBrackets();
  if (Accept("(")) {
    ASSIGN_OR_RETURN(NodePointer inside, ParseExpression());
    RETURN_IF_ERROR(Expect(")"));
    return inside;
  }
  if (Is("/")) return Wrong("regular expressions are outside the subset");
  return Wrong("an expression is missing before '" + Peek().text.substr(0, 40) + "'");
}

Parser::Parsed Parser::ParseText() {
  NodePointer node = Make(NodeKind::kText);
  node->text = Literal(Peek().text);
  ++at_;
  return node;
}

Parser::Parsed Parser::ParseNumber() {
  NodePointer node = Make(NodeKind::kConstant);
  std::string text = Peek().text;
  if (Peek().kind == TokenKind::kReal) {
    const bool single = text.ends_with('f');
    if (single || text.ends_with('d')) text.pop_back();
    const std::optional<double> value = ParseReal(text);
    if (!value) return Wrong("this is no number");
    ++at_;
    return Constant(std::move(node), Value::Real(single ? Kind::kFloat : Kind::kDouble, *value));
  }
  const bool wide = text.ends_with('l');
  if (wide) text.pop_back();
  const std::size_t digits = text.starts_with('-') ? 1 : 0;
  int radix = 10;
  if (text.compare(digits, 2, "0x") == 0) {
    radix = 16;
    text.erase(digits, 2);
  } else if (text.size() > digits + 1 && text[digits] == '0') {
    radix = 8;
  }
  const std::optional<std::int64_t> value = ParseWhole(text, radix);
  const bool fits = value && (wide || *value == static_cast<std::int32_t>(*value));
  if (!fits) return Wrong(wide ? "this is no long" : "this is no int; a long ends with L");
  ++at_;
  return Constant(std::move(node), Value::Integer(wide ? Kind::kLong : Kind::kInt, *value));
}

Parser::Parsed Parser::ParseName() {
  NodePointer node = Make(NodeKind::kLocal);
  const std::string name = Peek().text;
  if (name == "new") return ParseNew();
  ++at_;
  if (name == "null") return Constant(std::move(node), Value());
  if (name == "true" || name == "false") return Constant(std::move(node), Value::Bool(name == "true"));
  if (const Variable* const variable = scopes_.Find(name)) {
    node->slot = variable->slot;
    node->type = variable->type;
    return node;
  }
  if (Is("(")) {
    ASSIGN_OR_RETURN(std::vector<NodePointer> arguments, ParseArguments());
    ASSIGN_OR_RETURN(NodePointer call, WithChildren(NodeKind::kFunctionCall, node->line, std::move(arguments)));
    calls_.push_back({call.get(), name});
    return call;
  }
  if (name == "params") {
    node->kind = NodeKind::kParams;
    return node;
  }
  if (Is("::")) return Wrong("references to methods (" + name + "::) are outside the subset");
  if (Is(".") && IsClass(name)) return ParseStatic(name);
  const bool capital = name[0] >= 'A' && name[0] <= 'Z';
  return ScriptError(node->line, capital ? "class " + name + " is outside the subset" : "there is no variable " + name);
}

Parser::Parsed Parser::ParseStatic(const std::string& type) {
  const int line = Peek().line;
  ++at_;
  ASSIGN_OR_RETURN(std::string name, ExpectName());
  if (!Is("(")) {
    const std::optional<Value> value = FindConstant(type, name);
    if (!value) return ScriptError(line, type + "." + name + " is outside the subset");
    return Constant(Make(NodeKind::kConstant), *value);
  }
  const StaticEntry* const entry = FindStatic(type, name);
  if (entry == nullptr) return ScriptError(line, "method " + type + "." + name + " is outside the subset");
  ASSIGN_OR_RETURN(std::vector<NodePointer> arguments, ParseArguments());
  if (arguments.size() < entry->least || arguments.size() > entry->most) {
    return ScriptError(line, "method " + type + "." + name + " does not take that many arguments");
  }
  ASSIGN_OR_RETURN(NodePointer node, WithChildren(NodeKind::kStaticCall, line, std::move(arguments)));
  node->static_method = entry->method;
  // Integer.valueOf(7) and Integer.toString(7): what the class is counts.
  node->type = FindType(type).value_or(Type());
  return node;
}

Parser::Parsed Parser::ParseNew() {
  const int line = Peek().line;
  ++at_;
  const std::string name = Peek().text;
  Type type;
  const std::size_t length = TypeAt(0, type);
  if (length == 0) return Wrong("class " + name.substr(0, 40) + " is outside the subset");
  if (type.array || Is("[", length)) {
    at_ += length;
    return ParseNewArray(type, line);
  }
  at_ += length;
  NodeKind kind = NodeKind::kNewNumber;
  if (type.name == "StringBuilder") {
    kind = NodeKind::kNewBuilder;
  } else if (type.name == "ArrayList") {
    kind = NodeKind::kNewList;
  } else if (type.name == "HashMap" || type.name == "LinkedHashMap") {
    kind = NodeKind::kNewMap;
  } else if (type.primitive ||
             (type.base != Type::Base::kNumber && type.base != Type::Base::kInt && type.base != Type::Base::kLong &&
              type.base != Type::Base::kDouble && type.base != Type::Base::kFloat) ||
             type.name == "Number") {
    return ScriptError(line, "new " + std::string(type.name) + " is outside the subset");
  }
  ASSIGN_OR_RETURN(std::vector<NodePointer> arguments, ParseArguments());
  if (arguments.size() > 1 || (kind == NodeKind::kNewNumber && arguments.empty())) {
    return ScriptError(line, "new " + std::string(type.name) + " does not take that many arguments");
  }
  ASSIGN_OR_RETURN(NodePointer node, WithChildren(kind, line, std::move(arguments)));
  node->type = type;
  return node;
}

// new int[3], new String[] {"a", "b"}
Parser::Parsed Parser::ParseNewArray(const Type& type, int line) {
  if (type.array) {
    RETURN_IF_ERROR(Expect("{"));
    std::vector<NodePointer> items;
    while (!Accept("}")) {
      if (!items.empty()) RETURN_IF_ERROR(Expect(","));
      ASSIGN_OR_RETURN(NodePointer item, ParseExpression());
      items.push_back(std::move(item));
    }
    ASSIGN_OR_RETURN(NodePointer node, WithChildren(NodeKind::kListLiteral, line, std::move(items)));
    node->type = type;
    return node;
  }
  RETURN_IF_ERROR(Expect("["));
  ASSIGN_OR_RETURN(NodePointer length, ParseExpression());
  RETURN_IF_ERROR(Expect("]"));
  if (Is("[")) return Wrong("arrays of arrays are outside the subset");
  ASSIGN_OR_RETURN(NodePointer node, WithChildren(NodeKind::kNewArray, line, One(std::move(length))));
  node->type = type;
  return node;
}

// [], [a, b], [:], [k: v]
Parser::Parsed Parser::ParseBrackets() {
  const int line = Peek().line;
  ++at_;
  if (Is(":") && Is("]", 1)) {
    at_ += 2;
    return WithChildren(NodeKind::kMapLiteral, line, {});
  }
  std::vector<NodePointer> items;
  bool map = false;
  while (!Accept("]")) {
    if (!items.empty()) RETURN_IF_ERROR(Expect(","));
    ASSIGN_OR_RETURN(NodePointer item, ParseExpression());
    const bool pair = Is(":");
    if (items.empty()) map = pair;
    if (pair != map) return Wrong("a list and a map are mixed");
    items.push_back(std::move(item));
    if (!map) continue;
    RETURN_IF_ERROR(Expect(":"));
    ASSIGN_OR_RETURN(NodePointer value, ParseExpression());
    items.push_back(std::move(value));
  }
  return WithChildren(map ? NodeKind::kMapLiteral : NodeKind::kListLiteral, line, std::move(items));
}

}  // namespace mlnode::connectors::script
