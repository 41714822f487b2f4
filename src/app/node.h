// app/node.h: the composition root: one whole node with its threads, files and sockets. It wires; it decides nothing.
// Threads: Start, Stop and destruction from one thread, none of the node's own.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "config/settings.h"
#include "core/files.h"
#include "core/result.h"
#include "engines/engine.h"

namespace mlnode::app {

struct NodeOptions {
  config::RawValues settings;                  // static ones, by full name
  engines::EngineRegistry* engines = nullptr;  // null: the plug-ins of mlnode.engine_dir
  FileSync sync = FileSync::kDurable;          // tests: kNone
  std::string credential_keys = {};            // MLNODE_CREDENTIALS_KEYS; empty: mlnode.credentials.key_file counts
};

class Node {
 public:
  // Returns once requests are answered; models that were deployed may still be loading (GET /_ready tells).
  // kInvalidArgument (settings), kPermissionDenied (an address other than loopback without
  // mlnode.insecure_allow_remote), kFailedPrecondition (port taken, data folder in use), and what store and cache say.
  static Result<std::unique_ptr<Node>> Start(const NodeOptions& options);
  ~Node();  // Stop()
  // Not ready any more, no new connections, running requests end (mlnode.http.drain_timeout_ms), loads are cancelled,
  // lease and store are closed. Blocks. Idempotent.
  void Stop();
  // The longest that Stop may take: after it somebody who hosts the process ends it (an engine's call never returned).
  std::chrono::seconds StopLimit() const;

  std::uint16_t port() const;
  // "mlnode 0.1.0 listening on http://127.0.0.1:9200, data in /var/lib/mlnode, node <id>"
  std::string Banner() const;

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace mlnode::app
