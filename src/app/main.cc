#include "app/serve.h"
#include "cli/command_line.h"

int main(int argc, char** argv) { return mlnode::cli::RunCommandLine(argc, argv, mlnode::app::Serve); }
