// storage/data_folder.h: the folder all durable state of a node lives in, held by one process at a time.
//
//   lock          flock'ed while a node runs; holds its process id
//   node_id       22 characters, made once: who this node is in placements and leases
//   cluster_uuid  22 characters, made once
//   mlnode.db, chunks/   storage/sqlite
// Created with mode 0700. An existing folder keeps its mode; one that others may enter is named in a warning.
// Threads: any after Open.
#pragma once

#include <memory>
#include <string>

#include "core/id.h"
#include "core/result.h"

namespace mlnode::storage {

class DataFolder {
 public:
  // kFailedPrecondition: another process holds it (names its id); kDataLoss: node_id or cluster_uuid is damaged;
  // kUnavailable: it cannot be created, read or written; kResourceExhausted: disk full. Blocks on the disk.
  static Result<std::unique_ptr<DataFolder>> Open(const std::string& path, RandomSource& random);
  // Whether Open made a data folder of it before. A folder that cannot be looked into: no.
  static bool Exists(const std::string& path);
  ~DataFolder();  // lets go of the lock
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;

  const std::string& path() const { return path_; }
  const NodeId& node_id() const { return node_id_; }
  const std::string& cluster_uuid() const { return cluster_uuid_; }

 private:
  DataFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;  // file descriptor
  NodeId node_id_;
  std::string cluster_uuid_;
};

}  // namespace mlnode::storage
