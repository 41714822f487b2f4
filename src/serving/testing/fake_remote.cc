#include "serving/testing/fake_remote.h"

#include <utility>

namespace mlnode::serving::testing {
namespace {

connectors::PreparedCall CallWith(std::string body, const json::object& parameters, std::size_t documents) {
  connectors::PreparedCall call;
  call.request.method = "POST";
  call.request.url = "https://provider.example/v1";
  call.request.body = std::move(body);
  call.documents = documents;
  for (const auto& [name, value] : parameters) {
    call.parameters.emplace(name, value.is_string() ? std::string(value.as_string()) : ToJson(value));
  }
  return call;
}

}  // namespace

void FakeCaller::Send(connectors::OutgoingRequest request, connectors::CallOptions options, Done done) {
  bodies.push_back(request.body);
  calls.push_back({std::move(request), std::move(options), std::move(done)});
  if (on_send) on_send();
}

void FakeCaller::Answer(const std::string& body, int status) {
  Call call = std::move(calls.front());
  calls.pop_front();
  net::ClientReply reply;
  reply.status = status;
  reply.body = body;
  if (call.options.body_sink && status == 200) {
    if (Status taken = call.options.body_sink(std::exchange(reply.body, {})); !taken)
      return call.done(std::move(taken).error());
  }
  call.done(std::move(reply));
}

void FakeCaller::Fail(Error error) {
  Call call = std::move(calls.front());
  calls.pop_front();
  call.done(std::move(error));
}

Result<std::vector<connectors::PreparedCall>> EchoConnector::Prepare(const connectors::RemoteInput& input,
                                                                     const connectors::EndpointRules& rules,
                                                                     const Wanted& wanted) const {
  RETURN_IF_ERROR(rules.CheckUrl("https://provider.example/v1"));
  std::vector<connectors::PreparedCall> calls;
  if (TakesAllDocuments(input) && !input.documents.empty()) {
    std::string body;
    for (const auto& document : input.documents) body += (body.empty() ? "" : ",") + document.value_or("null");
    calls.push_back(CallWith(std::move(body), input.parameters, input.documents.size()));
    return calls;
  }
  for (const auto& document : input.documents) {
    if (on_call) on_call();
    if (wanted) RETURN_IF_ERROR(wanted());
    if (document == "refuse me") return MakeError(Code::kInvalidArgument, "Invalid payload: refuse me");
    calls.push_back(CallWith(document.value_or("null"), input.parameters, 1));
  }
  if (calls.empty()) calls.push_back(CallWith(ToJson(input.parameters), input.parameters, 0));
  if (!connector_.parameters.contains("charset")) return calls;
  for (connectors::PreparedCall& call : calls) call.text = std::exchange(call.request.body, "encoded");
  return calls;
}

Result<connectors::RemoteOutput> EchoConnector::Interpret(const connectors::PreparedCall&,
                                                          const net::ClientReply& reply, std::int64_t) const {
  if (reply.status < 200 || reply.status > 300) {
    Error error = MakeError(Code::kUpstream, "Error from remote service: " + reply.body);
    error.upstream_status = reply.status;
    return error;
  }
  connectors::RemoteTensor tensor;
  tensor.name = "response";
  tensor.data_type = "FLOAT32";
  tensor.shape = {1};
  tensor.data = {static_cast<double>(reply.body.size())};
  tensor.data_as_map = reply.body;
  return connectors::RemoteOutput{.status = reply.status, .tensors = {std::move(tensor)}};
}

}  // namespace mlnode::serving::testing
