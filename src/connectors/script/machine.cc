#include "connectors/script/machine.h"

#include "connectors/script/lexer.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {

bool Machine::Fail(std::string_view what) {
  if (!error_) error_ = ScriptError(line_, what);
  return false;
}

bool Machine::Exhaust(std::string_view what) {
  if (error_) return false;
  error_ = ScriptError(line_, what);
  error_->code = Code::kResourceExhausted;
  return false;
}

bool Machine::OutOfSteps() {
  return Exhaust("the script does not end within its limit of " + std::to_string(limits_.steps) + " steps");
}

bool Machine::Take(std::size_t bytes) {
  if (bytes > limits_.bytes - bytes_) {
    return Exhaust("the script makes more than its limit of " + std::to_string(limits_.bytes) + " bytes of values");
  }
  bytes_ += bytes;
  return Work(bytes);
}

bool Machine::EnterCall() {
  ++calls_;
  if (calls_ <= limits_.depth) return true;
  return Exhaust("functions call each other more than " + std::to_string(limits_.depth) + " deep");
}

bool Machine::Make(std::string text, Value& out) { return Take(text.size()) && MakeTaken(std::move(text), out); }

bool Machine::MakeTaken(std::string text, Value& out) {
  if (!Take(kObjectBytes)) return false;
  out = Of(heap_.Make<StringObject>(std::move(text)));
  return true;
}

bool Machine::MakeList(std::size_t items, Value& out) {
  if (items > limits_.bytes / kItemBytes) return Take(limits_.bytes + 1);
  if (!Take(kObjectBytes + items * kItemBytes)) return false;
  auto* const list = heap_.Make<ListObject>();
  list->items.resize(items);
  out = Of(list);
  return true;
}

bool Machine::MakeMap(Value& out) {
  if (!Take(kObjectBytes)) return false;
  out = Of(heap_.Make<MapObject>());
  return true;
}

bool Machine::MakeBuilder(std::string_view text, Value& out) {
  if (!Take(kObjectBytes + text.size())) return false;
  auto* const builder = heap_.Make<BuilderObject>();
  builder->text = text;
  out = Of(builder);
  return true;
}

bool Machine::Append(ListObject& list, const Value& item) {
  if (!Take(kItemBytes)) return false;
  list.items.push_back(item);
  return true;
}

bool Machine::Put(MapObject& map, const Value& key, const Value& value) {
  if (key.kind > Kind::kString) return Fail("a key of a map cannot be " + Described(key.kind));
  if (!Take(kEntryBytes)) return false;
  map.Put(key, value);
  return true;
}

bool Machine::Append(BuilderObject& builder, std::string_view text) {
  if (!Take(text.size())) return false;
  AppendText(builder.text, text);
  return true;
}

bool Machine::Units(const StringObject& string, std::u16string_view& out) {
  if (string.units == nullptr) {
    if (!Take(2 * string.text.size())) return false;
    string.units = std::make_unique<const std::u16string>(ToUnits(string.text));
  }
  out = *string.units;
  return true;
}

}  // namespace mlnode::connectors::script
