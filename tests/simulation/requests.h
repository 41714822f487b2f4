// simulation/requests.h: what clients ask of a node, drawn at random. Each posts its request to the node and returns;
// what it begins goes on as the world runs.
#pragma once

#include "simulation/world.h"

namespace mlnode::simulation {

void Register(World& world, Member& at);
void Deploy(World& world, Member& at);
void Undeploy(World& world, Member& at);
void UndeployEverywhere(World& world, Member& at, const ModelId& model);
void Delete(World& world, Member& at);
void PredictAny(World& world, Member& at);
void ChangeSettings(World& world, Member& at);
void Enable(World& world, Member& at);
void Control(World& world, Member& at);
void LimitLife(World& world, Member& at);
void MakeGroup(World& world, Member& at);
void DeleteGroup(World& world, Member& at);

// Predicts with the model, here or, as a node of several does, where it is; the answer is counted in the ledger.
// `must_work`: another answer is a violation.
void Predict(World& world, Member& at, const ModelId& model, bool must_work);
// A sound model of these weights, all its parts at once; empty when the node refused it.
ModelId RegisterWhole(World& world, Member& at, const std::string& weights);

// An existing model mostly, sometimes one that never was.
ModelId AnyModel(World& world);
std::string Told(const Error& error);

}  // namespace mlnode::simulation
