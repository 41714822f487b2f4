// cli/command_line.h: the program's command line. `mlnode --help` lists it; docs: README.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace mlnode::cli {

// Exit codes of every command but serve.
enum ExitCode : int {
  kOk = 0,
  kRefused = 1,      // the node answered with an error, or the task failed: its reason is printed
  kUsage = 2,        // the command line is wrong
  kUnreachable = 3,  // no node answers at the URL
  kTimedOut = 4,     // the task had not ended within --timeout
};

// What `serve` was given; merged over mlnode.yml and the environment by app/node.h.
struct ServeFlags {
  std::string config_file;                                    // empty: mlnode.yml in the working folder, if there
  std::vector<std::pair<std::string, std::string>> settings;  // full name, value: later wins
};
// What `migrate` was given: where from, where to (a data folder, or URLs of NATS servers), and a node's settings.
struct MigrateFlags {
  ServeFlags node;
  std::string from, to;
  bool overwrite = false;  // what was written to the target since the last time
};
// What runs in this process, without a node to talk to: the program's entry gives it. Each returns the exit code.
struct LocalCommands {
  std::function<int(const ServeFlags&)> serve;
  std::function<int(const ServeFlags&)> rotate_keys;
  std::function<int(const MigrateFlags&)> migrate;
};

// Parses, runs, prints; returns the process's exit code. Writes results to standard output, everything else to standard
// error.
int RunCommandLine(int argc, const char* const* argv, const LocalCommands& local);

}  // namespace mlnode::cli
