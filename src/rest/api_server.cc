#include "rest/api_server.h"

#include <algorithm>
#include <charconv>
#include <exception>

#include "core/log.h"
#include "core/utf8.h"
#include "rest/cluster/peers.h"
#include "rest/content/convert.h"
#include "rest/content_type.h"
#include "rest/error_body.h"
#include "rest/filter_path.h"
#include "rest/version.h"

namespace mlnode::rest {
namespace {

constexpr std::size_t kMaxRequestIdBytes = 256;
// A refused body up to this size is read all the same: answering in order keeps the connection usable.
constexpr std::size_t kRefuseEarlyBytes = 64UL * 1024;
constexpr std::size_t kHashHereBytes = 32UL * 1024;  // SHA-256 on an io thread: below 100 microseconds

constexpr std::string_view kMethods[] = {"GET",  "POST",  "PUT",   "DELETE", "OPTIONS",
                                         "HEAD", "PATCH", "TRACE", "CONNECT"};

bool IsKnownMethod(std::string_view method) {
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

// Goes into logs, headers and error bodies: those must stay readable.
bool IsPrintable(std::string_view id) {
  const bool control = std::any_of(id.begin(), id.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return !control && IsValidUtf8(id);
}

std::size_t DeclaredBytes(const net::HttpRequest& head) {
  const auto header = head.headers.Find("Content-Length");
  std::size_t bytes = 0;
  if (header) std::from_chars(header->data(), header->data() + header->size(), bytes);
  return bytes;
}

std::string DeprecationWarning(const Route& route) {
  return fmt::format("299 OpenSearch-{}-unknown \"[{} {}] is deprecated! Use [{} {}] instead.\"", kCompatibleVersion,
                     route.method, route.pattern, route.method, route.replaced_by);
}

net::HttpReply NoRouteReply(const net::HttpRequest& request, std::string_view path, const RouteMatch& match) {
  if (!IsKnownMethod(request.method)) return UnknownMethodReply(match.allowed);
  if (match.allowed.empty()) return NoHandlerReply(path, request.method);
  if (request.method == "OPTIONS") return OptionsReply(match.allowed);
  return WrongMethodReply(request.target, request.method, match.allowed);
}

// The format of an answer to a request that has no context yet.
ContentFormat AnswerFormatOf(const net::HttpRequest& head) {
  RequestContext context;
  if (auto target = ParseTarget(head.target)) context.query_params = std::move(target->query);
  return AnswerFormat(head.headers, context.Query("format"));
}

Error TooManyWait() {
  Error full = MakeError(Code::kResourceExhausted, "too many requests are waiting on this node");
  full.retry_after = std::chrono::seconds(1);
  return full;
}

// Runs a handler; what it throws is a bug and becomes an internal error that names the request.
template <class Call>
Result<net::HttpReply> RunGuarded(const RequestContext& context, Call call) {
  std::string what;
  try {
    return call();
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
    what = "an exception that is no std::exception";
  }
  return Error{.code = Code::kInternal,
               .message = fmt::format("internal error; the log has more under request id {}", context.request_id),
               .detail = std::move(what)};
}

}  // namespace

ApiServer::ApiServer(std::unique_ptr<RouteTable> routes, Environment environment)
    : routes_(std::move(routes)),
      environment_(std::move(environment)),
      telemetry_(*routes_, environment_.metrics, environment_.clock),
      id_prefix_(fmt::format("{:08x}", environment_.random.Next() & 0xffffffffU)) {}

std::string ApiServer::RequestId(const net::HttpRequest& request) {
  if (const auto given = request.headers.Find("X-Opaque-Id"); given && !given->empty() && IsPrintable(*given)) {
    return std::string(TruncateUtf8(*given, kMaxRequestIdBytes));
  }
  return fmt::format("{}-{}", id_prefix_, next_id_.fetch_add(1, std::memory_order_relaxed));
}

std::optional<net::HttpReply> ApiServer::CheckHead(const net::HttpRequest& head) {
  const rest::Route* route = nullptr;
  auto refused = RefuseHead(head, route);
  if (!refused) return std::nullopt;
  telemetry_.RecordRefusal(route, refused->status);
  PrintAnswer(AnswerFormatOf(head), *refused);
  return refused;
}

std::optional<net::HttpReply> ApiServer::RefuseHead(const net::HttpRequest& head, const rest::Route*& route) const {
  const std::size_t bytes = DeclaredBytes(head);
  if (bytes <= kRefuseEarlyBytes) return std::nullopt;
  const auto target = ParseTarget(head.target);
  if (!target) return InvalidUriReply();
  const auto match = routes_->Find(head.method, target->path);
  if (!match) return InvalidUriReply();
  if (match->route == nullptr) return NoRouteReply(head, target->path, *match);
  route = match->route;
  if (auto refused = RefuseContentType(head.headers, match->route->body)) return refused;
  const bool packed = head.headers.Find("Content-Encoding").has_value();  // then the declared size says little
  RequestContext context{.exchange = nullptr,
                         .route = match->route,
                         .path = target->path,
                         .path_params = {},
                         .query_params = {},
                         .request_id = {},
                         .trace = {}};
  if (const Status body = CheckBody(context, packed ? 0 : bytes); !body) return ErrorReply(body.error(), false);
  return std::nullopt;
}

std::optional<net::HttpReply> ApiServer::Route(RequestContext& context) const {
  const net::HttpRequest& request = context.http();
  auto target = ParseTarget(request.target);
  if (!target) return InvalidUriReply();
  context.path = target->path;
  context.query_params = std::move(target->query);
  auto match = routes_->Find(request.method, context.path);
  if (!match) return InvalidUriReply();
  if (match->route == nullptr) return NoRouteReply(request, context.path, *match);
  context.route = match->route;
  context.path_params = std::move(match->path_params);
  return std::nullopt;
}

std::optional<net::HttpReply> ApiServer::Check(const RequestContext& context) const {
  if (!context.body().empty()) {
    if (auto refused = RefuseContentType(context.http().headers, context.route->body)) return refused;
  }
  if (const Status params = CheckQueryParams(context); !params) return ErrorReply(params.error(), context.Pretty());
  if (const Status paths = CheckFilterPath(context.Query("filter_path").value_or("")); !paths) {
    return ErrorReply(paths.error(), context.Pretty());
  }
  if (const Status body = CheckBody(context, context.body().size()); !body) {
    return ErrorReply(body.error(), context.Pretty());
  }
  return std::nullopt;
}

void ApiServer::Handle(std::shared_ptr<net::HttpExchange> exchange) {
  auto context = std::make_shared<RequestContext>();
  context->exchange = std::move(exchange);
  context->request_id = RequestId(context->http());
  if (!context->http().headers.Find(net::kPeerHeader)) return Begin(std::move(context));
  if (context->http().body.size() <= kHashHereBytes) return CheckPeer(std::move(context));
  if (!environment_.cpu.Post([this, context] { CheckPeer(context); })) FinishResult(*context, TooManyWait());
}

void ApiServer::CheckPeer(std::shared_ptr<RequestContext> context) {
  const net::HttpRequest& request = context->http();
  const std::string_view header = request.headers.Find(net::kPeerHeader).value_or("");
  Result<NodeId> sender =
      environment_.verifier == nullptr || request.headers.Count(net::kPeerHeader) != 1
          ? MakeError(Code::kPermissionDenied, fmt::format("{} is not valid here", net::kPeerHeader))
          : environment_.verifier->Check(header, {.method = request.method,
                                                  .target = request.target,
                                                  .body = request.body,
                                                  .headers = &request.headers});
  if (sender) {
    context->peer = *std::move(sender);
    return Begin(std::move(context));
  }
  LOG_WARN("rest", "request {} from {} says that it comes from a node of the cluster: {} {}", context->request_id,
           request.peer, sender.error().message, sender.error().detail);
  context->reply_headers.Add(std::string(kRefusedHeader), "1");
  FinishResult(*context, std::move(sender).error());
}

void ApiServer::Begin(std::shared_ptr<RequestContext> context) {
  if (auto reply = Route(*context)) return Finish(*context, *std::move(reply));
  if (auto reply = Check(*context)) return Finish(*context, *std::move(reply));
  Dispatch(std::move(context));
}

void ApiServer::Dispatch(std::shared_ptr<RequestContext> context) {
  const bool async = static_cast<bool>(context->route->async);
  if (async && !NeedsConversion(*context)) return StartAsync(context);
  Executor& executor = async ? environment_.cpu : environment_.background;
  const bool posted = executor.Post([this, context, async] {
    if (async) return StartAsync(context);
    const LogRequestScope scope(context->request_id);
    FinishResult(*context, RunGuarded(*context, [&]() -> Result<net::HttpReply> {
      RETURN_IF_ERROR(ReadBody(*context));
      return context->route->handler(*context);
    }));
  });
  if (!posted) FinishResult(*context, TooManyWait());
}

void ApiServer::StartAsync(const std::shared_ptr<RequestContext>& context) {
  Answer answer = [this, context](Result<net::HttpReply> result) { FinishResult(*context, std::move(result)); };
  // A handler that throws has dropped its answer; the exchange then answers 500 itself.
  const auto ran = RunGuarded(*context, [&]() -> Result<net::HttpReply> {
    RETURN_IF_ERROR(ReadBody(*context));
    context->route->async(context, std::move(answer));
    return net::HttpReply();
  });
  if (!ran) FinishResult(*context, ran.error());
}

void ApiServer::FinishResult(RequestContext& context, Result<net::HttpReply> result) {
  if (result) return Finish(context, *std::move(result));
  const Error error = LocateInBody(std::move(result).error(), context);
  if (StatusOf(error) >= 500) {
    const bool fault = error.code == Code::kInternal || error.code == Code::kDataLoss;
    MLNODE_LOG(fault ? LogLevel::kError : LogLevel::kWarn, "rest", "{} {}, request {}: {} {}", context.http().method,
               context.path, context.request_id, error.message, error.detail);
  }
  Finish(context, ErrorReply(error, context.Pretty()));
}

void ApiServer::Finish(RequestContext& context, net::HttpReply reply) {
  PrintAnswer(AnswerFormat(context.http().headers, context.Query("format")), reply);
  if (const auto given = context.http().headers.Find("X-Opaque-Id")) {
    reply.headers.Add("X-Opaque-Id", IsPrintable(*given) ? std::string(*given) : context.request_id);
  }
  if (context.route != nullptr && !context.route->replaced_by.empty()) {
    reply.headers.Add("Warning", DeprecationWarning(*context.route));
  }
  for (const auto& [name, value] : context.reply_headers.fields()) reply.headers.Add(name, value);
  telemetry_.Record(context, reply.status, environment_.slow_log_millis->load(std::memory_order_relaxed));
  context.exchange->Reply(std::move(reply));
}

net::HttpReply ApiServer::Refusal(int status, const std::string& message) {
  telemetry_.RecordRefusal(nullptr, status);
  return SimpleErrorReply(status, message);
}

}  // namespace mlnode::rest
