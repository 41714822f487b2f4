// connectors/script/interpreter.h: runs a program. Not thread-safe; one of each run.
#pragma once

#include <vector>

#include "connectors/script/machine.h"
#include "connectors/script/methods/methods.h"
#include "connectors/script/program.h"

namespace mlnode::connectors::script {

class Interpreter {
 public:
  // Expressions and statements within one another, over all calls: what bounds the native stack. A level takes 1.1 KB
  // of it (measured 2026-11-29: clang 22, -O2).
  static constexpr int kMaxDepth = 1'000;

  Interpreter(const Program& program, Machine& machine, Value params)
      : program_(program), machine_(machine), params_(params) {}
  // False: machine.TakeError() says why.
  bool Run(Value& out);

 private:
  enum class Flow : std::uint8_t { kNext, kBreak, kContinue, kReturn, kFailed };

  // Statements (interpreter.cc). kReturn: the value is in result_.
  Flow Execute(const Node& node);
  Flow ExecuteOne(const Node& node);
  Flow Block(const Node& node);
  Flow Declare(const Node& node);
  Flow If(const Node& node);
  Flow Loop(const Node& node);  // while, do, for
  Flow ForEach(const Node& node);
  Flow Return(const Node& node);
  Flow Throw(const Node& node);
  bool Test(const Node& node, bool& out);
  // The function's arguments stand on the frame that begins at `base`.
  bool CallFunction(const Function& function, std::size_t base, Value& out);

  // Expressions (interpreter_expressions.cc).
  bool Evaluate(const Node& node, Value& out);
  bool EvaluateOne(const Node& node, Value& out);
  bool EvaluateOperator(const Node& node, Value& out);
  bool EvaluateMade(const Node& node, Value& out);
  bool Sum(const Node& node, Value& out);
  bool Logic(const Node& node, Value& out);
  bool Field(const Node& node, Value& out);
  bool ReadField(const Value& target, const StringObject& name, Value& out);
  bool Index(const Node& node, Value& out);
  bool ReadItem(const Value& target, const Value& index, Value& out);
  bool CallNamed(const Node& node, Value& out);
  bool MakeArray(const Node& node, Value& out);
  bool MakeNumber(const Node& node, Value& out);
  bool List(const Node& node, Value& out);
  bool Map(const Node& node, Value& out);
  bool EvaluateAll(const Node& node, std::size_t first, std::vector<Value>& out);

  // Assignments (interpreter_assign.cc): a variable, or a field or item whose container and key are evaluated once.
  struct Place {
    const Node* node = nullptr;
    Value container, key;
  };
  bool Locate(const Node& target, Place& out);
  bool Load(const Place& place, Value& out);
  bool Store(const Place& place, const Type& type, Value value);
  bool Assign(const Node& node, Value& out);
  bool Update(const Node& node, Value& out);
  bool Increment(const Node& node, Value& out);

  // Methods (interpreter_calls.cc).
  bool CallMethodOf(const Node& node, Value& out);
  bool WithFunction(const Node& node, const Value& target, Value& out);
  bool Visit(const Node& node, const Value& target, const Node& lambda, Value& out);
  bool Sort(const Node& lambda, ListObject& list);
  bool ComputeIfAbsent(const Node& node, const Value& target, Value& out);
  bool CallLambda(const Node& lambda, Arguments arguments, Value& out);

  Value& Slot(int slot) { return slots_[base_ + static_cast<std::size_t>(slot)]; }

  const Program& program_;
  Machine& machine_;
  Value params_;
  std::vector<Value> slots_;
  std::size_t base_ = 0;
  int depth_ = 0;
  Value result_;
};

}  // namespace mlnode::connectors::script
