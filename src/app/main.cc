#include "app/migrate.h"
#include "app/rotate_keys.h"
#include "app/serve.h"
#include "cli/command_line.h"

int main(int argc, char** argv) {
  return mlnode::cli::RunCommandLine(
      argc, argv,
      {.serve = mlnode::app::Serve, .rotate_keys = mlnode::app::RotateKeys, .migrate = mlnode::app::Migrate});
}
