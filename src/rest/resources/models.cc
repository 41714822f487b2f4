// Models: register, chunks, get, update, delete (spec/lifecycle §2, 5, 7, 9, 10).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "deploy/deploy_after.h"
#include "models/remote/remote_registration.h"
#include "rest/json_reply.h"
#include "rest/resources/document_reply.h"
#include "rest/resources/resources.h"

namespace mlnode::rest {
namespace {

std::string Path(std::string_view rest) { return fmt::format("{}{}", kMlBase, rest); }

using DeployAfterPtr = std::shared_ptr<deploy::DeployAfter>;
using Then = std::function<void(const ModelId&)>;

// What is done with a model that is registered with ?deploy=true.
Result<Then> ThenDeploy(deploy::NodeCore& node, const DeployAfterPtr& after, const models::RegisterInput& input) {
  const ModelId& chosen = input.model.id;
  std::uint64_t before = 0;
  if (!chosen.empty()) {
    ASSIGN_OR_RETURN(before, node.deploys().Generation(chosen));
  }
  const std::vector<NodeId> nodes(input.deploy_node_ids.begin(), input.deploy_node_ids.end());
  return Then([after, nodes, before](const ModelId& model) { after->Begin(model, nodes, before); });
}

models::RemoteEnvironment RemoteEnvironmentOf(deploy::NodeCore& node, const config::Snapshot& settings) {
  return {.models = node.models(),
          .tasks = node.tasks(),
          .actions = node.actions(),
          .connectors = node.connectors(),
          .vault = node.vault(),
          .settings = settings,
          .random = node.random(),
          .clock = node.clock(),
          .owner = {.node = node.self().id, .incarnation = node.self().incarnation}};
}

Result<net::HttpReply> Register(const RequestContext& context, deploy::NodeCore& node, const DeployAfterPtr& after) {
  ASSIGN_OR_RETURN(const bool deploy, context.BoolQuery("deploy", false));
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true));
  const config::SnapshotPtr settings = node.settings().Current();
  ASSIGN_OR_RETURN(models::RegisterInput input, models::ParseRegister(body, *settings));
  Then then;
  if (deploy) {
    ASSIGN_OR_RETURN(then, ThenDeploy(node, after, input));
  }
  if (input.model.function == models::FunctionName::kRemote) {
    ASSIGN_OR_RETURN(const models::RemoteRegistered made,
                     models::RegisterRemote(RemoteEnvironmentOf(node, *settings), std::move(input)));
    if (then) then(made.model);
    return JsonReply(context,
                     json::object{{"task_id", made.task.str()}, {"status", "CREATED"}, {"model_id", made.model.str()}});
  }
  ASSIGN_OR_RETURN(const TaskId task, node.registration().RegisterFromUrl(std::move(input), std::move(then)));
  return JsonReply(context, json::object{{"task_id", task.str()}, {"status", "CREATED"}});
}

Result<net::HttpReply> RegisterMeta(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true, "Model meta request has empty body"));
  ASSIGN_OR_RETURN(models::RegisterInput input, models::ParseRegisterMeta(body, *node.settings().Current()));
  ASSIGN_OR_RETURN(const ModelId model, node.registration().CreateMeta(std::move(input)));
  return JsonReply(context, json::object{{"model_id", model.str()}, {"status", "CREATED"}});
}

Result<std::uint32_t> ChunkNumber(const std::string& text) {
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return Error{.code = Code::kInvalidArgument,
                 .message = fmt::format("For input string: \"{}\"", text),
                 .reason = "number_format_exception"};
  }
  if (number < 0) return MakeError(Code::kInvalidArgument, fmt::format("Chunk number {} is negative", number));
  return static_cast<std::uint32_t>(number);
}

Result<net::HttpReply> UploadChunk(const RequestContext& context, deploy::NodeCore& node) {
  ASSIGN_OR_RETURN(const std::uint32_t number, ChunkNumber(context.PathParam("chunk_number")));
  RETURN_IF_ERROR(node.registration().AddChunk(ModelId(context.PathParam("model_id")), number, context.body()));
  return JsonReply(context, json::object{{"status", "Uploaded"}});
}

Error NoSuchModel(deploy::NodeCore& node, const std::string& id) {
  if (IsFresh(node.store())) return MakeError(Code::kNotFound, "Fail to find model");
  return MakeError(Code::kNotFound, fmt::format("Failed to find model with the provided model id: {}", id));
}

// The document of chunk n of a model, asked for as "<model>_<n>".
Result<json::object> FindChunk(deploy::NodeCore& node, const std::string& id) {
  const std::size_t underscore = id.rfind('_');
  if (underscore == std::string::npos) return NoSuchModel(node, id);
  const std::string_view digits = std::string_view(id).substr(underscore + 1);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return NoSuchModel(node, id);
  const auto model = node.models().Get(ModelId(id.substr(0, underscore)));
  if (!model) return NoSuchModel(node, id);
  const auto& parts = model->received_parts;
  if (!std::binary_search(parts.begin(), parts.end(), number)) return NoSuchModel(node, id);
  return models::ChunkForm(*model, number);
}

Result<net::HttpReply> GetModel(const RequestContext& context, deploy::NodeCore& node) {
  // Accepted; no document holds its content here.
  RETURN_IF_ERROR(context.BoolQuery("return_content", false));
  const std::string& id = context.PathParam("model_id");
  const auto view = node.deploys().Get(ModelId(id));
  if (view) return JsonReply(context, deploy::RenderModel(view->model, view->plan, view->deployment));
  if (view.error().code != Code::kNotFound) return view.error();
  ASSIGN_OR_RETURN(const json::object chunk, FindChunk(node, id));
  return JsonReply(context, chunk);
}

Result<net::HttpReply> UpdateModel(const RequestContext& context, deploy::NodeCore& node) {
  const std::string& id = context.PathParam("model_id");
  ASSIGN_OR_RETURN(const json::object body, ObjectBody(context, true, "Update model request has empty body"));
  ASSIGN_OR_RETURN(models::ModelUpdate update, models::ParseModelUpdate(body));
  if (update.connector) {
    const config::SnapshotPtr settings = node.settings().Current();
    const models::ConnectorSources sources{
        .models = node.models(), .connectors = node.connectors(), .vault = node.vault(), .settings = *settings};
    RETURN_IF_ERROR(models::PrepareConnectorChange(sources, ModelId(id), *update.connector));
  }
  ASSIGN_OR_RETURN(const models::Model model, node.deploys().Update(ModelId(id), update));
  return UpdatedReply(context, kModelIndex, id, {.revision = model.revision, .version = model.doc_version});
}

Result<net::HttpReply> DeleteModel(const RequestContext& context, deploy::NodeCore& node) {
  // Accepted; there are no agents and pipelines here that could still use the model.
  RETURN_IF_ERROR(context.BoolQuery("safe_delete_model", false));
  const std::string& id = context.PathParam("model_id");
  ASSIGN_OR_RETURN(const storage::Written written, node.deploys().Delete(ModelId(id), node.registration()));
  return DeletedReply(context, kModelIndex, id, written);
}

}  // namespace

void AddModelRoutes(RouteTable& table, deploy::NodeCore& node) {
  const auto on_node = [&node](auto handle) {
    return [&node, handle](const RequestContext& context) { return handle(context, node); };
  };
  const auto after =
      std::make_shared<deploy::DeployAfter>(node.deploys(), node.executors().background, node.executors().io);
  Route add{.method = "POST",
            .pattern = Path("/models/_register"),
            .handler = [&node, after](const RequestContext& context) { return Register(context, node, after); },
            .body = BodyUse::kJson,
            .params = {"deploy"}};
  table.Add(add);
  table.AddAlias(Path("/models/_upload"), add);

  Route meta{.method = "POST",
             .pattern = Path("/models/_register_meta"),
             .handler = on_node(RegisterMeta),
             .body = BodyUse::kJson};
  table.Add(meta);
  table.AddAlias(Path("/models/meta"), meta);

  Route chunk{.method = "POST",
              .pattern = Path("/models/{model_id}/upload_chunk/{chunk_number}"),
              .handler = on_node(UploadChunk),
              .body = BodyUse::kRaw,
              .max_body_bytes = storage::kMaxPartBytes,
              .too_large = "Chunk size exceeds 10MB"};
  table.Add(chunk);
  table.AddAlias(Path("/models/{model_id}/chunk/{chunk_number}"), chunk);

  table.Add({.method = "GET",
             .pattern = Path("/models/{model_id}"),
             .handler = on_node(GetModel),
             .params = {"return_content"}});
  table.Add({.method = "PUT",
             .pattern = Path("/models/{model_id}"),
             .handler = on_node(UpdateModel),
             .body = BodyUse::kJson});
  table.Add({.method = "DELETE",
             .pattern = Path("/models/{model_id}"),
             .handler = on_node(DeleteModel),
             .params = {"safe_delete_model"}});
}

}  // namespace mlnode::rest
