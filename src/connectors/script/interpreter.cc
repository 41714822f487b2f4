#include "connectors/script/interpreter.h"

namespace mlnode::connectors::script {

bool Interpreter::Run(Value& out) { return CallFunction(program_.main, 0, out); }

bool Interpreter::CallFunction(const Function& function, std::size_t base, Value& out) {
  const bool entered = machine_.EnterCall();
  const std::size_t outer = std::exchange(base_, base);
  slots_.resize(base + static_cast<std::size_t>(function.slots));
  result_ = Value();
  const bool done = entered && Execute(*function.body) != Flow::kFailed;
  slots_.resize(base);
  base_ = outer;
  machine_.LeaveCall();
  if (!done) return false;
  out = result_;
  return function.result.base == Type::Base::kVoid || Convert(machine_, function.result, Conversion::kImplicit, out);
}

Interpreter::Flow Interpreter::Execute(const Node& node) {
  if (!machine_.Step()) return Flow::kFailed;
  if (++depth_ > kMaxDepth) {
    machine_.At(node.line);
    machine_.Exhaust("calls and expressions are nested too deeply");
    return Flow::kFailed;
  }
  const Flow flow = ExecuteOne(node);
  --depth_;
  return flow;
}

Interpreter::Flow Interpreter::ExecuteOne(const Node& node) {
  Value ignored;
  switch (node.kind) {
    case NodeKind::kBlock:
      return Block(node);
    case NodeKind::kDeclare:
      return Declare(node);
    case NodeKind::kExpression:
      return Evaluate(*node.children[0], ignored) ? Flow::kNext : Flow::kFailed;
    case NodeKind::kIf:
      return If(node);
    case NodeKind::kWhile:
    case NodeKind::kDoWhile:
    case NodeKind::kFor:
      return Loop(node);
    case NodeKind::kForEach:
      return ForEach(node);
    case NodeKind::kReturn:
      return Return(node);
    case NodeKind::kBreak:
      return Flow::kBreak;
    case NodeKind::kContinue:
      return Flow::kContinue;
    default:
      return Throw(node);
  }
}

Interpreter::Flow Interpreter::Block(const Node& node) {
  for (const NodePointer& statement : node.children) {
    const Flow flow = Execute(*statement);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::Declare(const Node& node) {
  Value value;
  if (!node.children.empty()) {
    if (!Evaluate(*node.children[0], value)) return Flow::kFailed;
    machine_.At(node.line);
    if (!Convert(machine_, node.type, Conversion::kImplicit, value)) return Flow::kFailed;
  } else if (node.type.primitive && !node.type.array) {
    // Read before it is set: a zero of its type.
    value = node.type.base == Type::Base::kBool ? Value::Bool(false) : Value::Int(0);
    if (!node.type.array && value.numeric() && !Convert(machine_, node.type, Conversion::kCast, value))
      return Flow::kFailed;
  }
  Slot(node.slot) = value;
  return Flow::kNext;
}

bool Interpreter::Test(const Node& node, bool& out) {
  Value value;
  if (!Evaluate(node, value)) return false;
  machine_.At(node.line);
  return AsBool(machine_, value, out);
}

Interpreter::Flow Interpreter::If(const Node& node) {
  bool condition = false;
  if (!Test(*node.children[0], condition)) return Flow::kFailed;
  if (condition) return Execute(*node.children[1]);
  return node.children.size() > 2 ? Execute(*node.children[2]) : Flow::kNext;
}

Interpreter::Flow Interpreter::Loop(const Node& node) {
  const bool counted = node.kind == NodeKind::kFor;
  const bool body_first = node.kind == NodeKind::kDoWhile;
  const Node& condition = *node.children[counted || body_first ? 1 : 0];
  const Node& body = *node.children[counted ? 3 : body_first ? 0 : 1];
  if (counted && Execute(*node.children[0]) == Flow::kFailed) return Flow::kFailed;
  bool go_on = true;
  for (bool first = true;; first = false) {
    if (!(first && body_first) && !Test(condition, go_on)) return Flow::kFailed;
    if (!go_on) return Flow::kNext;
    const Flow flow = Execute(body);
    if (flow == Flow::kBreak) return Flow::kNext;
    if (flow == Flow::kReturn || flow == Flow::kFailed) return flow;
    if (counted && Execute(*node.children[2]) == Flow::kFailed) return Flow::kFailed;
  }
}

Interpreter::Flow Interpreter::ForEach(const Node& node) {
  Value collection;
  if (!Evaluate(*node.children[0], collection)) return Flow::kFailed;
  machine_.At(node.line);
  if (collection.kind != Kind::kList) {
    machine_.Fail(Described(collection.kind) + " cannot be gone through");
    return Flow::kFailed;
  }
  const std::size_t size = collection.list->items.size();
  for (std::size_t i = 0; i < collection.list->items.size(); ++i) {
    Value item = collection.list->items[i];
    if (!Convert(machine_, node.type, Conversion::kImplicit, item)) return Flow::kFailed;
    Slot(node.slot) = item;
    const Flow flow = Execute(*node.children[1]);
    if (flow == Flow::kBreak) return Flow::kNext;
    if (flow == Flow::kReturn || flow == Flow::kFailed) return flow;
    machine_.At(node.line);
    if (collection.list->items.size() != size) {
      machine_.Fail("a list is changed while it is gone through");
      return Flow::kFailed;
    }
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::Return(const Node& node) {
  Value value;
  if (!node.children.empty() && !Evaluate(*node.children[0], value)) return Flow::kFailed;
  machine_.At(node.line);
  result_ = value;
  return Flow::kReturn;
}

Interpreter::Flow Interpreter::Throw(const Node& node) {
  Value message;
  std::string text = "an exception without a message";
  if (!node.children.empty()) {
    if (!Evaluate(*node.children[0], message)) return Flow::kFailed;
    text.clear();
    if (!Print(machine_, message, text)) return Flow::kFailed;
  }
  machine_.At(node.line);
  machine_.Fail(text);
  return Flow::kFailed;
}

}  // namespace mlnode::connectors::script
