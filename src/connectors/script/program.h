// connectors/script/program.h: a compiled script: functions as trees of nodes, names resolved to slots. Immutable once
// made; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connectors/script/catalogue.h"
#include "connectors/script/value.h"

namespace mlnode::connectors::script {

enum class Operator : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kRemainder,
  kShiftLeft,
  kShiftRight,
  kShiftRightZero,
  kBitAnd,
  kBitOr,
  kBitXor,
  kEqual,
  kNotEqual,
  kSame,
  kNotSame,
  kLess,
  kLessEqual,
  kMore,
  kMoreEqual,
};

enum class NodeKind : std::uint8_t {
  // Expressions.                  children
  kConstant,  // constant
  kText,      // text
  kLocal,     // slot
  kParams,
  kField,         // target; name (in text); null_safe
  kIndex,         // target, index
  kMethodCall,    // target, arguments...; method; null_safe
  kFunctionCall,  // arguments...; index of the function
  kEscapeCall,    // text
  kStaticCall,    // arguments...; static_method
  kNewBuilder,    // nothing, or what it begins with
  kNewList,       // nothing, or a collection
  kNewMap,        // nothing, or a map
  kNewNumber,     // text (BigDecimal, Double, ...)
  kNewArray,      // length; type of the items
  kListLiteral,   // items...
  kMapLiteral,    // key, value, key, value...
  kNot,           // operand
  kNegate,        // operand
  kPlus,          // operand
  kBitNot,        // operand
  kBinary,        // left, right; op
  kSum,           // operands... of one chain of `+`, at least 2
  kAnd,           // operands...
  kOr,            // operands...
  kTernary,       // condition, then, else
  kElvis,         // value, when null
  kCast,          // operand; type
  kInstanceOf,    // operand; type
  kAssign,        // target (kLocal, kField, kIndex), value; type of the variable
  kUpdate,        // target, value; op; type; `x += 1`
  kIncrement,     // target; slot: +1 or -1; prefix; type
  kLambda,        // body (expression or block); parameter slots in `slots`
  // Statements.
  kBlock,       // statements...
  kDeclare,     // nothing, or the value; slot; type
  kExpression,  // expression
  kIf,          // condition, then, [else]
  kWhile,       // condition, body
  kDoWhile,     // body, condition
  kFor,         // start, condition, step, body: each may be kBlock without statements (condition: true)
  kForEach,     // collection, body; slot; type
  kReturn,      // [value]
  kBreak,
  kContinue,
  kThrow,  // message
};

struct Node;
using NodePointer = std::unique_ptr<Node>;

struct Node {
  NodeKind kind = NodeKind::kConstant;
  Operator op = Operator::kAdd;
  Method method = Method::kToString;
  StaticMethod static_method = StaticMethod::kAbs;
  bool null_safe = false;
  bool prefix = false;
  int line = 1;
  int height = 1;  // of the tree below, itself included
  int slot = 0;
  std::size_t index = 0;
  Type type;
  Value constant;
  std::unique_ptr<StringObject> text;
  std::vector<int> slots;
  std::vector<NodePointer> children;
};

struct Function {
  std::string name;
  Type result;
  std::vector<Type> parameters;  // in slots 0, 1, ...
  int slots = 0;                 // of parameters and variables
  NodePointer body;
  int line = 1;
};

struct Program {
  std::vector<Function> functions;
  Function main;
};

}  // namespace mlnode::connectors::script
