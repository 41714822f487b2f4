#include <algorithm>

#include "connectors/script/interpreter.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {

bool Interpreter::Evaluate(const Node& node, Value& out) {
  if (!machine_.Step()) return false;
  if (++depth_ > kMaxDepth) {
    machine_.At(node.line);
    return machine_.Exhaust("calls and expressions are nested too deeply");
  }
  const bool done = EvaluateOne(node, out);
  --depth_;
  return done;
}

bool Interpreter::EvaluateOne(const Node& node, Value& out) {
  switch (node.kind) {
    case NodeKind::kConstant:
      out = node.constant;
      return true;
    case NodeKind::kText:
      out = Of(node.text.get());
      return true;
    case NodeKind::kLocal:
      out = Slot(node.slot);
      return true;
    case NodeKind::kParams:
      out = params_;
      return true;
    case NodeKind::kField:
      return Field(node, out);
    case NodeKind::kIndex:
      return Index(node, out);
    case NodeKind::kMethodCall:
      return CallMethodOf(node, out);
    case NodeKind::kFunctionCall:
    case NodeKind::kEscapeCall:
    case NodeKind::kStaticCall:
      return CallNamed(node, out);
    case NodeKind::kSum:
      return Sum(node, out);
    case NodeKind::kAnd:
    case NodeKind::kOr:
      return Logic(node, out);
    case NodeKind::kAssign:
      return Assign(node, out);
    case NodeKind::kUpdate:
      return Update(node, out);
    case NodeKind::kIncrement:
      return Increment(node, out);
    case NodeKind::kNewBuilder:
    case NodeKind::kNewList:
    case NodeKind::kNewMap:
    case NodeKind::kNewNumber:
    case NodeKind::kNewArray:
    case NodeKind::kListLiteral:
    case NodeKind::kMapLiteral:
      return EvaluateMade(node, out);
    default:
      return EvaluateOperator(node, out);
  }
}

bool Interpreter::EvaluateOperator(const Node& node, Value& out) {
  bool condition = false;
  Value left;
  Value right;
  if (node.kind == NodeKind::kTernary) {
    return Test(*node.children[0], condition) && Evaluate(*node.children[condition ? 1 : 2], out);
  }
  if (!Evaluate(*node.children[0], left)) return false;
  machine_.At(node.line);
  switch (node.kind) {
    case NodeKind::kBinary:
      if (!Evaluate(*node.children[1], right)) return false;
      machine_.At(node.line);
      return Apply(machine_, node.op, left, right, out);
    case NodeKind::kElvis:
      out = left;
      return !left.null() || Evaluate(*node.children[1], out);
    case NodeKind::kNot:
      if (!AsBool(machine_, left, condition)) return false;
      out = Value::Bool(!condition);
      return true;
    case NodeKind::kNegate:
      return Negate(machine_, left, out);
    case NodeKind::kPlus:
      return Negate(machine_, left, right) && Negate(machine_, right, out);
    case NodeKind::kBitNot:
      return BitNot(machine_, left, out);
    case NodeKind::kCast:
      out = left;
      return Convert(machine_, node.type, Conversion::kCast, out);
    default:  // instanceof
      out = Value::Bool(IsInstance(node.type, left));
      return true;
  }
}

// a + b + c: numbers until the first text; from there on one growing text, so that a long chain costs what it prints.
bool Interpreter::Sum(const Node& node, Value& out) {
  Value sum;
  if (!Evaluate(*node.children[0], sum)) return false;
  std::string text;
  bool texts = false;
  for (std::size_t i = 1; i < node.children.size(); ++i) {
    Value next;
    if (!Evaluate(*node.children[i], next)) return false;
    machine_.At(node.line);
    if (texts) {
      if (!Print(machine_, next, text)) return false;
      continue;
    }
    const auto textual = [](const Value& value) { return value.kind == Kind::kString; };
    if (!textual(sum) && !textual(next)) {
      if (!Apply(machine_, Operator::kAdd, sum, next, sum)) return false;
      continue;
    }
    texts = true;
    if (!Print(machine_, sum, text) || !Print(machine_, next, text)) return false;
  }
  if (texts) return machine_.MakeTaken(std::move(text), out);
  out = sum;
  return true;
}

bool Interpreter::Logic(const Node& node, Value& out) {
  const bool ends = node.kind == NodeKind::kOr;
  for (const NodePointer& operand : node.children) {
    bool value = false;
    if (!Test(*operand, value)) return false;
    if (value != ends) continue;
    out = Value::Bool(ends);
    return true;
  }
  out = Value::Bool(!ends);
  return true;
}

bool Interpreter::Field(const Node& node, Value& out) {
  Value target;
  if (!Evaluate(*node.children[0], target)) return false;
  machine_.At(node.line);
  if (target.null() && node.null_safe) {
    out = Value();
    return true;
  }
  return ReadField(target, *node.text, out);
}

bool Interpreter::ReadField(const Value& target, const StringObject& name, Value& out) {
  if (target.kind == Kind::kMap) {
    const Value* const found = target.map->Find(Of(&name));
    out = found == nullptr ? Value() : *found;
    return true;
  }
  if (target.kind == Kind::kList && (name.text == "length" || name.text == "size")) {
    out = Value::Int(static_cast<std::int64_t>(target.list->items.size()));
    return true;
  }
  if (target.kind == Kind::kEntry && (name.text == "key" || name.text == "value")) {
    out = name.text == "key" ? target.entry->key : target.entry->value;
    return true;
  }
  if (target.null()) return machine_.Fail("field " + name.text + " of null");
  return machine_.Fail(Described(target.kind) + " has no field " + name.text);
}

bool Interpreter::Index(const Node& node, Value& out) {
  Value target;
  Value index;
  if (!Evaluate(*node.children[0], target) || !Evaluate(*node.children[1], index)) return false;
  machine_.At(node.line);
  return ReadItem(target, index, out);
}

bool Interpreter::ReadItem(const Value& target, const Value& index, Value& out) {
  if (target.kind == Kind::kMap) return CallMap(machine_, Method::kGet, *target.map, {&index, 1}, out);
  if (target.kind != Kind::kList) {
    return machine_.Fail("an item of " + Described(target.kind));
  }
  // From the end, as Painless has it.
  Value place = index;
  if (place.whole() && place.integer < 0) place.integer += static_cast<std::int64_t>(target.list->items.size());
  std::size_t at = 0;
  if (!AsIndex(machine_, place, target.list->items.size(), at)) return false;
  out = target.list->items[at];
  return true;
}

bool Interpreter::EvaluateAll(const Node& node, std::size_t first, std::vector<Value>& out) {
  out.resize(node.children.size() - first);
  for (std::size_t i = first; i < node.children.size(); ++i) {
    if (!Evaluate(*node.children[i], out[i - first])) return false;
  }
  machine_.At(node.line);
  return true;
}

bool Interpreter::CallNamed(const Node& node, Value& out) {
  std::vector<Value> arguments;
  if (!EvaluateAll(node, 0, arguments)) return false;
  if (node.kind == NodeKind::kStaticCall) return CallStatic(machine_, node.static_method, node.type, arguments, out);
  if (node.kind == NodeKind::kEscapeCall) {
    const StringObject* text = nullptr;
    if (!AsString(machine_, arguments[0], text)) return false;
    if (!machine_.Take(EscapedBytes(text->text))) return false;
    return machine_.MakeTaken(EscapeForJson(text->text), out);
  }
  const Function& function = program_.functions[node.index];
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!Convert(machine_, function.parameters[i], Conversion::kImplicit, arguments[i])) return false;
  }
  const std::size_t base = slots_.size();
  slots_.insert(slots_.end(), arguments.begin(), arguments.end());
  return CallFunction(function, base, out);
}

bool Interpreter::EvaluateMade(const Node& node, Value& out) {
  std::vector<Value> given;
  switch (node.kind) {
    case NodeKind::kListLiteral:
      return List(node, out);
    case NodeKind::kMapLiteral:
      return Map(node, out);
    case NodeKind::kNewArray:
      return MakeArray(node, out);
    case NodeKind::kNewNumber:
      return MakeNumber(node, out);
    default:
      break;
  }
  if (!EvaluateAll(node, 0, given)) return false;
  const bool sized = !given.empty() && given[0].kind == Kind::kInt;  // new ArrayList(10): a hint
  if (node.kind == NodeKind::kNewBuilder) {
    if (!given.empty() && !sized && given[0].kind != Kind::kString) {
      return machine_.Fail("a StringBuilder begins with a String");
    }
    return machine_.MakeBuilder(given.empty() || sized ? "" : given[0].string->text, out);
  }
  Value ignored;
  if (node.kind == NodeKind::kNewList) {
    if (!machine_.MakeList(0, out)) return false;
    return given.empty() || sized || CallList(machine_, Method::kAddAll, *out.list, given, ignored);
  }
  if (!machine_.MakeMap(out)) return false;
  return given.empty() || sized || CallMap(machine_, Method::kPutAll, *out.map, given, ignored);
}

bool Interpreter::List(const Node& node, Value& out) {
  if (!machine_.MakeList(node.children.size(), out)) return false;
  out.list->fixed = node.type.array;
  Type item = node.type;
  item.array = false;
  ListObject& list = *out.list;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    Value value;
    if (!Evaluate(*node.children[i], value)) return false;
    machine_.At(node.line);
    if (node.type.array && !Convert(machine_, item, Conversion::kImplicit, value)) return false;
    list.items[i] = value;
  }
  return true;
}

bool Interpreter::Map(const Node& node, Value& out) {
  if (!machine_.MakeMap(out)) return false;
  MapObject& map = *out.map;
  for (std::size_t i = 0; i < node.children.size(); i += 2) {
    Value key;
    Value value;
    if (!Evaluate(*node.children[i], key) || !Evaluate(*node.children[i + 1], value)) return false;
    machine_.At(node.line);
    if (!machine_.Put(map, key, value)) return false;
  }
  return true;
}

bool Interpreter::MakeArray(const Node& node, Value& out) {
  Value size;
  std::int64_t length = 0;
  if (!Evaluate(*node.children[0], size)) return false;
  machine_.At(node.line);
  if (!AsWhole(machine_, size, "a length", length)) return false;
  if (length < 0) return machine_.Fail("a length cannot be negative");
  if (!machine_.MakeList(static_cast<std::size_t>(length), out)) return false;
  out.list->fixed = true;
  if (!node.type.primitive) return true;
  Value zero = node.type.base == Type::Base::kBool ? Value::Bool(false) : Value::Int(0);
  if (zero.numeric() && !Convert(machine_, node.type, Conversion::kCast, zero)) return false;
  std::fill(out.list->items.begin(), out.list->items.end(), zero);
  return true;
}

// new BigDecimal("2.0"), new Double("2"): a long when it is written as a whole number, else a double.
bool Interpreter::MakeNumber(const Node& node, Value& out) {
  Value given;
  if (!Evaluate(*node.children[0], given)) return false;
  machine_.At(node.line);
  if (given.kind == Kind::kString) {
    const bool decimal = node.type.base == Type::Base::kNumber;
    const std::optional<std::int64_t> whole = decimal ? ParseWhole(given.string->text) : std::nullopt;
    if (whole) {
      out = Value::Integer(Kind::kLong, *whole);
      return true;
    }
    const StaticMethod parse = node.type.base == Type::Base::kInt    ? StaticMethod::kParseInt
                               : node.type.base == Type::Base::kLong ? StaticMethod::kParseLong
                                                                     : StaticMethod::kParseDouble;
    if (!CallStatic(machine_, parse, node.type, {&given, 1}, given)) return false;
  }
  out = given;
  return Convert(machine_, node.type, Conversion::kCast, out);
}

}  // namespace mlnode::connectors::script
