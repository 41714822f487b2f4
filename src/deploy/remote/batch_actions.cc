#include "deploy/remote/batch_actions.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace mlnode::deploy {
namespace {

using connectors::Action;
using connectors::ActionType;

struct Service {
  std::string_view mark;  // in the URL of the job's begin
  std::string_view status_method, status_path, cancel_path;
  std::string_view replaces;  // of the URL by the path; empty: the path is added
  std::string_view body;      // of both calls
};
constexpr std::array<Service, 4> kServices = {{
    {.mark = "api.sagemaker.",
     .status_method = "POST",
     .status_path = "DescribeTransformJob",
     .cancel_path = "StopTransformJob",
     .replaces = "CreateTransformJob",
     .body = R"({ "TransformJobName" : "${parameters.TransformJobName}"})"},
    {.mark = "api.openai.com",
     .status_method = "GET",
     .status_path = "/${parameters.id}",
     .cancel_path = "/${parameters.id}/cancel",
     .replaces = {},
     .body = {}},
    {.mark = "api.cohere.",
     .status_method = "GET",
     .status_path = "/${parameters.job_id}",
     .cancel_path = "/${parameters.job_id}/cancel",
     .replaces = {},
     .body = {}},
    {.mark = "bedrock.",
     .status_method = "GET",
     .status_path = "/${parameters.processedJobArn}",
     .cancel_path = "/${parameters.processedJobArn}/stop",
     .replaces = {},
     .body = {}},
}};

std::string UrlOf(std::string url, const Service& service, std::string_view path) {
  if (service.replaces.empty()) return url.append(path);
  const std::size_t at = url.find(service.replaces);
  if (at != std::string::npos) url.replace(at, service.replaces.size(), path);
  return url;
}

Action Derived(const Action& begin, const Service& service, ActionType type) {
  const bool status = type == ActionType::kBatchPredictStatus;
  Action action;
  action.type = type;
  action.method = status ? service.status_method : "POST";
  action.url = UrlOf(begin.url, service, status ? service.status_path : service.cancel_path);
  action.headers = begin.headers;
  if (!service.body.empty()) action.request_body = std::string(service.body);
  return action;
}

}  // namespace

connectors::Connector WithBatchActions(connectors::Connector connector) {
  const Action* found = connector.Find(ActionType::kBatchPredict);
  if (found == nullptr) return connector;
  const Action begin = *found;  // the list may move
  for (const Service& service : kServices) {
    if (begin.url.find(service.mark) == std::string::npos) continue;
    for (const ActionType type : {ActionType::kBatchPredictStatus, ActionType::kCancelBatchPredict}) {
      if (connector.Find(type) == nullptr) connector.actions.push_back(Derived(begin, service, type));
    }
    break;
  }
  return connector;
}

json::object JobParameters(const json::object& remote_job) {
  json::object parameters;
  for (const auto& [key, value] : remote_job) {
    parameters[key] = value.is_string() ? value : json::value(ToJson(value));
  }
  if (const json::value* arn = remote_job.if_contains("TransformJobArn"); arn != nullptr && arn->is_string()) {
    const std::string text(arn->as_string());
    parameters["TransformJobName"] = text.substr(text.rfind('/') + 1);
  }
  if (const json::value* arn = remote_job.if_contains("jobArn"); arn != nullptr && arn->is_string()) {
    std::string text(arn->as_string());
    for (std::size_t at = text.find('/'); at != std::string::npos; at = text.find('/', at)) text.replace(at, 1, "%2F");
    if (!parameters.contains("processedJobArn")) parameters["processedJobArn"] = text;
  }
  return parameters;
}

}  // namespace mlnode::deploy
