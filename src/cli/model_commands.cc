#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "cli/commands.h"

namespace mlnode::cli {
namespace {

constexpr std::string_view kBase = "/_plugins/_ml/";
constexpr int kListed = 1'000;

std::string Cell(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && !value->is_null() ? FormatValue(*value) : std::string("-");
}

// Hits of a search, newest first, as (id, source).
Result<std::vector<std::pair<std::string, json::object>>> Search(Session& session, std::string_view kind,
                                                                 json::object query, std::string_view newest_first) {
  const json::value body = {{"query", std::move(query)}, {"size", kListed}, {"sort", {{{newest_first, "desc"}}}}};
  ASSIGN_OR_RETURN(const json::value answer, session.api.Call("POST", fmt::format("{}{}/_search", kBase, kind), &body));
  std::vector<std::pair<std::string, json::object>> out;
  boost::system::error_code missing;
  const json::value* hits = answer.find_pointer("/hits/hits", missing);
  if (!hits || !hits->is_array()) return MakeError(Code::kUpstream, "the answer has no hits");
  for (const json::value& hit : hits->get_array()) {
    const json::object& object = hit.as_object();
    out.emplace_back(Cell(object, "_id"), object.at("_source").as_object());
  }
  return out;
}

std::string TimeCell(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (!value || !value->is_number()) return "-";
  const auto seconds = static_cast<std::time_t>(value->to_number<std::int64_t>() / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// One embedding per text, from the first tensor of each result.
Result<std::vector<std::vector<double>>> ReadEmbeddings(const json::value& answer, std::size_t wanted) {
  std::vector<std::vector<double>> out;
  boost::system::error_code missing;
  const json::value* results = answer.find_pointer("/inference_results", missing);
  for (std::size_t i = 0; results && results->is_array() && i < results->get_array().size(); ++i) {
    const json::value* data = results->get_array()[i].find_pointer("/output/0/data", missing);
    if (!data || !data->is_array()) break;
    std::vector<double>& row = out.emplace_back();
    for (const json::value& number : data->get_array()) row.push_back(number.to_number<double>());
  }
  if (out.size() != wanted) return MakeError(Code::kUpstream, "the answer does not hold one embedding per text");
  return out;
}

double Cosine(const std::vector<double>& a, const std::vector<double>& b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa > 0 && bb > 0 ? dot / std::sqrt(aa * bb) : 0;
}

void PrintSimilarity(Session& session, const std::vector<std::string>& texts,
                     const std::vector<std::vector<double>>& vectors, double millis) {
  std::vector<std::vector<std::string>> rows = {{"similarity"}};
  json::array matrix;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    rows[0].push_back(fmt::format("[{}]", i + 1));
    rows.push_back({fmt::format("[{}] {}", i + 1, texts[i])});
    json::array& line = matrix.emplace_back(json::array()).get_array();
    for (std::size_t j = 0; j < texts.size(); ++j) {
      const double cosine = Cosine(vectors[i], vectors[j]);
      line.emplace_back(cosine);
      rows.back().push_back(fmt::format("{:.3f}", cosine));
    }
  }
  const json::object result = {{"texts", json::value_from(texts)}, {"similarity", matrix}, {"millis", millis}};
  session.terminal.Result(
      result, FormatTable(rows) + fmt::format("{} texts in {:.1f} ms, HTTP included\n", texts.size(), millis));
}

}  // namespace

int RunDeploy(Session& session, const std::string& model, const std::vector<std::string>& nodes, bool wait) {
  const json::value body = nodes.empty() ? json::object() : json::object{{"node_ids", json::value_from(nodes)}};
  Result<json::value> answer = session.api.Call("POST", fmt::format("{}models/{}/_deploy", kBase, model), &body);
  if (!answer) return Fail(session.terminal, answer.error());
  json::object result = answer->is_object() ? answer->get_object() : json::object();
  if (wait) {
    const std::string task = Cell(result, "task_id");
    if (const int code = WaitForTask(session, task, model, result); code != kOk) return code;
    session.terminal.EndProgress();
    result["task_id"] = task;
  }
  result["model_id"] = model;
  session.terminal.Result(result, fmt::format("{}  {}", model, wait ? "DEPLOYED" : Cell(result, "status")));
  return kOk;
}

int RunUndeploy(Session& session, const std::string& model) {
  const json::value body = json::object();
  Result<json::value> answer = session.api.Call("POST", fmt::format("{}models/{}/_undeploy", kBase, model), &body);
  if (!answer) return Fail(session.terminal, answer.error());
  session.terminal.Result(*answer, answer->is_object() ? FormatFields(answer->get_object()) : FormatValue(*answer));
  return kOk;
}

int RunDelete(Session& session, const std::string& model) {
  Result<json::value> answer = session.api.Call("DELETE", fmt::format("{}models/{}", kBase, model));
  if (!answer) return Fail(session.terminal, answer.error());
  session.terminal.Result(*answer, model + "  deleted");
  return kOk;
}

int RunPredict(Session& session, const std::string& model, const std::vector<std::string>& texts, bool similarity) {
  const json::value body = {{"text_docs", json::value_from(texts)}, {"target_response", {"sentence_embedding"}}};
  const SystemClock clock;
  const SteadyTime before = clock.Now();
  Result<json::value> answer = session.api.Call("POST", fmt::format("{}models/{}/_predict", kBase, model), &body);
  if (!answer) return Fail(session.terminal, answer.error());
  const double millis = std::chrono::duration<double, std::milli>(clock.Now() - before).count();
  Result<std::vector<std::vector<double>>> vectors = ReadEmbeddings(*answer, texts.size());
  if (!vectors) return Fail(session.terminal, vectors.error());
  if (similarity) {
    PrintSimilarity(session, texts, *vectors, millis);
    return kOk;
  }
  std::string text;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<double>& v = (*vectors)[i];
    text += fmt::format("{}  {} values:", texts[i], v.size());
    for (std::size_t j = 0; j < std::min<std::size_t>(v.size(), 5); ++j) text += fmt::format(" {:.4f}", v[j]);
    text += v.size() > 5 ? " ...\n" : "\n";
  }
  session.terminal.Result(*answer, text);
  return kOk;
}

int RunModels(Session& session) {
  json::object no_chunks = {{"bool", {{"must_not", {{"exists", {{"field", "chunk_number"}}}}}}}};
  auto hits = Search(session, "models", std::move(no_chunks), "created_time");
  if (!hits) return Fail(session.terminal, hits.error());
  std::vector<std::vector<std::string>> rows = {{"MODEL ID", "NAME", "VERSION", "STATE", "SIZE", "CREATED"}};
  json::array all;
  for (auto& [id, source] : *hits) {
    const json::value* bytes = source.if_contains("model_content_size_in_bytes");
    const std::string size = bytes && bytes->is_number() ? FormatBytes(bytes->to_number<double>()) : "-";
    rows.push_back({id, Cell(source, "name"), Cell(source, "model_version"), Cell(source, "model_state"), size,
                    TimeCell(source, "created_time")});
    source["model_id"] = id;
    all.emplace_back(std::move(source));
  }
  session.terminal.Result(all, FormatTable(rows));
  return kOk;
}

int RunTasks(Session& session, const std::string& task) {
  if (!task.empty()) {
    Result<json::value> answer = session.api.Call("GET", fmt::format("{}tasks/{}", kBase, task));
    if (!answer) return Fail(session.terminal, answer.error());
    session.terminal.Result(*answer, answer->is_object() ? FormatFields(answer->get_object()) : FormatValue(*answer));
    return kOk;
  }
  auto hits = Search(session, "tasks", {{"match_all", json::object()}}, "create_time");
  if (!hits) return Fail(session.terminal, hits.error());
  std::vector<std::vector<std::string>> rows = {{"TASK ID", "TYPE", "STATE", "MODEL ID", "CREATED", "ERROR"}};
  json::array all;
  for (auto& [id, source] : *hits) {
    rows.push_back({id, Cell(source, "task_type"), Cell(source, "state"), Cell(source, "model_id"),
                    TimeCell(source, "create_time"), Cell(source, "error")});
    source["task_id"] = id;
    all.emplace_back(std::move(source));
  }
  session.terminal.Result(all, FormatTable(rows));
  return kOk;
}

int RunNodes(Session& session) {
  Result<json::value> answer = session.api.Call("GET", "/_nodes");
  if (!answer) return Fail(session.terminal, answer.error());
  std::vector<std::vector<std::string>> rows = {{"NODE ID", "NAME", "ADDRESS", "ROLES"}};
  boost::system::error_code missing;
  const json::value* nodes = answer->find_pointer("/nodes", missing);
  if (!nodes || !nodes->is_object())
    return Fail(session.terminal, MakeError(Code::kUpstream, "the answer has no nodes"));
  for (const auto& field : nodes->get_object()) {
    const json::object& node = field.value().as_object();
    rows.push_back({std::string(field.key()), Cell(node, "name"), Cell(node, "host"), Cell(node, "roles")});
  }
  session.terminal.Result(*answer, FormatTable(rows));
  return kOk;
}

int RunSettings(Session& session, const std::vector<std::string>& assignments, bool all) {
  if (!assignments.empty()) {
    json::object persistent;
    for (const std::string& assignment : assignments) {
      const std::size_t equals = assignment.find('=');
      if (equals == std::string::npos) {
        session.terminal.Error(MakeError(Code::kInvalidArgument, "give name=value, or name= to reset: " + assignment));
        return kUsage;
      }
      const std::string value = assignment.substr(equals + 1);
      persistent[assignment.substr(0, equals)] = value.empty() ? json::value() : json::value(value);
    }
    const json::value body = {{"persistent", std::move(persistent)}};
    Result<json::value> answer = session.api.Call("PUT", "/_cluster/settings?flat_settings=true", &body);
    if (!answer) return Fail(session.terminal, answer.error());
  }
  Result<json::value> answer =
      session.api.Call("GET", all ? "/_cluster/settings?flat_settings=true&include_defaults=true"
                                  : "/_cluster/settings?flat_settings=true");
  if (!answer) return Fail(session.terminal, answer.error());
  session.terminal.Result(*answer, answer->is_object() ? FormatFields(answer->get_object()) : FormatValue(*answer));
  return kOk;
}

int RunExplain(Session& session, const std::string& model) {
  Result<json::value> answer = session.api.Call("GET", fmt::format("{}models/{}/_explain", kBase, model));
  if (!answer) return Fail(session.terminal, answer.error());
  session.terminal.Result(*answer, answer->is_object() ? FormatFields(answer->get_object()) : FormatValue(*answer));
  return kOk;
}

}  // namespace mlnode::cli
