// models/new_file.h: a file that is written once, piece by piece. Blocks; one thread at a time.
#pragma once

#include <filesystem>
#include <string_view>

#include "core/files.h"
#include "core/result.h"

namespace mlnode::models {

// kResourceExhausted for a full disk or quota, else kInternal; the path stands in detail. `code` is an errno value.
Error FileError(std::string_view step, const std::filesystem::path& path, int code);

// Created anew (an existing file or link is an error), closed by the destructor. Removing it is the owner's business.
class NewFile {
 public:
  static Result<NewFile> Create(const std::filesystem::path& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();
  Status Append(std::string_view bytes);
  // The file is closed, and its content on the disk where `sync` says so.
  Status Finish(FileSync sync = FileSync::kDurable);

 private:
  NewFile(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace mlnode::models
