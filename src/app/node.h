// app/node.h: the composition root: one whole node with its threads, files and sockets. It wires; it decides nothing.
// Threads: Start, Stop and destruction from one thread, none of the node's own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "config/settings.h"
#include "core/files.h"
#include "core/result.h"
#include "engines/engine.h"
#include "storage/store.h"

namespace mlnode::app {

struct NodeOptions {
  config::RawValues settings;                  // static ones, by full name
  engines::EngineRegistry* engines = nullptr;  // null: the plug-ins of mlnode.engine_dir
  FileSync sync = FileSync::kDurable;          // tests: kNone
  std::string credential_keys = {};            // MLNODE_CREDENTIALS_KEYS; empty: mlnode.credentials.key_file counts
  std::string cluster_key = {};                // MLNODE_CLUSTER_KEY; empty: mlnode.cluster.key_file counts
  // Shared with other nodes: makes this one of a cluster without NATS. Borrowed; outlives the node.
  storage::Store* store = nullptr;
  // Called once, on a thread of the node, when another process is in the cluster under this node's id: this one takes
  // no part any more, and had better be stopped.
  std::function<void()> displaced = {};
};

class Node {
 public:
  // Returns once requests are answered; models that were deployed may still be loading (GET /_ready tells).
  // kInvalidArgument (settings), kPermissionDenied (an address other than loopback without
  // mlnode.insecure_allow_remote, or a cluster on one without the keys that it needs), kFailedPrecondition (port taken,
  // data folder in use, credential keys that differ from the cluster's), and what store and cache say.
  static Result<std::unique_ptr<Node>> Start(const NodeOptions& options);
  ~Node();  // Stop()
  // Not ready any more, others send nothing more, no new connections, running requests end
  // (mlnode.http.drain_timeout_ms), loads are cancelled, lease and store are closed. Blocks. Idempotent.
  void Stop();
  // The longest that Stop may take: after it somebody who hosts the process ends it (an engine's call never returned).
  std::chrono::seconds StopLimit() const;

  std::uint16_t port() const;
  // "mlnode 0.1.0 listening on http://127.0.0.1:9200, data in /var/lib/mlnode, node <id>"; of a cluster also
  // ", cluster <name> <uuid> on <NATS servers>" before the node.
  std::string Banner() const;

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace mlnode::app
