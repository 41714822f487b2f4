#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "cli/commands.h"
#include "config/settings_markdown.h"
#include "core/version.h"

namespace mlnode::cli {
namespace {

constexpr const char* kAbout =
    "mlnode: serves machine-learning models over the OpenSearch ML Commons REST API.\n\n"
    "Start a node:        mlnode serve\n"
    "In a cluster:        mlnode serve --cluster nats://host:4222 --node-name n1\n"
    "Bring a model in:    mlnode register ./all-MiniLM-L6-v2 --deploy\n"
    "Ask it:              mlnode predict MODEL_ID \"a text\" \"another\" --similarity\n"
    "Why is it not up?    mlnode explain MODEL_ID\n"
    "How fast is it?      mlnode bench MODEL_ID --clients 16 --documents 8\n";
constexpr const char* kExitCodes =
    "Exit codes: 0 done, 1 the node refused or the task failed, 2 wrong command line, 3 no node answers, 4 still not "
    "done after --timeout.\n"
    "The node's URL is --url, else MLNODE_URL, else http://127.0.0.1:9200.";

struct Parsed {
  bool as_json = false;
  std::string url;
  std::int64_t timeout_seconds = 600;
  ServeFlags serve;
  std::string from, to;  // of migrate
  bool overwrite = false;
  std::vector<std::string> raw_settings;
  std::string port, address, data, log_level, log_format, cluster, node_name, roles;
  bool insecure = false;
  PackOptions pack;
  RegisterOptions registration;
  BenchOptions bench;
  std::string model, task;
  std::vector<std::string> nodes, texts, assignments;
  bool no_wait = false, similarity = false, all = false, markdown = false;
};

void AddModelOptions(CLI::App& command, ModelOptions& options) {
  command.add_option("--config", options.config, "JSON laid over the guessed model_config");
  command.add_option("--model-type", options.model_type, "model_config.model_type, such as bert");
  command.add_option("--dimension", options.dimension, "model_config.embedding_dimension")->check(CLI::PositiveNumber);
  command.add_option("--pooling", options.pooling, "mean, cls, max, mean_sqrt_len, weighted_mean, last_token or none");
  command.add_flag("--normalize,!--no-normalize", options.normalize,
                   "unit-length embeddings, or as the model gives them");
}

// Options of every command that reads a node's static settings.
void AddSettingOptions(CLI::App& command, Parsed& p) {
  command.add_option("--config", p.serve.config_file, "settings file (default: mlnode.yml in this folder, if there)");
  command.add_option("--data", p.data, "data folder (default ./mlnode-data)");
  command.add_option("--set", p.raw_settings, "any setting, as name=value; may be given several times")
      ->allow_extra_args(false);
}

constexpr const char* kAboutMigrate =
    "Ends with a comparison of everything. Stopped at any moment, it is run again and goes on; until it has ended, "
    "nodes\n"
    "refuse the target. mlnode.cluster.name and the nats_ settings (--config, --set) say which cluster and how to "
    "reach it.\n"
    "Run again it copies what changed, unless the target was written to since the last time (--overwrite).\n\n"
    "  mlnode migrate --from ./mlnode-data --to nats://a:4222,nats://b:4222     a node's models into a cluster\n"
    "  mlnode migrate --from nats://a:4222 --to /backup/monday                  nodes may run\n"
    "  mlnode serve --data /backup/monday                                       a backup is a node's folder";

void AddServe(CLI::App& app, Parsed& p) {
  CLI::App* serve = app.add_subcommand("serve", "start a node");
  AddSettingOptions(*serve, p);
  serve->add_option("--port", p.port, "HTTP port (default 9200; 0 = any free one)");
  serve->add_option("--address", p.address, "address to listen on (default 127.0.0.1)");
  serve->add_option("--cluster", p.cluster,
                    "join the cluster on these NATS servers: nats://a:4222,nats://b:4222 (a password in them is safer "
                    "in MLNODE_CLUSTER_NATS)");
  serve->add_option("--node-name", p.node_name, "name of this node in answers (default: the host's)");
  serve->add_option("--roles", p.roles, "what this node does: ml, data or both as ml,data (the default)");
  serve->add_option("--log-level", p.log_level, "debug, info, warn or error");
  serve->add_option("--log-format", p.log_format, "text or json");
  serve->add_flag("--insecure-allow-remote", p.insecure,
                  "allow an address other than loopback although nothing is secured");
  AddSettingOptions(
      *app.add_subcommand(
          "rotate-keys",
          "seal the credentials of a stopped node's data folder under a new key (a cluster's: under its first)"),
      p);
  CLI::App* migrate = app.add_subcommand(
      "migrate",
      "copy all that is stored: a folder into a cluster, a cluster into a folder (backup) and back (restore)");
  AddSettingOptions(*migrate, p);
  migrate->footer(kAboutMigrate);
  migrate->add_option("--from", p.from, "data folder of a stopped node, or NATS URLs")->required();
  migrate->add_option("--to", p.to, "data folder, or NATS URLs of a cluster whose nodes do not run")->required();
  migrate->add_flag("--overwrite", p.overwrite,
                    "although the target was written to since the last time: undo all that was written there");
}

void AddModelCommands(CLI::App& app, Parsed& p) {
  CLI::App* pack =
      app.add_subcommand("pack", "make an archive of a Hugging Face style folder; prints its hash and model_config");
  pack->add_option("DIR", p.pack.folder, "holds model.onnx, tokenizer.json and, to guess from, config.json")
      ->required();
  pack->add_option("-o,--output", p.pack.output, "archive to write (default: DIR.zip here)");
  AddModelOptions(*pack, p.pack.model);

  CLI::App* add = app.add_subcommand("register", "bring a model in: a folder, an archive or a URL");
  add->add_option("SOURCE", p.registration.source, "folder, archive or URL")->required();
  add->add_option("--name", p.registration.model.name, "model name (default: the source's)");
  add->add_option("--hash", p.registration.model.hash, "SHA-256 of what the URL names");
  add->add_flag("--deploy", p.registration.deploy, "deploy it as well and wait until it serves");
  AddModelOptions(*add, p.registration.model);

  for (const auto& [name, about] :
       {std::pair("deploy", "load a model and wait until it serves"),
        std::pair("undeploy", "take a model out of service and free its memory"),
        std::pair("delete", "remove an undeployed model and its chunks"),
        std::pair("explain", "why a model is or is not deployed: eligibility, memory, phase, last error, next retry"),
        std::pair("predict", "embed texts with a deployed model")}) {
    app.add_subcommand(name, about)->add_option("MODEL", p.model, "model id")->required();
  }
  app.get_subcommand("deploy")->add_option("--node", p.nodes, "only on this node; may be given several times");
  app.get_subcommand("deploy")->add_flag("--no-wait", p.no_wait, "return as soon as the node has taken the request");
  CLI::App* predict = app.get_subcommand("predict");
  predict->add_option("TEXT", p.texts, "texts to embed")->required();
  predict->add_flag("--similarity", p.similarity, "print how similar the texts are to each other instead");
}

constexpr const char* kAboutBench =
    "Closed loop: each client sends its next request when its last was answered. After a warm-up everything that is\n"
    "answered within the window counts. Tokens and batches are the node's own numbers (GET /metrics) and hold what\n"
    "others ask of it meanwhile; a server that has none is measured without them.\n\n"
    "  mlnode bench MODEL_ID                               how long one document takes\n"
    "  mlnode bench MODEL_ID --clients 16 --documents 8    what the node can do\n"
    "  mlnode bench http://other:9200/_plugins/_ml/models/ID/_predict --texts texts.json --json";

void AddBench(CLI::App& app, Parsed& p) {
  constexpr std::size_t kMost = 10'000;            // clients: sockets of one process
  constexpr std::size_t kMostDocuments = 100'000;  // as many as a node takes in one request
  constexpr double kLongest = 86'400;              // seconds
  CLI::App* bench = app.add_subcommand("bench", "measure a deployed model under load: documents/s, latency, batches");
  bench->footer(kAboutBench);
  bench->add_option("MODEL|URL", p.bench.target, "model id, or the URL of a predict call that takes text_docs")
      ->required();
  bench->add_option("--clients", p.bench.clients, "clients at a time")
      ->check(CLI::Range(std::size_t{1}, kMost))
      ->capture_default_str();
  bench->add_option("--documents", p.bench.documents, "texts of each request")
      ->check(CLI::Range(std::size_t{1}, kMostDocuments))
      ->capture_default_str();
  bench->add_option("--seconds", p.bench.seconds, "length of the window")
      ->check(CLI::Range(0.1, kLongest))
      ->capture_default_str();
  bench->add_option("--warm-up", p.bench.warm_up, "seconds of load before it")
      ->check(CLI::Range(0.0, kLongest))
      ->capture_default_str();
  bench->add_option("--texts", p.bench.texts_file,
                    "file with a JSON array of texts, or a text a line (default: 32 built-in texts)");
}

void AddListCommands(CLI::App& app, Parsed& p) {
  app.add_subcommand("models", "list models and their states");
  app.add_subcommand("tasks", "list tasks, or show one")->add_option("TASK", p.task, "task id");
  app.add_subcommand("nodes", "list nodes");
  CLI::App* settings = app.add_subcommand("settings", "show or change the settings of a running node");
  settings->add_option("NAME=VALUE", p.assignments, "persistent settings to change; an empty value resets");
  settings->add_flag("--all", p.all, "show defaults too");
  settings->add_flag("--markdown", p.markdown, "print the table of all settings (docs/settings.md); asks no node");
}

// True: the settings given are in p.serve. Else what is wrong was printed.
bool TakeSettings(Parsed& p) {
  for (const std::string& text : p.raw_settings) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      std::cerr << "mlnode: --set wants name=value, not: " << text << "\n";
      return false;
    }
    p.serve.settings.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& [name, value] :
       {std::pair("mlnode.http.port", &p.port), std::pair("mlnode.http.address", &p.address),
        std::pair("mlnode.data_dir", &p.data), std::pair("mlnode.log.level", &p.log_level),
        std::pair("mlnode.log.format", &p.log_format), std::pair("mlnode.cluster.nats", &p.cluster),
        std::pair("mlnode.node.name", &p.node_name), std::pair("mlnode.node.roles", &p.roles)}) {
    if (!value->empty()) p.serve.settings.emplace_back(name, *value);
  }
  if (p.insecure) p.serve.settings.emplace_back("mlnode.insecure_allow_remote", "true");
  return true;
}

int RunAgainstNode(const CLI::App& app, Parsed& p, Terminal& terminal) {
  ApiClient api(p.url);
  Session session{.api = api, .terminal = terminal, .timeout = std::chrono::seconds(p.timeout_seconds)};
  if (app.got_subcommand("register")) return RunRegister(session, p.registration);
  if (app.got_subcommand("deploy")) return RunDeploy(session, p.model, p.nodes, !p.no_wait);
  if (app.got_subcommand("undeploy")) return RunUndeploy(session, p.model);
  if (app.got_subcommand("delete")) return RunDelete(session, p.model);
  if (app.got_subcommand("bench")) return RunBench(session, p.bench);
  if (app.got_subcommand("predict")) return RunPredict(session, p.model, p.texts, p.similarity);
  if (app.got_subcommand("explain")) return RunExplain(session, p.model);
  if (app.got_subcommand("tasks")) return RunTasks(session, p.task);
  if (app.got_subcommand("nodes")) return RunNodes(session);
  if (app.got_subcommand("settings")) return RunSettings(session, p.assignments, p.all);
  return RunModels(session);
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, const LocalCommands& local) {
  Parsed p;
  const char* from_environment = std::getenv("MLNODE_URL");
  p.url = from_environment ? from_environment : "http://127.0.0.1:9200";
  CLI::App app{kAbout, "mlnode"};
  app.footer(kExitCodes);
  app.set_version_flag("--version", std::string("mlnode ") + std::string(kVersion));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_flag("--json", p.as_json, "print results as JSON");
  app.add_option("--url", p.url, "the node to talk to");
  app.add_option("--timeout", p.timeout_seconds, "seconds to wait for a task")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  AddServe(app, p);
  AddModelCommands(app, p);
  AddBench(app, p);
  AddListCommands(app, p);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  if (!TakeSettings(p)) return kUsage;
  if (app.got_subcommand("serve")) return local.serve(p.serve);
  if (app.got_subcommand("rotate-keys")) return local.rotate_keys(p.serve);
  if (app.got_subcommand("migrate")) {
    return local.migrate({.node = p.serve, .from = p.from, .to = p.to, .overwrite = p.overwrite});
  }
  Terminal terminal(p.as_json);
  if (app.got_subcommand("pack")) return RunPack(terminal, p.pack);
  if (p.markdown) {
    std::cout << config::SettingsMarkdown();
    return kOk;
  }
  return RunAgainstNode(app, p, terminal);
}

}  // namespace mlnode::cli
