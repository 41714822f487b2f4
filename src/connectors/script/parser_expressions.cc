#include <array>
#include <utility>

#include "connectors/script/parser.h"

namespace mlnode::connectors::script {
namespace {

struct Level {
  std::string_view symbol;
  Operator op;
};
// Lowest first; &&, || and + stand apart, as chains.
constexpr int kOrLevel = 0;
constexpr int kAndLevel = 1;
constexpr int kSumLevel = 8;
constexpr std::array<std::pair<int, Level>, 18> kBinary = {{
    {2, {"|", Operator::kBitOr}},
    {3, {"^", Operator::kBitXor}},
    {4, {"&", Operator::kBitAnd}},
    {5, {"==", Operator::kEqual}},
    {5, {"!=", Operator::kNotEqual}},
    {5, {"===", Operator::kSame}},
    {5, {"!==", Operator::kNotSame}},
    {6, {"<", Operator::kLess}},
    {6, {"<=", Operator::kLessEqual}},
    {6, {">", Operator::kMore}},
    {6, {">=", Operator::kMoreEqual}},
    {7, {"<<", Operator::kShiftLeft}},
    {7, {">>", Operator::kShiftRight}},
    {7, {">>>", Operator::kShiftRightZero}},
    {8, {"-", Operator::kSubtract}},
    {9, {"*", Operator::kMultiply}},
    {9, {"/", Operator::kDivide}},
    {9, {"%", Operator::kRemainder}},
}};
constexpr int kCompareLevel = 6;

constexpr std::array<std::pair<std::string_view, Operator>, 11> kUpdates = {{
    {"+=", Operator::kAdd},
    {"-=", Operator::kSubtract},
    {"*=", Operator::kMultiply},
    {"/=", Operator::kDivide},
    {"%=", Operator::kRemainder},
    {"&=", Operator::kBitAnd},
    {"|=", Operator::kBitOr},
    {"^=", Operator::kBitXor},
    {"<<=", Operator::kShiftLeft},
    {">>=", Operator::kShiftRight},
    {">>>=", Operator::kShiftRightZero},
}};

std::vector<NodePointer> One(NodePointer child) {
  std::vector<NodePointer> only;
  only.push_back(std::move(child));
  return only;
}

std::vector<NodePointer> Two(NodePointer first, NodePointer second) {
  std::vector<NodePointer> both;
  both.push_back(std::move(first));
  both.push_back(std::move(second));
  return both;
}

bool Assignable(const Node& node) {
  return (node.kind == NodeKind::kLocal || node.kind == NodeKind::kField || node.kind == NodeKind::kIndex) &&
         !node.null_safe;
}

}  // namespace

Parser::Parsed Parser::ParseExpression() {
  if (++nesting_ > kMaxNesting) return Wrong("expressions or statements are nested too deeply");
  ASSIGN_OR_RETURN(NodePointer left, ParseTernary());
  ASSIGN_OR_RETURN(left, ParseAssignment(std::move(left)));
  --nesting_;
  return left;
}

Parser::Parsed Parser::ParseAssignment(NodePointer target) {
  const int line = Peek().line;
  NodeKind kind = NodeKind::kAssign;
  Operator op = Operator::kAdd;
  if (!Is("=")) {
    const auto* const update =
        std::find_if(kUpdates.begin(), kUpdates.end(), [&](const auto& row) { return Is(row.first); });
    if (update == kUpdates.end()) return target;
    kind = NodeKind::kUpdate;
    op = update->second;
  }
  if (!Assignable(*target)) return Wrong("nothing can be assigned to what stands before '" + Peek().text + "'");
  ++at_;
  const Type type = target->type;
  ASSIGN_OR_RETURN(NodePointer value, ParseExpression());
  ASSIGN_OR_RETURN(NodePointer node, WithChildren(kind, line, Two(std::move(target), std::move(value))));
  node->op = op;
  node->type = type;
  return node;
}

Parser::Parsed Parser::ParseTernary() {
  ASSIGN_OR_RETURN(NodePointer left, ParseBinary(kOrLevel));
  const int line = Peek().line;
  if (Accept("?:")) {
    if (++nesting_ > kMaxNesting) return Wrong("expressions or statements are nested too deeply");
    ASSIGN_OR_RETURN(NodePointer otherwise, ParseTernary());
    --nesting_;
    return WithChildren(NodeKind::kElvis, line, Two(std::move(left), std::move(otherwise)));
  }
  if (!Accept("?")) return left;
  ASSIGN_OR_RETURN(NodePointer then, ParseExpression());
  RETURN_IF_ERROR(Expect(":"));
  ASSIGN_OR_RETURN(NodePointer otherwise, ParseExpression());
  std::vector<NodePointer> parts = Two(std::move(left), std::move(then));
  parts.push_back(std::move(otherwise));
  return WithChildren(NodeKind::kTernary, line, std::move(parts));
}

// a && b && c, a + b + c: one node, however long.
Parser::Parsed Parser::ParseChain(NodePointer first, NodeKind kind, std::string_view symbol, int level) {
  const int line = Peek().line;
  std::vector<NodePointer> operands;
  operands.push_back(std::move(first));
  while (Accept(symbol)) {
    ASSIGN_OR_RETURN(NodePointer operand, ParseBinary(level + 1));
    operands.push_back(std::move(operand));
  }
  return WithChildren(kind, line, std::move(operands));
}

// By precedence climbing: one level of recursion an operand, not one a level of precedence.
Parser::Parsed Parser::ParseBinary(int least) {
  ASSIGN_OR_RETURN(NodePointer left, ParseUnary());
  while (true) {
    const int line = Peek().line;
    if (Is("=~") || Is("==~")) return Wrong("regular expressions are outside the subset");
    if (Is("||") && least <= kOrLevel) {
      ASSIGN_OR_RETURN(left, ParseChain(std::move(left), NodeKind::kOr, "||", kOrLevel));
    } else if (Is("&&") && least <= kAndLevel) {
      ASSIGN_OR_RETURN(left, ParseChain(std::move(left), NodeKind::kAnd, "&&", kAndLevel));
    } else if (Is("+") && least <= kSumLevel) {
      ASSIGN_OR_RETURN(left, ParseChain(std::move(left), NodeKind::kSum, "+", kSumLevel));
    } else if (IsWord("instanceof") && least <= kCompareLevel) {
      ++at_;
      ASSIGN_OR_RETURN(const Type type, ExpectType());
      ASSIGN_OR_RETURN(left, WithChildren(NodeKind::kInstanceOf, line, One(std::move(left))));
      left->type = type;
    } else {
      const auto* const row = std::find_if(kBinary.begin(), kBinary.end(), [&](const auto& candidate) {
        return candidate.first >= least && Is(candidate.second.symbol);
      });
      if (row == kBinary.end()) return left;
      ++at_;
      ASSIGN_OR_RETURN(NodePointer right, ParseBinary(row->first + 1));
      ASSIGN_OR_RETURN(left, WithChildren(NodeKind::kBinary, line, Two(std::move(left), std::move(right))));
      left->op = row->second.op;
    }
  }
}

bool Parser::CastAhead() const {
  Type type;
  const std::size_t length = Is("(") ? TypeAt(1, type) : 0;
  if (length == 0 || !Is(")", length + 1)) return false;
  const Token& next = Peek(length + 2);
  // (int) -1 is a cast, (x) - 1 is none: x is no type.
  return next.kind == TokenKind::kWord || next.kind == TokenKind::kText || next.kind == TokenKind::kWhole ||
         next.kind == TokenKind::kReal || next.text == "(" || next.text == "[" || next.text == "!" ||
         next.text == "~" || next.text == "-" || next.text == "+";
}

Parser::Parsed Parser::ParseUnary() {
  if (++nesting_ > kMaxNesting) return Wrong("expressions or statements are nested too deeply");
  const int line = Peek().line;
  constexpr std::array<std::pair<std::string_view, NodeKind>, 4> kUnaries = {
      {{"!", NodeKind::kNot}, {"-", NodeKind::kNegate}, {"+", NodeKind::kPlus}, {"~", NodeKind::kBitNot}}};
  const auto* const unary =
      std::find_if(kUnaries.begin(), kUnaries.end(), [&](const auto& row) { return Is(row.first); });
  NodePointer node;
  if (unary != kUnaries.end() || CastAhead()) {
    Type type;
    ++at_;
    if (unary == kUnaries.end()) {
      ASSIGN_OR_RETURN(type, ExpectType());
      RETURN_IF_ERROR(Expect(")"));
    } else if (unary->second == NodeKind::kNegate && Peek().kind == TokenKind::kWhole) {
      tokens_[at_].text.insert(0, "-");  // so that the least of the numbers can be written
      ASSIGN_OR_RETURN(node, ParsePostfix());
      --nesting_;
      return node;
    }
    ASSIGN_OR_RETURN(NodePointer operand, ParseUnary());
    const NodeKind kind = unary == kUnaries.end() ? NodeKind::kCast : unary->second;
    ASSIGN_OR_RETURN(node, WithChildren(kind, line, One(std::move(operand))));
    node->type = type;
  } else if (Is("++") || Is("--")) {
    const int by = Is("++") ? 1 : -1;
    ++at_;
    ASSIGN_OR_RETURN(NodePointer target, ParseUnary());
    ASSIGN_OR_RETURN(node, ParseStep(std::move(target), by, true, line));
  } else {
    ASSIGN_OR_RETURN(node, ParsePostfix());
    if (Is("++") || Is("--")) {
      const int by = Is("++") ? 1 : -1;
      ++at_;
      ASSIGN_OR_RETURN(node, ParseStep(std::move(node), by, false, line));
    }
  }
  --nesting_;
  return node;
}

Parser::Parsed Parser::ParseStep(NodePointer target, int by, bool prefix, int line) {
  if (!Assignable(*target)) return ScriptError(line, "only a variable, a field or an item can be counted up or down");
  const Type type = target->type;
  ASSIGN_OR_RETURN(NodePointer node, WithChildren(NodeKind::kIncrement, line, One(std::move(target))));
  node->slot = by;
  node->prefix = prefix;
  node->type = type;
  return node;
}

}  // namespace mlnode::connectors::script
