#include "rest/route_table.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "core/log.h"
#include "core/similar_names.h"

namespace mlnode::rest {
namespace {

std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (slash != 0) segments.push_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return segments;
}

bool IsPlaceholder(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }

Error Unrecognized(const RequestContext& context, const std::set<std::string_view>& names,
                   const std::vector<std::string_view>& known) {
  std::vector<std::string> parts;
  for (const std::string_view name : names) {
    const std::string meant = DidYouMean(name, known);
    parts.push_back(fmt::format("[{}]{}{}", name, meant.empty() ? "" : " ->", meant));
  }
  return MakeError(Code::kInvalidArgument,
                   fmt::format("request [{}] contains unrecognized parameter{}: {}", context.path,
                               parts.size() > 1 ? "s" : "", fmt::join(parts, ", ")));
}

[[noreturn]] void DieBadRoute(const Route& route, const char* why) {
  LOG_ERROR("rest", "route {} {}: {}", route.method, route.pattern, why);
  std::abort();
}

}  // namespace

struct RouteTable::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> exact;
  std::unique_ptr<Node> any;
  std::map<std::string, const Route*, std::less<>> methods;

  Node& Child(std::string_view segment) {
    std::unique_ptr<Node>& child = IsPlaceholder(segment) ? any : exact[std::string(segment)];
    if (!child) child = std::make_unique<Node>();
    return *child;
  }
  // The node that has methods for these segments; an exact segment is tried first.
  const Node* Match(const std::vector<std::string_view>& segments, std::size_t at) const {
    if (at == segments.size()) return methods.empty() ? nullptr : this;
    if (const auto found = exact.find(segments[at]); found != exact.end()) {
      if (const Node* node = found->second->Match(segments, at + 1)) return node;
    }
    return any ? any->Match(segments, at + 1) : nullptr;
  }
};

RouteTable::RouteTable() : root_(std::make_unique<Node>()) {}
RouteTable::~RouteTable() = default;

void RouteTable::Add(Route route) {
  if (static_cast<bool>(route.handler) == static_cast<bool>(route.async)) DieBadRoute(route, "needs one handler");
  Node* node = root_.get();
  for (const std::string_view segment : Segments(route.pattern)) node = &node->Child(segment);
  route.index = routes_.size();
  routes_.push_back(std::make_unique<Route>(std::move(route)));
  const Route& added = *routes_.back();
  if (!node->methods.emplace(added.method, &added).second) DieBadRoute(added, "is there already");
}

void RouteTable::AddAlias(std::string_view old_pattern, const Route& route) {
  Route alias = route;
  alias.replaced_by = route.pattern;
  alias.pattern = old_pattern;
  Add(std::move(alias));
}

Result<RouteMatch> RouteTable::Find(std::string_view method, std::string_view path) const {
  const std::vector<std::string_view> segments = Segments(path);
  RouteMatch match;
  const Node* node = root_->Match(segments, 0);
  if (node == nullptr) return match;
  const auto found = node->methods.find(method);
  if (found == node->methods.end()) {
    for (const auto& [name, route] : node->methods) match.allowed.push_back(name);
    return match;
  }
  match.route = found->second;
  const std::vector<std::string_view> pattern = Segments(match.route->pattern);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!IsPlaceholder(pattern[i])) continue;
    ASSIGN_OR_RETURN(std::string value, PercentDecode(segments[i], false));
    match.path_params.emplace_back(pattern[i].substr(1, pattern[i].size() - 2), std::move(value));
  }
  return match;
}

Status CheckQueryParams(const RequestContext& context) {
  if (context.query_params.empty()) return {};
  std::vector<std::string_view> known(kCommonParams.begin(), kCommonParams.end());
  known.insert(known.end(), context.route->params.begin(), context.route->params.end());
  std::set<std::string_view> unknown;
  for (const auto& [name, value] : context.query_params) {
    if (std::find(known.begin(), known.end(), name) == known.end()) unknown.insert(name);
  }
  if (unknown.empty()) return {};
  for (const auto& [name, value] : context.path_params) known.push_back(name);
  return Unrecognized(context, unknown, known);
}

Status CheckPathRead(const RequestContext& context) {
  std::set<std::string_view> unread;
  for (const auto& [name, value] : context.path_params) unread.insert(name);
  if (unread.empty()) return {};
  return Unrecognized(context, unread, {});
}

Status CheckBody(const RequestContext& context, std::size_t body_bytes) {
  const Route& route = *context.route;
  if (body_bytes == 0) return {};
  if (route.body == BodyUse::kNone) {
    return MakeError(Code::kInvalidArgument,
                     fmt::format("request [{} {}] does not support having a body", route.method, context.path));
  }
  if (body_bytes <= route.max_body_bytes) return {};
  if (!route.too_large.empty()) return MakeError(Code::kTooLarge, route.too_large);
  return MakeError(Code::kTooLarge, fmt::format("request body of {} bytes is larger than the limit of {} bytes",
                                                body_bytes, route.max_body_bytes));
}

}  // namespace mlnode::rest
