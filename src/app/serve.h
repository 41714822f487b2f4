// app/serve.h: `mlnode serve`: a node that runs until SIGTERM or SIGINT. A second signal ends the process at once.
#pragma once

#include "cli/command_line.h"

namespace mlnode::app {

// The process's exit code: 0 after a signal, 1 when the node could not start (the reason is printed).
int Serve(const cli::ServeFlags& flags);

}  // namespace mlnode::app
