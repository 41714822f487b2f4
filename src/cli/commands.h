// cli/commands.h: one function a command. Each returns an ExitCode and prints through the Terminal.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/command_line.h"
#include "cli/terminal.h"

namespace mlnode::cli {

struct Session {
  ApiClient& api;
  Terminal& terminal;
  std::chrono::seconds timeout{600};  // for tasks
};

// What the user said about a model where guessing is not enough; empty = guess.
struct ModelOptions {
  std::string name;
  std::string config;  // JSON merged over the guessed model_config
  std::string model_type;
  std::int64_t dimension = 0;
  std::string pooling;
  std::optional<bool> normalize;
  std::string hash;  // of what a URL names
};

struct PackOptions {
  std::string folder;
  std::string output;
  ModelOptions model;
};
int RunPack(Terminal& terminal, const PackOptions& options);

struct RegisterOptions {
  std::string source;  // folder, archive or URL
  ModelOptions model;
  bool deploy = false;
};
int RunRegister(Session& session, const RegisterOptions& options);

struct BenchOptions {
  std::string target;  // model id, or the URL of a predict call
  std::size_t clients = 1;
  std::size_t documents = 1;  // of one request
  double seconds = 10;
  double warm_up = 2;      // seconds of load before the window
  std::string texts_file;  // empty: cli/bench_texts.h has some
};
// kOk once anything was answered 200; what else came is in the report.
int RunBench(Session& session, const BenchOptions& options);

int RunDeploy(Session& session, const std::string& model, const std::vector<std::string>& nodes, bool wait);
int RunUndeploy(Session& session, const std::string& model);
int RunPredict(Session& session, const std::string& model, const std::vector<std::string>& texts, bool similarity);
int RunModels(Session& session);
int RunTasks(Session& session, const std::string& task);
int RunNodes(Session& session);
// `assignments`: "name=value"; "name=" resets. None: shows what is set, or with `all` every setting.
int RunSettings(Session& session, const std::vector<std::string>& assignments, bool all);
int RunExplain(Session& session, const std::string& model);
int RunDelete(Session& session, const std::string& model);

// Waits until the task has ended, showing what it does; prints its error. kOk, kRefused, kTimedOut or kUnreachable.
int WaitForTask(Session& session, const std::string& task, const std::string& model, json::object& ended);

// Prints the error; kUnreachable for kUnavailable and its kin, else kRefused.
int Fail(Terminal& terminal, const Error& error);

}  // namespace mlnode::cli
