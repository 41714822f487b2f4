#include "connectors/mapping/path_shape.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/json.h"

namespace mlnode::connectors {
namespace {

// What the peer reads in a name after a dot, without what would be an operator.
bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         static_cast<unsigned char>(c) >= 0x80U;
}

// Reads plain steps from the front of a path; stops before anything else.
class StepReader {
 public:
  explicit StepReader(std::string_view rest) : rest_(rest) {}
  std::optional<PathStep> Next() {
    if (rest_.starts_with("..")) return std::nullopt;
    if (rest_.starts_with(".*")) return Take(2, PathStep(EveryChild{}));
    if (rest_.starts_with("[*]")) return Take(3, PathStep(EveryChild{}));
    if (rest_.starts_with('.')) return Name();
    if (rest_.starts_with("['") || rest_.starts_with("[\"")) return QuotedName();
    if (rest_.starts_with('[')) return Index();
    return std::nullopt;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::optional<PathStep> Take(std::size_t bytes, PathStep step) {
    rest_.remove_prefix(bytes);
    return step;
  }
  std::optional<PathStep> Name() {
    std::size_t end = 1;
    while (end < rest_.size() && IsNameCharacter(rest_[end])) ++end;
    if (end == 1) return std::nullopt;
    if (end < rest_.size() && rest_[end] != '.' && rest_[end] != '[') return std::nullopt;
    return Take(end, PathStep(std::string(rest_.substr(1, end - 1))));
  }
  // A name with an escape in it is the crate's to read.
  std::optional<PathStep> QuotedName() {
    const std::size_t end = rest_.find(rest_[1], 2);
    if (end == std::string_view::npos || !rest_.substr(end + 1).starts_with(']')) return std::nullopt;
    const std::string_view name = rest_.substr(2, end - 2);
    const auto special = [](char c) { return c == '\\' || static_cast<unsigned char>(c) < 0x20U; };
    if (std::ranges::any_of(name, special)) return std::nullopt;
    return Take(end + 2, PathStep(std::string(name)));
  }
  std::optional<PathStep> Index() {
    const std::size_t close = rest_.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view text = rest_.substr(1, close - 1);
    std::int64_t index = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (failed != std::errc() || end != text.data() + text.size() || std::to_string(index) != text) return std::nullopt;
    return Take(close + 1, PathStep(index));
  }
  std::string_view rest_;
};

// In brackets and single quotes, as every reader of JSONPath takes it.
std::string Written(const PathStep& step) {
  if (const auto* index = std::get_if<std::int64_t>(&step)) return "[" + std::to_string(*index) + "]";
  const auto* name = std::get_if<std::string>(&step);
  if (name == nullptr) return "[*]";
  std::string text = "['";
  for (const char c : *name) {
    if (c == '\'') text += '\\';
    text += c;
  }
  return text + "']";
}

Error NoPath(std::string_view why) { return MakeError(Code::kInvalidArgument, "JSONPath: " + std::string(why)); }

// Goes through what the steps left, outside quotes.
class CostReader {
 public:
  Result<std::uint64_t> Read(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\'' || text[i] == '"') {
        ASSIGN_OR_RETURN(i, CloseQuote(text, i));
        continue;
      }
      RETURN_IF_ERROR(Character(text, i));
    }
    if (depth_ != 0) return NoPath("a bracket is left open");
    return Factor();
  }

 private:
  static Result<std::size_t> CloseQuote(std::string_view text, std::size_t begin) {
    for (std::size_t i = begin + 1; i < text.size(); ++i) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == text[begin])
        return i;
    }
    return NoPath("a quote is left open");
  }
  Status Character(std::string_view text, std::size_t i) {
    switch (text[i]) {
      case '[':
      case '(':
        if (++depth_ > kMaxPathNesting)
          return NoPath("brackets more than " + std::to_string(kMaxPathNesting) + " deep");
        return {};
      case ']':
      case ')':
        return --depth_ < 0 ? Status(NoPath("a bracket is closed that was not opened")) : Status();
      case ',':
        return ++commas_, Status();
      case '@':
        return ++operands_, Status();
      case '$':
        ++operands_;
        return root_ = true, Status();
      case '.':
        if (!text.substr(i).starts_with("..")) return {};
        ++descents_;
        return Several();
      case '?':
        ++filters_;
        return Several();
      case '*':
      case ':':
        return Several();
      default:
        return {};
    }
  }
  Status Several() const {
    return root_ ? Status(NoPath("a query inside a filter may lead from $ to one value only")) : Status();
  }
  // Each `..` after the first, and each in a filter, finds a value once for each of the values around it, at most
  // kMaxJsonDepth; each comma may double what the steps before it found; each operand of a filter is followed.
  std::uint64_t Factor() const {
    const int beyond_first = std::max(0, descents_ - 1) + std::max(0, filters_ - 1);
    const int bits = std::min(6 * beyond_first + commas_, 40);
    return (std::uint64_t{1} << bits) * std::max<std::uint64_t>(1, operands_);
  }
  std::uint64_t operands_ = 0;
  int depth_ = 0, commas_ = 0, descents_ = 0, filters_ = 0;
  bool root_ = false;
};
static_assert(kMaxJsonDepth <= 64, "six bits");

}  // namespace

Result<PathShape> ShapeOf(std::string_view path) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!path.empty() && space(path.front())) path.remove_prefix(1);
  while (!path.empty() && space(path.back())) path.remove_suffix(1);
  if (path.empty()) return NoPath("it is empty");
  const std::string text =
      path.starts_with('$') ? std::string(path.substr(1)) : (path.starts_with('[') ? "" : ".") + std::string(path);
  PathShape shape;
  shape.path = "$";
  StepReader reader(text);
  while (auto step = reader.Next()) {
    if (std::holds_alternative<EveryChild>(*step)) shape.definite = false;
    shape.path += Written(*step);
    shape.steps.push_back(*std::move(step));
  }
  shape.path += reader.rest();
  shape.only_steps = reader.rest().empty();
  if (shape.only_steps) return shape;
  CostReader cost;
  ASSIGN_OR_RETURN(shape.factor, cost.Read(reader.rest()));
  // What is left is a search, or a name that only the crate reads (['it\'s']).
  const auto several = reader.rest().find_first_of("*:,?");
  if (several != std::string_view::npos || reader.rest().find("..") != std::string_view::npos) shape.definite = false;
  return shape;
}

}  // namespace mlnode::connectors
