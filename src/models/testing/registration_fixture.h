// models/testing/registration_fixture.h: a ModelRegistration over a memory store with faults, one manual executor and a
// folder of archives that file URLs may name.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/testing/manual_executor.h"
#include "core/testing/temp_dir.h"
#include "models/registration.h"
#include "models/testing/artifact_site.h"
#include "models/testing/zip_builder.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/fault_store.h"

namespace mlnode::models::testing {

class RegistrationFixture : public ::testing::Test {
 protected:
  RegistrationFixture();
  ~RegistrationFixture() override;

  // Replaces settings by the defaults, what registration needs, and `more`.
  void Use(const config::RawValues& more);
  // A registration body's parsed form for this archive, as a file URL. Its hash is right unless given.
  RegisterInput UrlInput(const std::string& zip, const std::string& hash = {});
  RegisterInput MetaInput(std::int64_t chunks);
  // Runs RegisterFromUrl and everything posted; the task as it ended.
  tasks::TaskRecord Register(RegisterInput input);
  Model Get(const ModelId& id) { return models_->Get(id).value(); }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{42};
  mlnode::testing::ManualExecutor executor_{clock_};
  mlnode::testing::TempDir folder_;
  config::Resources resources_;  // what the machine is said to have
  storage::MemoryStore memory_{clock_};
  storage::testing::FaultStore store_{memory_};
  ArtifactSite site_;                 // what the registration reaches over HTTP
  net::HttpClient* client_ = &site_;  // change before Use
  std::unique_ptr<config::Settings> settings_;
  std::unique_ptr<ModelRepository> models_;
  std::unique_ptr<tasks::TaskRepository> tasks_;
  ActionStats actions_;
  std::unique_ptr<ModelRegistration> registration_;
};

}  // namespace mlnode::models::testing
