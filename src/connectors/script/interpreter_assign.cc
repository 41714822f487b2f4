#include "connectors/script/interpreter.h"

namespace mlnode::connectors::script {

bool Interpreter::Locate(const Node& target, Place& out) {
  out.node = &target;
  if (target.kind == NodeKind::kLocal) return true;
  if (!Evaluate(*target.children[0], out.container)) return false;
  if (target.kind == NodeKind::kField) {
    out.key = Of(target.text.get());
  } else if (!Evaluate(*target.children[1], out.key)) {
    return false;
  }
  machine_.At(target.line);
  if (out.container.null()) return machine_.Fail("something is assigned to a field or item of null");
  return true;
}

bool Interpreter::Load(const Place& place, Value& out) {
  if (place.node->kind == NodeKind::kLocal) {
    out = Slot(place.node->slot);
    return true;
  }
  if (place.node->kind == NodeKind::kField) return ReadField(place.container, *place.node->text, out);
  return ReadItem(place.container, place.key, out);
}

bool Interpreter::Store(const Place& place, const Type& type, Value value) {
  machine_.At(place.node->line);
  if (place.node->kind == NodeKind::kLocal) {
    if (!Convert(machine_, type, Conversion::kImplicit, value)) return false;
    Slot(place.node->slot) = value;
    return true;
  }
  if (place.container.kind == Kind::kMap) return machine_.Put(*place.container.map, place.key, value);
  if (place.container.kind != Kind::kList || place.node->kind == NodeKind::kField) {
    return machine_.Fail("nothing can be assigned to a part of " + Described(place.container.kind));
  }
  std::vector<Value>& items = place.container.list->items;
  Value index = place.key;
  if (index.whole() && index.integer < 0) index.integer += static_cast<std::int64_t>(items.size());
  std::size_t at = 0;
  if (!AsIndex(machine_, index, items.size(), at)) return false;
  items[at] = value;
  return true;
}

bool Interpreter::Assign(const Node& node, Value& out) {
  Place place;
  if (!Locate(*node.children[0], place) || !Evaluate(*node.children[1], out)) return false;
  if (!Store(place, node.type, out)) return false;
  return place.node->kind != NodeKind::kLocal || Load(place, out);
}

// x += y: as x = (type of x) (x + y).
bool Interpreter::Update(const Node& node, Value& out) {
  Place place;
  Value before;
  Value by;
  if (!Locate(*node.children[0], place) || !Load(place, before) || !Evaluate(*node.children[1], by)) return false;
  machine_.At(node.line);
  const bool texts = node.op == Operator::kAdd && (before.kind == Kind::kString || by.kind == Kind::kString);
  if (texts) {
    std::string text;
    if (!Print(machine_, before, text) || !Print(machine_, by, text)) return false;
    if (!machine_.MakeTaken(std::move(text), out)) return false;
  } else if (!Apply(machine_, node.op, before, by, out)) {
    return false;
  }
  if (node.type.primitive && !Convert(machine_, node.type, Conversion::kCast, out)) return false;
  return Store(place, node.type, out);
}

bool Interpreter::Increment(const Node& node, Value& out) {
  Place place;
  Value before;
  Value after;
  if (!Locate(*node.children[0], place) || !Load(place, before)) return false;
  machine_.At(node.line);
  if (!Apply(machine_, Operator::kAdd, before, Value::Int(node.slot), after)) return false;
  if (node.type.primitive && !Convert(machine_, node.type, Conversion::kCast, after)) return false;
  out = node.prefix ? after : before;
  return Store(place, node.type, after);
}

}  // namespace mlnode::connectors::script
