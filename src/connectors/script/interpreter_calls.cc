#include <array>

#include "connectors/script/interpreter.h"

namespace mlnode::connectors::script {

bool Interpreter::CallMethodOf(const Node& node, Value& out) {
  Value target;
  if (!Evaluate(*node.children[0], target)) return false;
  machine_.At(node.line);
  if (target.null()) {
    out = Value();
    return node.null_safe || machine_.Fail("a method is called on null");
  }
  if (node.children.size() > 1 && node.children.back()->kind == NodeKind::kLambda)
    return WithFunction(node, target, out);
  constexpr std::size_t kMost = 3;  // of the catalogue's methods
  std::array<Value, kMost> arguments;
  const std::size_t count = node.children.size() - 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (!Evaluate(*node.children[i + 1], arguments.at(i))) return false;
  }
  machine_.At(node.line);
  out = Value();
  if (node.method == Method::kSort && target.kind == Kind::kList && arguments[0].null()) {
    return SortNaturally(machine_, target.list->items);
  }
  return CallMethod(machine_, node.method, target, {arguments.data(), count}, out);
}

bool Interpreter::CallLambda(const Node& lambda, Arguments arguments, Value& out) {
  if (lambda.slots.size() != arguments.size()) {
    return machine_.Fail("the function is given " + std::to_string(arguments.size()) + " values");
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) Slot(lambda.slots[i]) = arguments[i];
  const Node& body = *lambda.children[0];
  if (body.kind != NodeKind::kBlock) return Evaluate(body, out);
  result_ = Value();
  const Flow flow = Execute(body);
  if (flow == Flow::kFailed) return false;
  out = flow == Flow::kReturn ? result_ : Value();
  return true;
}

bool Interpreter::WithFunction(const Node& node, const Value& target, Value& out) {
  const Node& lambda = *node.children.back();
  out = Value();
  if (node.method == Method::kComputeIfAbsent) return ComputeIfAbsent(node, target, out);
  if (node.method == Method::kSort && target.kind == Kind::kList) return Sort(lambda, *target.list);
  if (node.method == Method::kForEach && target.kind == Kind::kMap) {
    Value entries;
    if (!CallMap(machine_, Method::kEntrySet, *target.map, {}, entries)) return false;
    for (const Value& entry : entries.list->items) {
      const std::array<Value, 2> pair = {entry.entry->key, entry.entry->value};
      Value ignored;
      if (!CallLambda(lambda, pair, ignored)) return false;
    }
    return true;
  }
  if (target.kind != Kind::kList || node.method == Method::kSort) return NoSuchMethod(machine_, target);
  return Visit(node, target, lambda, out);
}

// forEach, any, every, find, findAll, collect, removeIf: one item after the other, of the list as it was.
bool Interpreter::Visit(const Node& node, const Value& target, const Node& lambda, Value& out) {
  if (node.method == Method::kRemoveIf && target.list->fixed) return machine_.Fail("an array does not shrink");
  const std::array<Value, 2> whole = {Value::Int(0), Value::Int(static_cast<std::int64_t>(target.list->items.size()))};
  Value items;
  Value made;
  if (!CallList(machine_, Method::kSubList, *target.list, whole, items) || !machine_.MakeList(0, made)) return false;
  const bool asks = node.method != Method::kForEach && node.method != Method::kCollect;
  for (const Value& item : items.list->items) {
    Value answer;
    bool yes = false;
    if (!CallLambda(lambda, {&item, 1}, answer)) return false;
    machine_.At(node.line);
    if (asks && !AsBool(machine_, answer, yes)) return false;
    if (node.method == Method::kAny && yes) return out = Value::Bool(true), true;
    if (node.method == Method::kEvery && !yes) return out = Value::Bool(false), true;
    if (node.method == Method::kFind && yes) return out = item, true;
    const bool keeps = node.method == Method::kCollect || (node.method == Method::kFindAll && yes) ||
                       (node.method == Method::kRemoveIf && !yes);
    if (keeps && !machine_.Append(*made.list, asks ? item : answer)) return false;
  }
  if (node.method == Method::kAny || node.method == Method::kEvery) out = Value::Bool(node.method == Method::kEvery);
  if (node.method == Method::kCollect || node.method == Method::kFindAll) out = made;
  if (node.method == Method::kRemoveIf) {
    out = Value::Bool(made.list->items.size() != target.list->items.size());
    target.list->items = made.list->items;
  }
  return true;
}

bool Interpreter::Sort(const Node& lambda, ListObject& list) {
  struct Context {
    Interpreter* interpreter;
    const Node* lambda;
  } context = {this, &lambda};
  const Comparison compare = [](void* given, const Value& left, const Value& right, int& out) {
    const auto& [interpreter, function] = *static_cast<Context*>(given);
    const std::array<Value, 2> pair = {left, right};
    Value answer;
    std::int64_t order = 0;
    if (!interpreter->CallLambda(*function, pair, answer)) return false;
    interpreter->machine_.At(function->line);
    if (!AsWhole(interpreter->machine_, answer, "an order", order)) return false;
    out = order < 0 ? -1 : order > 0 ? 1 : 0;
    return true;
  };
  return SortItems(machine_, list.items, compare, &context);
}

bool Interpreter::ComputeIfAbsent(const Node& node, const Value& target, Value& out) {
  Value key;
  if (target.kind != Kind::kMap) return NoSuchMethod(machine_, target);
  if (!Evaluate(*node.children[1], key)) return false;
  machine_.At(node.line);
  if (!CallMap(machine_, Method::kGet, *target.map, {&key, 1}, out)) return false;
  if (!out.null()) return true;
  if (!CallLambda(*node.children.back(), {&key, 1}, out)) return false;
  return out.null() || machine_.Put(*target.map, key, out);
}

}  // namespace mlnode::connectors::script
