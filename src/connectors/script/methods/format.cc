// String.format of what is simple: %s, %d, %f, %.2f, %%.
#include <array>
#include <cmath>
#include <cstdio>

#include "connectors/script/methods/methods.h"
#include "connectors/script/text.h"

namespace mlnode::connectors::script {
namespace {

constexpr int kMostDecimals = 20;

struct Directive {
  char kind = 's';
  int decimals = 6;
  std::size_t length = 0;  // in the format
};

bool Read(Machine& machine, std::string_view rest, Directive& out) {
  std::size_t at = 1;
  if (at < rest.size() && rest[at] == '.') {
    out.decimals = 0;
    for (++at; at < rest.size() && rest[at] >= '0' && rest[at] <= '9' && out.decimals <= kMostDecimals; ++at) {
      out.decimals = out.decimals * 10 + (rest[at] - '0');
    }
  }
  out.kind = at < rest.size() ? rest[at] : '\0';
  out.length = at + 1;
  const bool known = out.kind == 'f' || (at == 1 && std::string_view("sd%").find(out.kind) != std::string_view::npos);
  if (!known || out.kind == '\0' || out.decimals > kMostDecimals) {
    return machine.Fail("of String.format there are %s, %d, %f, %.2f and %%");
  }
  return true;
}

bool PrintOne(Machine& machine, const Directive& directive, const Value& value, std::string& out) {
  if (directive.kind == 's') return Print(machine, value, out);
  if (directive.kind == 'd') {
    if (!value.whole() || value.kind == Kind::kChar) return machine.Fail("%d takes a whole number");
    return Print(machine, value, out);
  }
  if (value.kind != Kind::kFloat && value.kind != Kind::kDouble) return machine.Fail("%f takes a double");
  if (!std::isfinite(value.real)) return Print(machine, value, out);
  std::array<char, 400> buffer{};  // 309 digits, a point, the decimals
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f", directive.decimals, value.real);
  out.append(buffer.data(), static_cast<std::size_t>(length));
  return machine.Take(static_cast<std::size_t>(length));
}

}  // namespace

bool FormatText(Machine& machine, Arguments arguments, Value& out) {
  const StringObject* format = nullptr;
  if (!AsString(machine, arguments[0], format)) return false;
  std::string_view rest = format->text;
  if (!machine.Take(rest.size())) return false;
  Arguments values = arguments.subspan(1);
  if (values.size() == 1 && values[0].kind == Kind::kList && values[0].list->fixed) values = values[0].list->items;
  std::string text;
  std::size_t next = 0;
  while (!rest.empty()) {
    const std::size_t mark = std::min(rest.find('%'), rest.size());
    text.append(rest.substr(0, mark));
    rest.remove_prefix(mark);
    if (rest.empty()) break;
    Directive directive;
    if (!Read(machine, rest, directive)) return false;
    rest.remove_prefix(directive.length);
    if (directive.kind == '%') {
      text.push_back('%');
      continue;
    }
    if (next == values.size()) return machine.Fail("String.format has more directives than values");
    if (!PrintOne(machine, directive, values[next++], text)) return false;
  }
  return machine.MakeTaken(std::move(text), out);
}

}  // namespace mlnode::connectors::script
